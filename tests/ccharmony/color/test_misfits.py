"""Covered patches are named, and those of sound charts are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccharmony.checker.chart import NAMES, STANDARD
from ccharmony.color import difference, misfits, residuals
from ccharmony.color.polynomial import apply_polynomial, fit_polynomial
from ccharmony.sources.release.files import read_release

RANDOM = np.random.default_rng(5)
PHOTO = np.clip(STANDARD**1.1 * [0.9, 0.8, 0.65] + 0.03 + RANDOM.normal(0, 0.01, (24, 3)), 0, 1)


def cover(*names: str) -> np.ndarray:
    """The chart with a gray sticker on some patches."""
    patches = PHOTO.copy()
    patches[[NAMES.index(name) for name in names]] = 0.45
    return patches


@pytest.mark.parametrize("names", [("moderate red",), ("yellow", "blue"), ("yellow", "red", "cyan")])
def test_covered_patches_are_found(names: tuple[str, ...]) -> None:
    found = misfits.find_misfits(cover(*names), STANDARD)
    assert {NAMES[row] for row in found} == set(names)


def test_a_sound_chart_has_none() -> None:
    assert misfits.find_misfits(PHOTO, STANDARD) == ()
    assert misfits.find_misfits(STANDARD * 0.9, STANDARD) == ()
    assert misfits.find_misfits(cover("yellow")[:17], STANDARD[:17]) == ()  # too few to judge


def test_the_error_of_a_left_out_patch_is_that_of_a_fit_without_it() -> None:
    found = misfits._predict_left_out(PHOTO, STANDARD)
    others = np.arange(24) != 7
    matrix = fit_polynomial(PHOTO[others], STANDARD[others], "ridge")
    missed = 255 * np.sqrt(((apply_polynomial(matrix, PHOTO[7]) - STANDARD[7]) ** 2).mean())
    assert found[7] == pytest.approx(missed, rel=0.02)


def test_without_the_covered_patch_colors_are_those_of_the_clean_chart() -> None:
    patches = cover("moderate red")
    clean = apply_polynomial(fit_polynomial(PHOTO, STANDARD), PHOTO)
    kept = [row for row in range(24) if row not in misfits.find_misfits(patches, STANDARD)]
    off = {
        name: difference.delta_e(apply_polynomial(fit_polynomial(patches[rows], STANDARD[rows]), PHOTO), clean).mean()
        for name, rows in (("all", list(range(24))), ("kept", kept))
    }
    assert off["all"] > 1.0
    assert off["kept"] < 0.3


def test_four_of_the_published_charts_have_a_misfit_and_are_better_without(shared_data: Path) -> None:
    patches = {name: colors / 255 for name, colors in read_release(shared_data / "ccharmony_release").patches.items()}
    assert len(patches) == 350
    found = {name: misfits.find_misfits(colors, STANDARD) for name, colors in patches.items()}
    flagged = {name: rows for name, rows in found.items() if rows}
    assert {name: [NAMES[row] for row in rows] for name, rows in flagged.items()} == {
        "IMG_0841": ["cyan"],
        "IMG_0846": ["blue sky"],
        "IMG_0860": ["cyan"],
        "OlympusEPL6_0088": ["white"],
    }
    for name, rows in flagged.items():
        kept = [row for row in range(24) if row not in rows]
        before = residuals.left_out(patches[name], STANDARD, "ridge")[kept].mean()
        assert residuals.left_out(patches[name][kept], STANDARD[kept], "ridge").mean() < before
