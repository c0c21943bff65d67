import numpy as np
import pytest

from ccharmony.checker import crop
from ccharmony.errors import CheckerError


def test_the_largest_of_the_four_parts_is_kept():
    shape = (583, 874)
    assert crop.largest_without((600.7, 300.2, 800.4, 420.9), shape) == (0, 0, 600, 583)
    assert crop.largest_without((100.7, 300.2, 200.4, 420.9), shape) == (200, 0, 874, 583)
    assert crop.largest_without((300.0, 450.0, 600.0, 560.0), shape) == (0, 0, 874, 450)
    assert crop.largest_without((300.0, 20.0, 600.0, 130.9), shape) == (0, 130, 874, 583)


def test_both_ends_of_the_box_are_rounded_down():
    parts = crop.parts_without((10.9, 20.9, 30.9, 40.9), (100, 200))
    assert parts == {
        "left": (0, 0, 10, 100),
        "right": (30, 0, 200, 100),
        "top": (0, 0, 200, 20),
        "bottom": (0, 40, 200, 100),
    }


def test_of_two_equal_parts_the_first_is_kept():
    assert crop.largest_without((40.0, 40.0, 60.0, 60.0), (100, 100)) == (0, 0, 40, 100)


def test_a_chart_that_reaches_beyond_the_edge_is_cut_there():
    assert crop.largest_without((80.0, -7.5, 120.0, 30.0), (50, 100)) == (0, 0, 80, 50)


def test_one_scale_holds_for_both_axes():
    corners = [(2595.4, 1613.8), (3990.3, 1587.1), (2515.8, 2570.0), (3985.4, 2660.1)]
    box = crop.bounding_box(corners, scale=4064 / 813)
    assert box == pytest.approx((503.28, 317.50, 798.26, 532.15), abs=0.01)


@pytest.mark.parametrize(
    "box", [(-30.0, 5.0, -2.0, 20.0), (101.0, 5.0, 140.0, 20.0), (10.0, 60.0, 20.0, 70.0), (10.0, -20.0, 20.0, 0.0)]
)
def test_a_chart_outside_the_photo_is_refused(box):
    with pytest.raises(CheckerError, match="outside the photo of 100x50"):
        crop.largest_without(box, (50, 100))


def test_a_chart_that_fills_the_photo_is_refused():
    with pytest.raises(CheckerError, match="fills the photo of 100x50"):
        crop.largest_without((-1.0, -1.0, 100.0, 50.0), (50, 100))


@pytest.mark.parametrize("box", [(20.0, 5.0, 10.0, 20.0), (10.0, 20.0, 20.0, 20.0), (np.nan, 5.0, 10.0, 20.0)])
def test_an_impossible_box_is_refused(box):
    with pytest.raises(CheckerError, match="wanted x0 < x1 and y0 < y1"):
        crop.largest_without(box, (50, 100))


@pytest.mark.parametrize("points", [np.empty((0, 2)), [(1.0, 2.0, 3.0)], [(np.inf, 1.0)]])
def test_corners_must_be_finite_points(points):
    with pytest.raises(CheckerError, match="wanted finite coordinates"):
        crop.bounding_box(points)


def test_all_charts_are_left_out_each_cutting_what_the_others_leave():
    chart, other = (600.0, 300.0, 800.0, 420.0), (20.0, 400.0, 180.0, 500.0)
    assert crop.largest_without(chart, (583, 874)) == (0, 0, 600, 583)
    assert crop.largest_without(chart, (583, 874), [other]) == (0, 0, 874, 300)
    assert crop.largest_without(chart, (583, 874), [(0.0, 0.0, 590.0, 100.0)]) == (0, 100, 600, 583)


def test_charts_that_together_leave_nothing_are_refused():
    with pytest.raises(CheckerError, match="nothing is left"):
        crop.largest_without((0.0, 0.0, 50.0, 60.0), (60, 90), [(50.0, 0.0, 90.0, 60.0)])
