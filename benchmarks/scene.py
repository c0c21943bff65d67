"""A photo to measure on: smooth colors with a little grain, so that the codecs have a photo's work, and a chart."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ccharmony import files
from ccharmony.arrays import Float32, Float64, UInt8
from ccharmony.checker.chart import RELEASE_TO_CHART, STANDARD, patch_quads
from ccharmony.color.polynomial import fit_polynomial
from ccharmony.dataset.fits import write_fits
from ccharmony.images import pixels
from ccharmony.records import FitRecord


def photo(height: int, width: int, warmth: float = 1.0) -> UInt8:
    """Render a photo (height, width, 3) with a chart at its right edge, in a light of that warmth."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(40, 200, (height // 100, width // 100, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * tint(warmth).astype(np.float32)
    grain = rng.integers(-6, 7, (height, width, 1), np.int8)
    image: UInt8 = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    _draw_chart(image, corners(height, width), warmth)
    return image


def corners(height: int, width: int) -> Float64:
    """Return where the chart is, shape (4, 2): x and y in pixels, dark skin's corner first."""
    left, right, top, bottom = 0.82 * width, 0.99 * width, 0.02 * height, 0.19 * height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def mask(height: int, width: int, share: float) -> Float32:
    """Draw an ellipse that covers a share of the photo, shape (height, width)."""
    y, x = np.ogrid[:height, :width]
    radius = np.sqrt(share / np.pi)
    inside = ((x / width - 0.4) / radius) ** 2 + ((y / height - 0.5) / radius) ** 2 < 1
    return np.asarray(inside, np.float32)


def light(name: str, warmth: float) -> FitRecord:
    """Return the fitted light of a chart of the warmth given."""
    patches = STANDARD * tint(warmth) + 0.02
    forward, inverse = fit_polynomial(patches, STANDARD), fit_polynomial(STANDARD, patches)
    return FitRecord(name, "none", "benchmark", "ridge", patches, forward, inverse)


def recolor(seed: int) -> Callable[[UInt8], UInt8]:
    """Return what puts a picture (H, W, 3) under a random light: a gain and a gamma for each channel."""
    random = np.random.default_rng(seed)
    gains, gammas = random.uniform(0.6, 1.1, 3), random.uniform(0.8, 1.3, 3)
    table = np.rint((255 * gains * (np.arange(256) / 255)[:, None] ** gammas).clip(0, 255)).astype(np.uint8)
    return lambda picture: np.asarray(cv2.LUT(picture, table[None]), np.uint8)


def write_photos(folder: Path, train: int, val: int, lights: int = 12) -> tuple[Path, Path]:
    """Write small photos with masks, and donor lights.

    Parameters
    ----------
    folder
        Where both go.
    train, val
        Photos of each split.
    lights
        Donor lights, all of the train split.

    Returns
    -------
    photos, lights
        Paths, as the options `--photos` and `--lights` take them.
    """
    root, fits = folder / "photos", folder / "fits.h5"
    for name in ("images", "masks"):
        files.make_folder(root / name)
    with (root / "index.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "split"])
        for number in range(train + val):
            name = f"p{number}"
            pixels.write_image(root / "images" / f"{name}.png", photo(128, 192, 1 - 0.4 * number / (train + val)))
            pixels.write_mask(root / "masks" / f"{name}.png", mask(128, 192, 0.1 + 0.2 * (number % 7) / 7))
            table.writerow([name, "train" if number < train else "val"])
    records = [replace(light(f"light{row}", 1 - 0.6 * row / lights), split="train") for row in range(lights)]
    write_fits(fits, records, STANDARD)
    return root, fits


def tint(warmth: float) -> Float64:
    """Return factors on R, G and B; 1 is neutral, less is warmer."""
    return 0.95 * np.array([1, 0.5 + 0.5 * warmth, warmth])


def _draw_chart(image: UInt8, outline: Float64, warmth: float) -> None:
    cv2.fillConvexPoly(image, np.rint(outline).astype(np.int32), (25, 25, 25))
    quads = np.rint(patch_quads(outline)).astype(np.int32)
    for quad, color in zip(quads, STANDARD[RELEASE_TO_CHART], strict=True):
        cv2.fillConvexPoly(image, quad, np.rint(255 * (color * tint(warmth) + 0.02)).tolist())
