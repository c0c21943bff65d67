from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ccharmony.color.relight import make_composite, relight
from ccharmony.errors import FitError, ImageError, SettingsError
from ccharmony.records import FitRecord


def light(name: str, gain: float) -> FitRecord:
    """The light of a photo that is `gain` times as bright as standard."""
    scale = np.zeros((3, 11))
    scale[:, :3] = np.eye(3)
    return FitRecord(name, "", "", "affine", np.full((24, 3), np.nan), scale / gain, scale * gain)


IMAGE = np.full((3, 4, 3), 100, np.uint8)
MASK = np.zeros((3, 4), bool)
MASK[1, 1:3] = True


def test_foreground_leaves_its_own_light_for_the_donors() -> None:
    composite = relight(IMAGE, MASK, light("own", 0.5), light("donor", 0.8))
    assert composite.dtype == np.uint8
    assert composite[1, 1:3].tolist() == [[160, 160, 160]] * 2  # 100 / 0.5 * 0.8
    np.testing.assert_array_equal(composite[~MASK], IMAGE[~MASK])
    assert (IMAGE == 100).all()


def test_soft_mask_blends_the_two_lights() -> None:
    soft = MASK * np.float32(0.25)
    assert relight(IMAGE, soft, light("own", 0.5), light("donor", 0.8))[1, 1].tolist() == [115, 115, 115]


def test_published_arithmetic_truncates_twice() -> None:
    # 100 / 0.9 = 111.1, truncated to 111; 111 * 0.7 = 77.7, truncated to 77. Rounded once it is 78.
    lights = light("own", 0.9), light("donor", 0.7)
    assert relight(IMAGE, MASK, *lights, arithmetic="published")[1, 1, 0] == 77
    assert relight(IMAGE, MASK, *lights)[1, 1, 0] == 78


def test_changed_and_clipped_pixels_are_counted() -> None:
    composite = make_composite(IMAGE, MASK, light("own", 0.2), light("donor", 0.8))
    assert (composite.pixels, composite.clipped_share) == (2, 1.0)
    assert composite.image[1, 1].tolist() == [255, 255, 255]


def test_empty_mask_is_refused() -> None:
    with pytest.raises(ImageError, match="mask is empty"):
        relight(IMAGE, ~np.ones((3, 4), bool), light("own", 1), light("donor", 1))


def test_mask_of_8_bit_levels_is_the_mask_in_0_to_1() -> None:
    levels = np.where(MASK, np.uint8(51), np.uint8(0))  # 51 / 255 = 0.2: 100 + 0.2 * 60
    assert relight(IMAGE, levels, light("own", 0.5), light("donor", 0.8))[1, 1].tolist() == [112, 112, 112]
    hard = relight(IMAGE, MASK, light("own", 0.5), light("donor", 0.8))
    for same in (MASK.astype(np.uint8) * np.uint8(255), MASK.astype(np.uint8), MASK.astype(np.float64)):
        np.testing.assert_array_equal(relight(IMAGE, same, light("own", 0.5), light("donor", 0.8)), hard)


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (np.where(MASK, 2.0, 0), "values 0 to 2 found"),
        (np.where(MASK, np.nan, 0), "values nan to nan found"),
        (-MASK.astype(float), "values -1 to -0 found"),
        (MASK.tolist(), "list found"),
    ],
)
def test_mask_outside_0_to_1_is_refused(mask: Any, found: str) -> None:
    with pytest.raises(ImageError, match=f"mask: {found}"):
        relight(IMAGE, mask, light("own", 1), light("donor", 1))


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (IMAGE.astype(np.uint16), r"uint16 of shape \(3, 4, 3\)"),
        (IMAGE / 255, r"float64 of shape \(3, 4, 3\)"),
        (IMAGE[..., 0], r"uint8 of shape \(3, 4\)"),
        (np.dstack([IMAGE, IMAGE[..., :1]]), r"uint8 of shape \(3, 4, 4\)"),
        (None, "NoneType"),
    ],
)
def test_photo_of_another_type_or_shape_is_refused(image: Any, found: str) -> None:
    with pytest.raises(ImageError, match=f"image: {found} found"):
        relight(image, MASK, light("own", 1), light("donor", 1))


def test_light_without_a_polynomial_is_refused() -> None:
    unfitted = replace(light("night", 1), to_standard=np.full((3, 11), np.nan), from_standard=np.full((3, 11), np.nan))
    for own, donor in ((unfitted, light("donor", 1)), (light("own", 1), unfitted)):
        with pytest.raises(FitError, match="light night"):
            relight(IMAGE, MASK, own, donor)


def test_unknown_arithmetic_is_refused() -> None:
    arithmetic: Any = "exact"
    with pytest.raises(SettingsError, match="'exact' found, one of float, published wanted"):
        relight(IMAGE, MASK, light("own", 1), light("donor", 1), arithmetic=arithmetic)
