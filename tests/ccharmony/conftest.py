"""Small photos with a chart, rendered here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ccharmony.arrays import Float32, UInt8
from ccharmony.checker.chart import RELEASE_TO_CHART, STANDARD, patch_quads
from ccharmony.images import pixels
from ccharmony.records import Chart, Photo

HEIGHT, WIDTH = 120, 200
CORNERS = np.array([[128.0, 10], [196, 10], [196, 56], [128, 56]])


def light(warmth: float, gain: float) -> np.ndarray:
    """Factors on R, G, B: warmth 1 is neutral, lower is cooler in red, higher in blue."""
    return gain * np.array([min(1.0, 1.6 - 0.6 * warmth), 0.95, min(1.0, warmth)])


def render(tint: np.ndarray) -> UInt8:
    """A scene in a light: a wall, a shaded ball as foreground, a chart at the right."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    wall = np.stack([0.35 + 0.2 * x / WIDTH, 0.45 + 0.1 * y / HEIGHT, 0.4 + 0.1 * np.sin(x / 9)], axis=-1)
    ball = np.stack([0.7 - 0.004 * (y - 30), 0.35 + 0.002 * x, 0.3 + 0.003 * y], axis=-1)
    scene = np.where(ball_mask()[..., None] > 0, ball, wall)
    image = np.rint(in_light(scene, tint)).astype(np.uint8)
    cv2.fillConvexPoly(image, CORNERS.astype(np.int32), (25, 25, 25))
    quads = np.rint(patch_quads(CORNERS)).astype(np.int32)
    for quad, color in zip(quads, STANDARD[RELEASE_TO_CHART], strict=True):
        level = np.rint(in_light(color, tint)).tolist()
        cv2.fillConvexPoly(image, quad, level)
    return image


def in_light(colors: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """Levels of reflected colors; a little haze keeps the darkest channel above 0."""
    return 255 * np.clip(0.02 + 0.96 * colors * tint, 0, 1)


def ball_mask() -> Float32:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((x - 60) ** 2 + (y - 65) ** 2 < 30**2).astype(np.float32)


@pytest.fixture
def make_photo(tmp_path: Path) -> Callable[..., Photo]:
    """Return a function that writes a photo and its mask, and returns its row."""
    folder = tmp_path / "photos with ü"
    folder.mkdir()

    def make(name: str, warmth: float = 1.0, gain: float = 0.9, **changes: object) -> Photo:
        path, mask = folder / f"{name}.png", folder / f"{name}_a.png"
        pixels.write_image(path, render(light(warmth, gain)))
        pixels.write_mask(mask, ball_mask())
        chart = Chart((128, 10, 196, 56), corners=CORNERS)
        photo = Photo(name, "test", "camera", path, chart=chart, masks={"a": mask})
        return replace(photo, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def photos(make_photo: Callable[..., Photo]) -> list[Photo]:
    """Eight photos of one scene, each in its own light."""
    return [make_photo(f"photo {n}", 0.55 + 0.12 * n, 0.95 - 0.05 * n) for n in range(8)]


@pytest.fixture
def paste_charts() -> Callable[..., UInt8]:
    """Return a function that renders a textured photo with charts at given corners, in a light."""

    def paste(
        *places: object, size: tuple[int, int] = (480, 720), tint: object = (1.0, 1.0, 1.0), seed: int = 3
    ) -> UInt8:
        height, width = size
        noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3))
        ground = 90 + 160 * cv2.GaussianBlur(noise, (0, 0), 4)
        for place in places:
            ground = _lay(ground, np.asarray(place, dtype=np.float64))
        reflected = np.clip(ground, 0, 255) * np.asarray(tint) + noise
        return np.rint(np.clip(reflected, 1, 254)).astype(np.uint8)

    return paste


def _lay(ground: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Lay a flat chart with its frame onto a photo; drawn at four times the size, so that its edges are smooth."""
    unit, frame, fine = 12, 9, 4
    card = np.full((135 + 2 * frame, 201 + 2 * frame, 3), 28.0)
    for patch, color in enumerate(255 * STANDARD[RELEASE_TO_CHART]):
        row, column = divmod(patch, 6)
        x, y = frame + 3 + 33 * column, frame + 3 + 33 * row
        card[y : y + 30, x : x + 30] = color
    flat = np.array([(0, 0), (16.75, 0), (16.75, 11.25), (0, 11.25)]) * unit + frame - 0.5
    target = (corners + 0.5) * fine - 0.5
    matrix = cv2.getPerspectiveTransform(flat.astype(np.float32), target.astype(np.float32))
    height, width = ground.shape[:2]
    layers = np.dstack([card, np.full(card.shape[:2], 1.0)])
    warped = cv2.warpPerspective(layers, matrix, (width * fine, height * fine), flags=cv2.INTER_LINEAR)
    shown = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shown[..., :3] + (1 - shown[..., 3:]) * ground)
