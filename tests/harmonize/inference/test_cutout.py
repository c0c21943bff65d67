import numpy as np
import pytest

from ccharmony.errors import ImageError, SettingsError
from harmonize.inference.cutout import paste_cutout

BACKGROUND = np.full((20, 30, 3), 100, np.uint8)
RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 0] = 200
OPAQUE = np.ones((4, 6), np.float32)


def test_an_opaque_cutout_covers_the_background_at_its_position():
    composite, mask = paste_cutout(RED, OPAQUE, BACKGROUND, (3, 7))
    assert mask[7:11, 3:9].all()
    assert mask.sum() == 24
    assert (composite[7:11, 3:9] == (200, 0, 0)).all()
    np.testing.assert_array_equal(composite[mask == 0], BACKGROUND[mask == 0])


def test_opacity_blends_and_becomes_the_mask():
    composite, mask = paste_cutout(RED, OPAQUE * np.float32(0.25), BACKGROUND, (0, 0))
    assert composite[0, 0].tolist() == [125, 75, 75]
    assert mask[0, 0] == 0.25


@pytest.mark.parametrize(("position", "seen"), [((-2, -1), (3, 4)), ((28, 18), (2, 2)), ((-5, 5), (4, 1))])
def test_what_lies_outside_the_background_is_cut_off(position, seen):
    _, mask = paste_cutout(RED, OPAQUE, BACKGROUND, position)
    rows, columns = np.nonzero(mask)
    assert (len(set(rows)), len(set(columns))) == seen


def test_the_background_is_not_written_to():
    before = BACKGROUND.copy()
    paste_cutout(RED, OPAQUE, BACKGROUND, (0, 0))
    np.testing.assert_array_equal(BACKGROUND, before)


@pytest.mark.parametrize(("scale", "size"), [(2.0, (8, 12)), (0.5, (2, 3)), (0.01, (1, 1))])
def test_scale_changes_the_sides(scale, size):
    _, mask = paste_cutout(RED, OPAQUE, BACKGROUND, (0, 0), scale)
    rows, columns = np.nonzero(mask)
    assert (rows.max() + 1, columns.max() + 1) == size


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_hidden_colors_do_not_seep_into_a_scaled_edge(scale):
    colors = np.full((8, 8, 3), (0, 255, 0), np.uint8)  # green where it is transparent
    colors[2:7, 1:6] = (200, 0, 0)
    opacity = np.zeros((8, 8), np.float32)
    opacity[2:7, 1:6] = 1
    composite, mask = paste_cutout(colors, opacity, BACKGROUND, (0, 0), scale)
    expected = BACKGROUND + ((200, 0, 0) - BACKGROUND.astype(float)) * mask[..., None]
    np.testing.assert_allclose(composite, expected, atol=0.51)


def test_a_position_beside_the_background_is_refused():
    with pytest.raises(SettingsError, match="position 30,0: no part of the foreground is on the background of 30x20"):
        paste_cutout(RED, OPAQUE, BACKGROUND, (30, 0))


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(scale):
    with pytest.raises(SettingsError, match="scale"):
        paste_cutout(RED, OPAQUE, BACKGROUND, (0, 0), scale)


@pytest.mark.parametrize("scale", [1e5, 1e300])
def test_a_scale_that_makes_more_pixels_than_memory_holds_is_refused(scale):
    with pytest.raises(SettingsError, match=r"scale: a cut-out of .* pixels, the limit is 100000000"):
        paste_cutout(RED, OPAQUE, BACKGROUND, scale=scale)


def test_a_transparent_cutout_is_refused():
    with pytest.raises(ImageError, match="transparent everywhere"):
        paste_cutout(RED, OPAQUE * 0, BACKGROUND, (0, 0))
