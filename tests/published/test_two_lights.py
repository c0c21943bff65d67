"""One chart photographed under D65 and under TL84: the only real pair here that says how true a transfer is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccharmony.arrays import UInt8
from ccharmony.checker import patches
from ccharmony.checker.chart import STANDARD
from ccharmony.checker.detect import find_checker
from ccharmony.checker.findings import Detection
from ccharmony.color import difference, transfer
from ccharmony.color.polynomial import FitKind, apply_polynomial, fit_polynomial
from ccharmony.images import pixels

FOLDER = Path("fixtures") / "multi_illum_chart"


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> dict[str, tuple[UInt8, Detection]]:
    """The photo of the chart under each light, and where the chart is."""
    found = {}
    for light, name in (("D65", "d65_colorchecker.jpg"), ("TL84", "TL84_colorchecker.jpg")):
        image = pixels.read_image(shared_data / FOLDER / name)
        found[light] = (image, find_checker(image))
    return found


@pytest.mark.parametrize(("kind", "limit"), [("published", 1.5), ("affine", 1.8), ("ridge", 1.3)])
def test_chart_carried_from_d65_to_tl84_is_close_to_its_photo(
    photos: dict[str, tuple[UInt8, Detection]], kind: FitKind, limit: float
) -> None:
    image, here = photos["D65"]
    _, there = photos["TL84"]
    assert here.patches is not None
    assert there.patches is not None
    to_standard = fit_polynomial(here.patches.colors, STANDARD, kind)
    from_standard = fit_polynomial(STANDARD, there.patches.colors, kind)
    foreground = transfer.standardize(image, np.ones(image.shape[:2], bool), to_standard)
    carried = patches.read_patches(
        transfer.paste(image, foreground, transfer.relight_foreground(foreground, from_standard)), here.corners
    )
    before = difference.delta_e(here.patches.colors, there.patches.colors)
    after = difference.delta_e(carried.colors, there.patches.colors)
    assert after.mean() < limit < before.mean()


@pytest.mark.parametrize(("kind", "limit"), [("published", 4.5), ("affine", 2.0), ("ridge", 2.4)])
def test_patch_that_neither_fit_saw_is_carried_too(
    photos: dict[str, tuple[UInt8, Detection]], kind: FitKind, limit: float
) -> None:
    here, there = (photos[light][1].patches for light in ("D65", "TL84"))
    assert here is not None
    assert there is not None
    missed = []
    for patch in range(24):
        others = np.arange(24) != patch
        forward = fit_polynomial(here.colors[others], STANDARD[others], kind)
        inverse = fit_polynomial(STANDARD[others], there.colors[others], kind)
        carried = apply_polynomial(inverse, apply_polynomial(forward, here.colors[patch]))
        missed.append(float(difference.delta_e(carried, there.colors[patch])))
    assert np.mean(missed) < limit
