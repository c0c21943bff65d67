"""A few fits, a small dataset built by hand, and a browser where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccharmony.build import light
from ccharmony.checker.chart import STANDARD
from ccharmony.dataset import fits
from ccharmony.dataset.manifest import write_manifest
from ccharmony.images import pixels
from ccharmony.records import FitRecord, Pair, Photo

HOSTILE = '<img src=x onerror="document.title=1">'
"""A photo's name that must stay a name."""


def patches_in(tint: tuple[float, float, float], noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """The checker in a colored light, (24, 3) in [0, 1], with noise in levels."""
    colors = 0.03 + 0.9 * STANDARD * np.array(tint)
    return np.clip(colors + np.random.default_rng(seed).normal(0, noise / 255, (24, 3)), 0, 1)


def fitted(name: str, patches: np.ndarray, kind: Any = "ridge", **known: Any) -> FitRecord:
    photo = Photo(name, "nus", "Canon600D", Path("absent.jpg"), patches=patches, **known)
    return light.record_light(None, photo, kind).record


@pytest.fixture
def fit_patches() -> Callable[..., FitRecord]:
    return fitted


@pytest.fixture(scope="session")
def records() -> list[FitRecord]:
    """Four fits: two good, one noisy, one of a photo with a hostile name and a patch that was not measured."""
    unmeasured = patches_in((0.9, 0.8, 1.0), 2, seed=4)
    unmeasured[7] = np.nan
    return [
        fitted("day", patches_in((1.0, 1.0, 1.0), 1, seed=1)),
        fitted("lamp", patches_in((1.0, 0.8, 0.5), 1, seed=2)),
        fitted('noisy, "very" 夜', patches_in((0.7, 0.7, 0.7), 25, seed=3)),
        fitted(HOSTILE, unmeasured),
    ]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, records: list[FitRecord]) -> Path:
    """Two foregrounds of two photos with eleven composites each, of plain colors, as `build` lays them out."""
    root = tmp_path_factory.mktemp("built") / "small $et"
    for folder in ("composite_images", "masks", "real_images"):
        (root / folder).mkdir(parents=True)
    pairs = [pair for name in ("day", "lamp") for pair in _write_foreground(root, name)]
    write_manifest(root / "manifest.csv", pairs)
    fits.write_fits(root / "fits.h5", records, STANDARD)
    (root / "build.json").write_text('{"settings": {"src": ["nus"]}, "problems": ["dusk: truncated <b>JPEG</b>"]}')
    return root


@pytest.fixture
def dataset(tmp_path: Path, built: Path) -> Path:
    """A copy of `built` to change."""
    return Path(shutil.copytree(built, tmp_path / built.name))


def _write_foreground(root: Path, name: str) -> list[Pair]:
    """A gray picture of 90x60 with a square foreground at x 30..59, y 15..44, bluer in every further composite."""
    real = np.full((60, 90, 3), 120, np.uint8)
    mask = np.zeros((60, 90), bool)
    mask[15:45, 30:60] = True
    pixels.write_image(root / f"real_images/{name}.png", real)
    pixels.write_mask(root / f"masks/{name}_a.png", mask)
    pairs = []
    for number in range(1, 12):
        composite = real.copy()
        composite[mask] = (120, 120, 120 + 10 * number)
        place = f"composite_images/{name}_a_{number}.png"
        pixels.write_image(root / place, composite)
        files = place, f"masks/{name}_a.png", f"real_images/{name}.png"
        donor = HOSTILE if number == 1 else "day" if name == "lamp" else "lamp"
        about = name, "a", donor, "nus", "Canon600D", "train", "ridge", "ridge"
        pairs.append(Pair(*files, *about, 0.01 * number, 1.5 * number, "", "", "", ""))  # type: ignore[arg-type]
    return pairs
