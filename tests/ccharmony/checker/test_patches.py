import colour
import numpy as np
import pytest
import skimage.transform

from ccharmony.checker.chart import CHART_TO_RELEASE, NAMES, RELEASE_TO_CHART, STANDARD, patch_quads
from ccharmony.checker.patches import (
    affine_residual,
    looks_like_spydercheckr,
    orientation_ratio,
    orientation_residuals,
    read_patches,
    read_quads,
)
from ccharmony.errors import CheckerError

CORNERS = np.array([(40.0, 30.0), (375.0, 30.0), (375.0, 255.0), (40.0, 255.0)])


def chart_of(levels: np.ndarray, corners: np.ndarray = CORNERS, shape: tuple[int, int] = (300, 420)) -> np.ndarray:
    """Photo of an upright chart, 24 colors in chart order given in levels, on a dark card that fills the photo."""
    image = np.full((*shape, 3), 30, dtype=np.uint8)
    left, top = corners[0]
    unit = (corners[1, 0] - left) / 16.75
    for index, color in enumerate(levels):
        row, column = divmod(index, 6)
        x, y = left + unit * (0.25 + 2.75 * column), top + unit * (0.25 + 2.75 * row)
        image[round(y) : round(y + 2.5 * unit), round(x) : round(x + 2.5 * unit)] = color
    return image


@pytest.fixture
def levels() -> np.ndarray:
    return np.random.default_rng(7).integers(20, 236, (24, 3))


def test_standard_colors_are_those_of_colour_science_but_for_one_channel() -> None:
    chart = colour.CCS_COLOURCHECKERS["ColorChecker 2005"]
    xyz = colour.xyY_to_XYZ(np.array(list(chart.data.values())))
    encoded = colour.XYZ_to_sRGB(xyz, chart.illuminant, chromatic_adaptation_transform="Bradford")
    theirs = np.round(np.clip(encoded, 0, 1) * 255)[CHART_TO_RELEASE]
    differing = np.argwhere(theirs != np.round(STANDARD * 255))
    assert len(differing) == 1
    assert np.abs(theirs - STANDARD * 255).max() < 1.01


def test_release_order_starts_with_white_and_ends_with_bluish_green() -> None:
    assert NAMES[0] == "white"
    assert NAMES[5] == "black"
    assert NAMES[18] == "dark skin"
    assert NAMES[23] == "bluish green"
    np.testing.assert_array_equal(STANDARD[18] * 255, [116, 81, 67])
    assert list(CHART_TO_RELEASE[:7]) == [18, 19, 20, 21, 22, 23, 12]


def test_going_to_chart_order_and_back_changes_nothing() -> None:
    np.testing.assert_array_equal(CHART_TO_RELEASE[RELEASE_TO_CHART], np.arange(24))


def test_the_standard_table_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        STANDARD[0] = 0


def test_patches_are_read_in_release_order(levels: np.ndarray) -> None:
    patches = read_patches(chart_of(levels), CORNERS)
    np.testing.assert_allclose(patches.colors[0] * 255, levels[18])  # white stands fourth row, first column
    np.testing.assert_allclose(patches.colors[18:24] * 255, levels[0:6])
    assert patches.usable.all()
    assert patches.flags() == ("",) * 24


def test_corners_may_be_a_tenth_of_a_patch_off(levels: np.ndarray) -> None:
    off = CORNERS + np.array([(-5, 4), (5, -5), (4, 5), (-4, -5)])
    patches = read_patches(chart_of(levels), off)
    np.testing.assert_allclose(patches.colors[RELEASE_TO_CHART] * 255, levels)


def test_a_chart_in_perspective_is_read_where_its_patches_are() -> None:
    corners = np.array([(100.0, 100.0), (300.0, 60.0), (340.0, 250.0), (90.0, 210.0)])
    flat = np.array([(0, 0), (16.75, 0), (16.75, 11.25), (0, 11.25)])
    theirs = skimage.transform.estimate_transform("projective", flat, corners)
    quads = patch_quads(corners)
    np.testing.assert_allclose(quads[0, 0], theirs([(0.25, 0.25)])[0], atol=1e-3)  # dark skin, outer corner
    np.testing.assert_allclose(quads[15, 2], theirs([(11.0, 8.25)])[0], atol=1e-3)  # yellow, corner toward black
    np.testing.assert_allclose(quads[23, 2], theirs([(16.5, 11.0)])[0], atol=1e-3)  # black, outer corner


def test_twentyfour_quads_are_read_whatever_the_order_of_their_corners(levels: np.ndarray) -> None:
    quads = patch_quads(CORNERS, 0.7) + 0.3
    crossed = quads[:, [0, 2, 1, 3]]
    for given in (quads, crossed, quads[:, ::-1]):
        patches = read_quads(chart_of(levels), given)
        np.testing.assert_allclose(patches.colors[RELEASE_TO_CHART] * 255, levels)


def test_the_mean_ignores_a_scratch_but_the_spread_tells_of_it() -> None:
    image = chart_of(np.full((24, 3), 100))
    image[:, 69:72] = 220  # three columns across the first patch of each row
    patches = read_patches(image, CORNERS)
    np.testing.assert_allclose(patches.colors[18] * 255, [100, 100, 100])
    assert patches.spread[18] > 20
    assert patches.flags()[18].startswith("uneven")
    assert patches.flags()[19] == ""


def test_spread_is_the_standard_deviation_in_levels() -> None:
    image = chart_of(np.full((24, 3), 100))
    image[::2] += 6  # every other row: the deviation is 3
    patches = read_patches(image, CORNERS)
    np.testing.assert_allclose(patches.spread, 3.0, atol=0.02)


@pytest.mark.parametrize("value", [0, 255])
def test_a_patch_with_one_channel_at_an_end_of_the_range_is_clipped(levels: np.ndarray, value: int) -> None:
    levels[3, 1] = value
    patches = read_patches(chart_of(levels), CORNERS)
    assert patches.clipped[21] == 1.0
    assert patches.flags()[21] == "100% clipped"
    assert patches.clipped.sum() == 1.0


def test_a_chart_of_36_pixels_has_too_few_pixels_a_patch(levels: np.ndarray) -> None:
    corners = np.array([(10.0, 10.0), (46.0, 10.0), (46.0, 34.2), (10.0, 34.2)])
    patches = read_patches(chart_of(levels, corners), corners)
    assert (patches.count < 15).all()
    assert "fewer than 15" in patches.flags()[0]
    assert not patches.usable.any()


def test_a_quad_without_pixels_is_not_measured_rather_than_zero(levels: np.ndarray) -> None:
    quads = patch_quads(CORNERS, 0.7)
    quads[0] = (70.3, 60.3)  # four times the same point, between pixels
    patches = read_quads(chart_of(levels), quads)
    assert np.isnan(patches.colors[18]).all()
    assert patches.flags()[18] == "not measured"
    assert patches.usable.sum() == 23


def test_gray_ramp_tells_when_it_rises() -> None:
    levels = np.round(STANDARD[RELEASE_TO_CHART] * 255).astype(int)
    assert read_patches(chart_of(levels), CORNERS).gray_ramp_falls
    levels[20] = 210  # neutral 6.5 brighter than neutral 8
    assert not read_patches(chart_of(levels), CORNERS).gray_ramp_falls


def test_affine_residual_vanishes_for_any_affine_light() -> None:
    matrix = np.array([[0.5, 0.1, 0.0], [0.05, 0.4, 0.1], [0.0, 0.02, 0.3]])
    assert affine_residual(STANDARD @ matrix + 0.07) < 1e-9
    assert affine_residual(np.random.default_rng(1).random((24, 3))) > 40


def test_affine_residual_leaves_out_what_was_not_measured() -> None:
    colors = STANDARD.copy()
    colors[[2, 9]] = np.nan
    assert affine_residual(colors) < 1e-9


def test_four_patches_tell_nothing() -> None:
    colors = np.full((24, 3), np.nan)
    assert affine_residual(colors) == np.inf
    colors[:4] = STANDARD[:4]
    assert affine_residual(colors) == np.inf


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("upright", lambda grid: grid),
        ("turned", lambda grid: grid[::-1, ::-1]),
        ("left-right", lambda grid: grid[:, ::-1]),
        ("up-down", lambda grid: grid[::-1]),
    ],
)
def test_orientation_residuals_name_how_the_chart_was_read(name: str, read: object) -> None:
    colors = read(STANDARD.reshape(4, 6, 3)).reshape(24, 3)  # type: ignore[operator]
    residuals = orientation_residuals(colors)
    assert min(residuals, key=residuals.__getitem__) == name
    assert residuals[name] < 1e-9


def test_chart_order_given_for_release_order_shows_in_the_ratio() -> None:
    assert orientation_ratio(STANDARD) > 1000
    assert orientation_ratio(STANDARD[RELEASE_TO_CHART]) < 0.01


def test_twentythree_quads_are_refused() -> None:
    with pytest.raises(CheckerError, match=r"quads of shape \(23, 4, 2\), a checker has 24"):
        read_quads(np.zeros((300, 420, 3), dtype=np.uint8), patch_quads(CORNERS)[:23])


def test_corners_outside_the_photo_are_refused_by_the_patch_that_falls_out(levels: np.ndarray) -> None:
    with pytest.raises(
        CheckerError, match=r"4 of 24 patches outside the photo of 420x300: bluish green at x 401 to 429"
    ):
        read_patches(chart_of(levels), CORNERS + np.array([70.0, 0.0]))


def test_quads_outside_the_photo_are_refused(levels: np.ndarray) -> None:
    with pytest.raises(CheckerError, match="24 of 24 patches outside the photo of 420x300: dark skin"):
        read_quads(chart_of(levels), patch_quads(CORNERS) - 900)


@pytest.mark.parametrize(
    "corners",
    [
        np.full((4, 2), 50.0),
        np.array([(40, 30), (375, 30), (375, 30), (40, 30)]),
        CORNERS[[0, 2, 1, 3]],  # crossed: the order of Gehler's files
    ],
)
def test_corners_that_enclose_no_area_are_refused(corners: np.ndarray, levels: np.ndarray) -> None:
    with pytest.raises(CheckerError, match="enclose no convex area"):
        read_patches(chart_of(levels), corners)


def test_three_corners_and_corners_of_nan_are_refused(levels: np.ndarray) -> None:
    with pytest.raises(CheckerError, match=r"corners of shape \(3, 2\)"):
        read_patches(chart_of(levels), CORNERS[:3])
    with pytest.raises(CheckerError, match="not finite"):
        read_patches(chart_of(levels), CORNERS * np.nan)


def test_an_image_that_is_not_8_bit_rgb_is_refused() -> None:
    with pytest.raises(CheckerError, match=r"float64 \(300, 420, 3\)"):
        read_patches(np.zeros((300, 420, 3)), CORNERS)  # type: ignore[arg-type]


def test_a_spydercheckr_is_told_from_a_classic_chart_in_any_orientation() -> None:
    classic = STANDARD.reshape(4, 6, 3)
    spyder = classic.copy()
    spyder[1::2] = spyder[1::2, ::-1]
    for turn in (np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[::-1, ::-1]):
        assert looks_like_spydercheckr(0.8 * spyder[turn].reshape(24, 3) + 0.05)
        assert not looks_like_spydercheckr(classic[turn].reshape(24, 3))
