import numpy as np
import pytest

from ccharmony.color.relight import make_composite, relight
from ccharmony.errors import ImageError
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
