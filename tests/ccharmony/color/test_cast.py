"""Casts against the published white points of D65 and of illuminant A."""

from __future__ import annotations

import numpy as np
import pytest

from ccharmony.color.cast import measure_casts

# XYZ to linear sRGB, IEC 61966-2-1.
TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def patches_of(x: float, y: float) -> np.ndarray:
    """A chart whose gray patches have one chromaticity, in five lightnesses."""
    linear = TO_RGB @ np.array([x / y, 1, (1 - x - y) / y])
    grays = np.linspace(0.5, 0.1, 5)[:, None] * linear
    encoded = np.where(grays <= 0.0031308, 12.92 * grays, 1.055 * grays ** (1 / 2.4) - 0.055)
    return np.concatenate([encoded, np.full((19, 3), 0.5)])


@pytest.mark.parametrize(("x", "y", "kelvin", "duv"), [(0.3127, 0.3290, 6504, 0.0032), (0.44757, 0.40745, 2856, 0.0)])
def test_the_cast_of_a_white_point_is_the_published_one(x: float, y: float, kelvin: float, duv: float) -> None:
    found = measure_casts(patches_of(x, y))
    assert found[0] == pytest.approx([kelvin], rel=2e-3)
    assert found[1] == pytest.approx([duv], abs=2e-4)


def test_clipped_gray_patches_do_not_count() -> None:
    patches = patches_of(0.3127, 0.3290)
    patches[0] = 1.0, 1.0, 0.4
    assert measure_casts(patches)[0] == pytest.approx([6504], rel=2e-3)


def test_a_light_without_gray_patches_and_a_green_one_have_no_temperature() -> None:
    absent, green = np.full((24, 3), np.nan), np.tile([0.1, 0.9, 0.1], (24, 1))
    cct, duv = measure_casts(np.array([absent, green, patches_of(0.3127, 0.3290)]))
    assert np.isfinite(cct).tolist() == [False, False, True]
    assert duv[1] > 0.05
