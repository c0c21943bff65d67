import numpy as np
import pytest

from ccharmony.arrays import Float32
from harmonize.inference import color_map


@pytest.fixture
def small() -> Float32:
    return np.random.default_rng(2).uniform(0.1, 0.9, (40, 60, 3)).astype(np.float32)


@pytest.fixture
def mask() -> Float32:
    mask = np.zeros((40, 60), np.float32)
    mask[10:30, 15:50] = 1
    return mask


MATRIX = np.array([[0.9, 0.1, 0.0], [0.0, 1.1, -0.1], [0.1, 0.0, 0.8]], np.float32)


def test_an_affine_change_comes_back_at_every_cell(small, mask):
    after = small @ MATRIX + np.float32(0.05)
    found = color_map.fit(small, after, mask)
    inside = slice(10, 30), slice(15, 50)
    changed = found.change(small[inside], *inside, (40, 60))
    np.testing.assert_allclose(changed, after[inside], atol=2e-3)


def test_the_map_covers_the_foreground_and_one_cell_more(small, mask):
    found = color_map.fit(small, small, mask)
    assert (found.top, found.left, found.grid) == (9, 14, (40, 60))
    assert found.coefficients.shape == (22, 37, 4, 3)


def test_no_change_is_the_zero_map(small, mask):
    assert np.abs(color_map.fit(small, small, mask).coefficients).max() < 1e-6


def test_a_flat_foreground_is_shifted(mask):
    flat = np.full((40, 60, 3), 0.4, np.float32)
    found = color_map.fit(flat, flat + np.float32(0.1), mask)
    part = slice(20, 21), slice(30, 31)
    assert found.change(flat[part], *part, (40, 60)) == pytest.approx(0.5, abs=1e-5)


def test_what_is_not_affine_is_added_smoothly(small, mask):
    rows, columns = np.mgrid[0:40, 0:60] / 12.0
    field = (0.1 * np.sin(rows) * np.cos(columns))[..., None].astype(np.float32)
    found = color_map.fit(small, small + field, mask)
    inside = slice(14, 26), slice(20, 45)
    np.testing.assert_allclose(found.change(small[inside], *inside, (40, 60)), (small + field)[inside], atol=8e-3)


def test_parts_of_a_large_picture_agree_with_the_whole(small, mask):
    found = color_map.fit(small, small**2, mask)
    large = np.random.default_rng(4).uniform(0, 1, (123, 187, 3)).astype(np.float32)
    rows, columns = slice(35, 90), slice(50, 150)
    whole = found.change(large, slice(0, 123), slice(0, 187), (123, 187))
    np.testing.assert_allclose(
        found.change(large[rows, columns], rows, columns, (123, 187)), whole[rows, columns], atol=1e-6
    )


def test_positions_are_those_of_pixel_centers(small, mask):
    """A map that moves along x only: at twice the size, pixel 2k + 1/2 lies over cell k."""
    ramp = np.linspace(0, 0.5, 60, dtype=np.float32)
    found = color_map.fit(small, small + ramp[None, :, None], mask)
    large = np.full((80, 120, 3), 0.5, np.float32)
    changed = found.change(large, slice(0, 80), slice(0, 120), (80, 120)) - large
    middle = changed[40, 60:62].mean(axis=0)  # pixels 60 and 61 straddle cell 30
    assert middle == pytest.approx(np.full(3, ramp[30]), abs=3e-3)


def test_a_single_cell_of_foreground_is_enough(small):
    mask = np.zeros((40, 60), np.float32)
    mask[0, 59] = 0.3
    found = color_map.fit(small, small + np.float32(0.2), mask)
    part = slice(0, 1), slice(59, 60)
    assert found.change(small[part], *part, (40, 60)) - small[part] == pytest.approx(0.2, abs=2e-3)
