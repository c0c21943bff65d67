import numpy as np
import pytest
from PIL import Image

from ccharmony.arrays import Float32, UInt8
from harmonize.inference import adjustment, cutout
from harmonize.inference.adjustment import Adjustment
from harmonize.inference.defringe import estimate_foreground
from harmonize.inference.folders import PictureTask
from harmonize.inference.harmonizer import Background, Harmonizer
from harmonize.inference.image import harmonize_image


def draw_opacity(height: int = 90, width: int = 120) -> Float32:
    """A disk whose edge is eight pixels wide."""
    rows, columns = np.mgrid[:height, :width]
    return ((38 - np.hypot(rows - 44, columns - 60)) / 8).clip(0, 1).astype(np.float32)


def draw_colors(first: tuple[int, int, int], last: tuple[int, int, int], opacity: Float32) -> Float32:
    """A smooth change from one color to another, from left to right."""
    share = np.linspace(0, 1, opacity.shape[1])[None, :, None]
    colors = np.array(first) * (1 - share) + np.array(last) * share
    return np.broadcast_to(colors, (*opacity.shape, 3)).astype(np.float32)


OPACITY = draw_opacity()
FRONT = draw_colors((200, 80, 60), (160, 120, 40), OPACITY)
BACK = draw_colors((30, 160, 60), (40, 200, 220), OPACITY)
SOFT = (OPACITY > 0.02) & (OPACITY < 1)


def mix(front: Float32, back: Float32) -> UInt8:
    return np.rint(back + (front - back) * OPACITY[..., None]).astype(np.uint8)


def off(colors: np.ndarray, wanted: Float32 = FRONT) -> float:
    """Mean distance at the edge, in levels, where each pixel counts by its opacity."""
    distance = np.abs(colors[SOFT].astype(float) - wanted[SOFT])
    return float((distance * OPACITY[SOFT][:, None]).mean())


@pytest.mark.parametrize("sees_background", [True, False])
def test_the_colors_of_the_foreground_are_found_under_soft_edges(sees_background):
    picture = mix(FRONT, BACK)
    if not sees_background:
        picture[OPACITY == 0] = 0  # as a program leaves them that clears what is transparent
    assert off(picture) > 15
    assert off(estimate_foreground(picture, OPACITY, sees_background=sees_background)) < 2.5


def test_opaque_and_transparent_pixels_keep_their_bits():
    picture = mix(FRONT, BACK)
    found = estimate_foreground(picture, OPACITY, sees_background=True)
    solid = (OPACITY == 0) | (OPACITY == 1)
    np.testing.assert_array_equal(found[solid], picture[solid])
    hard = (OPACITY > 0.5).astype(np.float32)
    np.testing.assert_array_equal(estimate_foreground(picture, hard, sees_background=True), picture)


def test_sixteen_bits_stay_sixteen():
    picture = mix(FRONT, BACK).astype(np.uint16) * 257
    found = estimate_foreground(picture, OPACITY, sees_background=True)
    assert found.dtype == np.uint16
    assert off(found / 257) < 2.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 2)])
def test_small_pictures_are_no_error(shape):
    picture = np.full((*shape, 3), 90, np.uint8)
    found = estimate_foreground(picture, np.full(shape, 0.5, np.float32), sees_background=False)
    np.testing.assert_allclose(found, picture, atol=1)


def test_a_cut_out_put_on_another_background_has_no_halo():
    other = draw_colors((220, 220, 230), (180, 190, 240), OPACITY)
    picture, wanted = mix(FRONT, BACK), mix(FRONT, other).astype(np.float32)
    own = estimate_foreground(picture, OPACITY, sees_background=False)
    before, after = (cutout.paste_cutout(each, OPACITY, other.astype(np.uint8))[0] for each in (picture, own))
    assert np.abs(before[SOFT] - wanted[SOFT]).mean() > 12
    assert np.abs(after[SOFT] - wanted[SOFT]).mean() < 1.5


def test_the_change_of_a_soft_pixel_is_that_of_the_foreground_and_not_of_the_mixture(nets):
    """A network that halves red: the background's red stays."""
    picture, wanted = mix(FRONT, BACK), mix(FRONT * np.float32([0.5, 1, 1]), BACK).astype(np.float32)
    half = [[0.5 * (knot + 0.5) / 32 for knot in range(32)]] + 2 * [[(knot + 0.5) / 32 for knot in range(32)]]
    curves = Adjustment(np.array(half), np.zeros((4, 4)))
    for change in (
        lambda defringe: harmonize_image(picture, OPACITY, nets.Recolor((0.5, 1, 1)), defringe=defringe),
        lambda defringe: adjustment.apply(curves, picture, OPACITY, defringe=defringe),
    ):
        plain, own = (np.abs(change(defringe)[SOFT] - wanted[SOFT])[:, 0].mean() for defringe in (False, True))
        assert plain > 8
        assert own < 1.5


def test_cut_outs_of_files_have_their_own_colors_before_they_are_put_on_a_background(tmp_path, nets):
    other = draw_colors((220, 220, 230), (180, 190, 240), OPACITY)
    alpha = np.rint(255 * OPACITY).astype(np.uint8)
    Image.fromarray(np.dstack([mix(FRONT, BACK), alpha])).save(tmp_path / "cut.png")
    Image.fromarray(other.astype(np.uint8)).save(tmp_path / "ground.png")
    wanted, errors = mix(FRONT, other).astype(np.float32), []
    for defringe in (False, True):
        harmonizer = Harmonizer(nets.Recolor(), defringe=defringe, background=Background(tmp_path / "ground.png"))
        harmonizer.run(PictureTask(tmp_path / "cut.png", tmp_path / "cut.png", tmp_path / "out.png"))
        errors.append(np.abs(np.asarray(Image.open(tmp_path / "out.png"))[SOFT] - wanted[SOFT]).mean())
    assert errors[0] > 12
    assert errors[1] < 1.5
