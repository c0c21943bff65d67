import numpy as np
import pytest

from ccharmony.checker.windows import Window, passes, passes_in_box


def plan(height: int, width: int) -> list[list[Window]]:
    return list(passes(height, width))


def test_a_photo_of_12_megapixels_is_seen_small_then_whole_then_enlarged() -> None:
    small, whole, enlarged = plan(3000, 4000)
    assert small == [Window(0, 0, 4000, 3000, 0.5)]
    assert whole == [Window(0, 0, 4000, 3000, 1.0)]
    assert {(window.scale, window.small_charts) for window in enlarged} == {(2.0, True)}


def test_a_small_photo_is_seen_once_and_enlarged() -> None:
    assert plan(256, 384) == [[Window(0, 0, 384, 256, 1000 / 256)]]


def test_a_strip_too_narrow_for_any_chart_is_not_searched() -> None:
    assert plan(40, 5000) == []
    assert len(plan(41, 500)) == 1


def test_a_photo_of_64_megapixels_is_cut_and_not_enlarged() -> None:
    small, tiles = plan(8000, 8000)
    assert small == [Window(0, 0, 8000, 8000, 0.25)]
    assert len(tiles) == 9
    assert all(window.x1 - window.x0 == window.y1 - window.y0 == 4000 for window in tiles)


@pytest.mark.parametrize("size", [(3000, 4000), (1000, 700), (2808, 1872), (8000, 9000), (5000, 5001)])
def test_the_tiles_cover_the_photo_and_a_small_chart_lies_in_one_of_them(size: tuple[int, int]) -> None:
    height, width = size
    tiles = plan(height, width)[-1]
    seen = np.zeros(size, dtype=bool)
    for window in tiles:
        assert 0 <= window.x0 < window.x1 <= width
        assert 0 <= window.y0 < window.y1 <= height
        seen[window.y0 : window.y1, window.x0 : window.x1] = True
    assert seen.all()
    side = 600 / tiles[0].scale  # of a chart, after enlarging: larger ones are found at full resolution
    rng = np.random.default_rng(5)
    for x, y in rng.uniform((0, 0), (width - side, height - side), (50, 2)):
        assert any(t.x0 <= x and t.y0 <= y and x + side <= t.x1 and y + side <= t.y1 for t in tiles)


def test_windows_of_a_box_hold_it_and_stay_in_the_photo() -> None:
    windows = [window for (window,) in passes_in_box(1000, 1500, (1300, 20, 1480, 140))]
    assert windows
    for window in windows:
        assert 0 <= window.x0 <= 1300
        assert 0 <= window.y0 <= 20
        assert 1480 < window.x1 <= 1500
        assert 140 < window.y1 <= 1000


def test_a_large_box_is_looked_at_from_afar() -> None:
    windows = [window for (window,) in passes_in_box(6000, 8000, (500, 500, 7500, 5000))]
    assert windows
    assert all(window.scale <= 2000 / 7000 for window in windows)
