"""Small photos with a chart, rendered here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ccharmony import checker, pixels
from ccharmony.manifest import Chart, Photo

HEIGHT, WIDTH = 120, 200
CORNERS = np.array([[128.0, 10], [196, 10], [196, 56], [128, 56]])


def light(warmth: float, gain: float) -> np.ndarray:
    """Factors on R, G, B: warmth 1 is neutral, lower is cooler in red, higher in blue."""
    return gain * np.array([min(1.0, 1.6 - 0.6 * warmth), 0.95, min(1.0, warmth)])


def render(tint: np.ndarray) -> pixels.UInt8:
    """A scene in a light: a wall, a shaded ball as foreground, a chart at the right."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    wall = np.stack([0.35 + 0.2 * x / WIDTH, 0.45 + 0.1 * y / HEIGHT, 0.4 + 0.1 * np.sin(x / 9)], axis=-1)
    ball = np.stack([0.7 - 0.004 * (y - 30), 0.35 + 0.002 * x, 0.3 + 0.003 * y], axis=-1)
    scene = np.where(ball_mask()[..., None] > 0, ball, wall)
    image = np.rint(in_light(scene, tint)).astype(np.uint8)
    cv2.fillConvexPoly(image, CORNERS.astype(np.int32), (25, 25, 25))
    quads = np.rint(checker.patch_quads(CORNERS)).astype(np.int32)
    for quad, color in zip(quads, checker.STANDARD[checker.RELEASE_TO_CHART], strict=True):
        level = np.rint(in_light(color, tint)).tolist()
        cv2.fillConvexPoly(image, quad, level)
    return image


def in_light(colors: np.ndarray, tint: np.ndarray) -> np.ndarray:
    """Levels of reflected colors; a little haze keeps the darkest channel above 0."""
    return 255 * np.clip(0.02 + 0.96 * colors * tint, 0, 1)


def ball_mask() -> pixels.Float32:
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
