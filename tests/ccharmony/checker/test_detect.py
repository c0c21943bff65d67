from collections.abc import Callable

import cv2
import numpy as np
import pytest

from ccharmony.checker import chart
from ccharmony.checker.chart import STANDARD, Box
from ccharmony.checker.corners import refine_corners
from ccharmony.checker.detect import checker_from_corners, find_checker
from ccharmony.errors import CheckerError

Paste = Callable[..., np.ndarray]

UPRIGHT = np.array([(200.0, 120.0), (500.0, 135.0), (495.0, 335.0), (190.0, 320.0)])


def at(x: float, y: float, width: float) -> np.ndarray:
    """Corners of an upright chart with its first corner at a place."""
    return np.array([(x, y), (x + width, y), (x + width, y + width * 0.6716), (x, y + width * 0.6716)])


def turned(image: np.ndarray, corners: np.ndarray, quarters: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn a photo clockwise by quarters, and the places in it."""
    for _ in range(quarters):
        corners = np.stack([image.shape[0] - 1 - corners[:, 1], corners[:, 0]], axis=1)
        image = np.ascontiguousarray(np.rot90(image, -1))
    return image, corners


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_chart_is_found_in_any_rotation_and_read_from_dark_skin_on(paste_charts: Paste, quarters: int) -> None:
    image, corners = turned(paste_charts(UPRIGHT), UPRIGHT, quarters)
    found = find_checker(image)
    assert found.reason == ""
    assert found.orientation == 90 * quarters
    assert found.corners is not None
    assert found.patches is not None
    np.testing.assert_allclose(found.corners, corners, atol=1.0)
    np.testing.assert_allclose(found.patches.colors, STANDARD, atol=1.5 / 255)
    assert found.residual < 2
    assert found.others == ()


def test_the_same_photo_gives_the_same_answer(paste_charts: Paste) -> None:
    image = paste_charts(UPRIGHT, at(520, 30, 150))
    first, second = find_checker(image), find_checker(image.copy())
    np.testing.assert_array_equal(first.corners, second.corners)
    assert (first.cost, first.residual, len(first.others)) == (second.cost, second.residual, len(second.others))


@pytest.mark.parametrize("tint", [(0.12, 0.12, 0.12), (1.0, 0.55, 0.2), (0.25, 0.5, 1.0), (0.2, 0.9, 0.25)])
def test_a_chart_in_shadow_or_under_a_strong_cast_is_found(paste_charts: Paste, tint: tuple[float, ...]) -> None:
    found = find_checker(paste_charts(UPRIGHT, tint=tint))
    assert found.reason == ""
    assert found.corners is not None
    np.testing.assert_allclose(found.corners, UPRIGHT, atol=1.5)


def test_a_photo_without_a_chart_says_so(paste_charts: Paste) -> None:
    found = find_checker(paste_charts())
    assert found.corners is None
    assert found.patches is None
    assert found.reason.startswith("no chart")
    assert found.others == ()


def test_a_board_of_other_colors_is_refused_by_its_residual(paste_charts: Paste) -> None:
    image = paste_charts(UPRIGHT)
    hues = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hues[..., 0] = (hues[..., 0].astype(int) * 3 + 40) % 180  # the grays stay, so cv2.mcc still proposes it
    found = find_checker(np.asarray(cv2.cvtColor(hues, cv2.COLOR_HSV2RGB), dtype=np.uint8))
    assert found.corners is None
    assert found.reason.startswith("no chart")


def test_a_chart_with_three_painted_patches_is_found(paste_charts: Paste) -> None:
    image = paste_charts(UPRIGHT)
    for patch, color in ((3, (0, 255, 0)), (18, (255, 0, 255)), (23, (0, 0, 255))):
        cv2.fillConvexPoly(image, np.rint(chart.patch_quads(UPRIGHT)[patch]).astype(np.int32), color)
    found = find_checker(image)
    assert 25 < found.residual < 38
    assert found.reason == ""
    assert found.corners is not None
    np.testing.assert_allclose(found.corners, UPRIGHT, atol=1.5)


def test_what_came_closest_keeps_its_corners_where_nothing_is_accepted(paste_charts: Paste) -> None:
    image = paste_charts(UPRIGHT)
    hues = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hues[..., 0] = (hues[..., 0].astype(int) * 3 + 40) % 180
    found = find_checker(np.asarray(cv2.cvtColor(hues, cv2.COLOR_HSV2RGB), dtype=np.uint8))
    assert found.corners is None
    assert found.closest is not None
    np.testing.assert_allclose(found.closest.mean(axis=0), UPRIGHT.mean(axis=0), atol=3)


def test_a_mirrored_chart_is_refused_as_mirrored(paste_charts: Paste) -> None:
    found = find_checker(np.ascontiguousarray(paste_charts(UPRIGHT)[:, ::-1]))
    assert found.corners is None
    assert found.reason == "the chart is mirrored"
    assert found.residual < 2


def test_a_chart_that_is_cut_off_is_refused_with_the_count_of_missing_patches(paste_charts: Paste) -> None:
    found = find_checker(paste_charts(at(520, 120, 300)))  # the photo ends within the fifth column
    assert found.corners is None
    assert found.reason == "the chart is cut off: 8 of 24 patches outside the photo"


def test_half_a_chart_behind_something_is_no_chart(paste_charts: Paste) -> None:
    image = paste_charts(UPRIGHT)
    image[:, 345:520] = paste_charts()[:, 345:520]
    found = find_checker(image)
    assert found.corners is None
    assert found.reason.startswith("no chart")


def test_a_chart_of_54_pixels_is_too_small(paste_charts: Paste) -> None:
    found = find_checker(paste_charts(at(100, 80, 54)), box=(95, 75, 160, 122))
    assert found.corners is None
    assert found.reason == "the chart is 54 pixels wide, wanted 60 or more"


def test_a_chart_of_70_pixels_is_found_without_being_told_where(paste_charts: Paste) -> None:
    corners = at(420.3, 260.6, 70)
    found = find_checker(paste_charts(corners, size=(600, 900)))
    assert found.reason == ""
    assert found.corners is not None
    np.testing.assert_allclose(found.corners, corners, atol=1.0)


def test_of_two_charts_the_better_is_taken_and_the_other_reported(paste_charts: Paste) -> None:
    image = paste_charts(at(40, 60, 290), at(390, 100, 290))
    image[:, 360:] //= 4  # a shadow over the second
    found = find_checker(image)
    assert found.corners is not None
    np.testing.assert_allclose(found.corners, at(40, 60, 290), atol=1.0)
    (other,) = found.others
    assert other.corners is not None
    assert abs(other.corners[:, 0].mean() - 535) < 15


def test_a_box_chooses_between_two_charts(paste_charts: Paste) -> None:
    image = paste_charts(at(40, 60, 200), at(390, 100, 290))
    found = find_checker(image, box=(30, 50, 250, 210))
    assert found.corners is not None
    np.testing.assert_allclose(found.corners, at(40, 60, 200), atol=1.0)
    assert found.others == ()


def test_a_box_beside_the_chart_finds_none(paste_charts: Paste) -> None:
    found = find_checker(paste_charts(at(40, 60, 200)), box=(400, 250, 600, 400))
    assert found.corners is None
    assert found.reason.startswith("no chart")


@pytest.mark.parametrize(
    "box", [(900, 20, 990, 80), (50, 50, 50, 90), (60, 20, 30, 80), (float("nan"), 0, 90, 90), (-90, -90, -5, -5)]
)
def test_a_box_without_any_photo_in_it_is_refused(paste_charts: Paste, box: Box) -> None:
    with pytest.raises(CheckerError, match="encloses no part of the photo of 720x480"):
        find_checker(paste_charts(), box=box)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (40, 40)])
def test_a_tiny_photo_holds_no_chart(size: tuple[int, int]) -> None:
    assert find_checker(np.full((*size, 3), 90, dtype=np.uint8)).reason == "no chart found"


def test_a_gray_or_16_bit_image_is_refused() -> None:
    with pytest.raises(CheckerError, match=r"image of uint8 \(90, 90\)"):
        find_checker(np.zeros((90, 90), dtype=np.uint8))
    with pytest.raises(CheckerError, match="image of uint16"):
        find_checker(np.zeros((90, 90, 3), dtype=np.uint16))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 2, 1, 0], [1, 0, 3, 2]])
def test_corners_by_hand_may_start_anywhere_and_go_round_either_way(paste_charts: Paste, order: list[int]) -> None:
    found = checker_from_corners(paste_charts(UPRIGHT), UPRIGHT[order])
    np.testing.assert_array_equal(found.corners, UPRIGHT)
    assert found.residual < 2
    assert np.isnan(found.cost)


def test_corners_by_hand_are_neither_moved_nor_refused(paste_charts: Paste) -> None:
    elsewhere = at(30, 20, 150)
    found = checker_from_corners(paste_charts(UPRIGHT), elsewhere)
    assert found.corners is not None
    assert {tuple(corner) for corner in found.corners} == {tuple(corner) for corner in elsewhere}
    assert found.reason == ""
    assert found.residual > 25


def test_corners_by_hand_outside_the_photo_or_without_area_are_refused(paste_charts: Paste) -> None:
    with pytest.raises(CheckerError, match="outside the photo of 720x480"):
        checker_from_corners(paste_charts(), UPRIGHT + 400)
    with pytest.raises(CheckerError, match="enclose no convex area"):
        checker_from_corners(paste_charts(), UPRIGHT * [1, 0])


def test_refining_moves_corners_that_are_a_third_of_a_patch_off(paste_charts: Paste) -> None:
    rough = UPRIGHT + np.array([(12, -9), (-8, 11), (14, 6), (-10, -12)])
    image = paste_charts(UPRIGHT)
    np.testing.assert_allclose(refine_corners(image, rough), UPRIGHT, atol=0.5)


def test_refining_leaves_corners_where_there_is_no_chart() -> None:
    image = np.full((480, 720, 3), 120, dtype=np.uint8)
    np.testing.assert_array_equal(refine_corners(image, UPRIGHT), UPRIGHT)
