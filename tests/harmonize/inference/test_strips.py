import numpy as np
import pytest

from harmonize.inference import strips


def ramp(rows, columns):
    """Levels that grow by 3 from one row to the next, past 255."""
    levels = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None, None] * 3
    return np.ascontiguousarray(np.broadcast_to(levels, (rows.stop - rows.start, columns.stop - columns.start, 3)))


def test_levels_are_mixed_by_mask_and_strength_and_clipped():
    picture = np.full((100, 4, 3), 90, np.uint8)
    mask = np.repeat(np.array([[0, 0.5, 1, 0]], np.float32), 100, axis=0)
    result = picture.copy()
    strips.blend(picture, mask, 0.5, ramp, result)
    assert result[10, :, 0].tolist() == [90, 75, 60, 90]  # a quarter and a half of the way from 90 to 30
    assert result[99, :, 0].tolist() == [90, 131, 172, 90]  # of the way to 255, not to 297: 131.25 and 172.5


def test_levels_of_floats_are_not_rounded():
    picture = np.full((1, 1, 3), 90, np.uint8)
    result = picture.astype(np.float32)
    strips.blend(picture, np.full((1, 1), 0.25, np.float32), 0.5, ramp, result)
    assert result.tolist() == [[[78.75] * 3]]


@pytest.mark.parametrize("pixels", [1, 37, 10_000])
def test_every_row_is_rendered_once_whatever_the_strips(monkeypatch, pixels):
    monkeypatch.setattr(strips, "STRIP_PIXELS", pixels)
    assert rows_rendered(np.ones((50, 9), np.float32)) == list(range(50))


def test_strips_without_foreground_are_not_rendered(monkeypatch):
    monkeypatch.setattr(strips, "STRIP_PIXELS", 9)
    mask = np.ones((50, 9), np.float32)
    mask[20:30] = 0
    assert rows_rendered(mask) == [*range(20), *range(30, 50)]


def rows_rendered(mask):
    seen = []

    def render(rows, columns):
        seen.extend(range(rows.start, rows.stop))
        return ramp(rows, columns)

    picture = np.zeros((*mask.shape, 3), np.uint8)
    strips.blend(picture, mask, 1.0, render, picture.copy())
    return sorted(seen)


def test_all_levels_of_16_bits_come_back_to_the_bit_where_the_mask_is_0():
    picture = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    mask = np.zeros((256, 256), np.float32)
    mask[:, [0, -1]] = 1  # so that all columns between are rendered
    result = picture.copy()
    strips.blend(picture, mask, 1.0, ramp, result)
    np.testing.assert_array_equal(result[:, 1:-1], picture[:, 1:-1])
    assert result[10, 0].tolist() == [30 * 257] * 3


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_masks_of_bits_and_of_levels_mean_what_floats_mean(kind):
    floats = np.repeat(np.array([[0, 1, 1, 0]], np.float32), 100, axis=0)
    mask = floats.astype(bool) if kind is bool else (floats * 255).astype(np.uint8)
    assert_same_result(mask, floats)


def test_levels_of_a_mask_are_shares_of_255():
    levels = np.repeat(np.array([[0, 51, 204, 255]], np.uint8), 100, axis=0)
    assert_same_result(levels, np.repeat(np.array([[0, 0.2, 0.8, 1]], np.float32), 100, axis=0))


def assert_same_result(mask, floats):
    picture = np.full((100, 4, 3), 90, np.uint8)
    one, other = picture.copy(), picture.copy()
    strips.blend(picture, mask, 0.5, ramp, one)
    strips.blend(picture, floats, 0.5, ramp, other)
    np.testing.assert_array_equal(one, other)


def test_the_result_may_be_the_picture_itself():
    mask = np.repeat(np.array([[0, 0.5, 1, 0]], np.float32), 100, axis=0)
    picture = np.full((100, 4, 3), 90, np.uint8)
    strips.blend(picture, mask, 0.5, ramp, picture)
    assert picture[10, :, 0].tolist() == [90, 75, 60, 90]


@pytest.mark.parametrize("shape", [(2, 40_000), (40_000, 2)])
def test_strips_of_long_pictures_are_within_the_bounds_of_opencvs_maps(shape):
    sizes, changed = [], np.zeros((*shape, 3), np.uint8)

    def render(rows, columns):
        sizes.append((rows.stop - rows.start, columns.stop - columns.start))
        return np.full((*sizes[-1], 3), 7, np.float32)

    strips.blend(changed.copy(), np.ones(shape, bool), 1.0, render, changed)
    assert (changed == 7).all()
    assert max(max(size) for size in sizes) == 2**14
