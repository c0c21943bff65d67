from collections.abc import Callable

import numpy as np

from ccharmony.checker import overlay
from ccharmony.checker.detect import checker_from_corners
from ccharmony.checker.findings import Detection

CORNERS = np.array([(200.0, 120.0), (500.0, 135.0), (495.0, 335.0), (190.0, 320.0)])
PAPER = 40
Paste = Callable[..., np.ndarray]


def test_below_the_photo_stand_the_measured_colors_beside_the_standard(paste_charts: Paste) -> None:
    image = paste_charts(CORNERS, tint=(1.0, 0.5, 0.5))
    drawn = overlay.draw_finding(image, checker_from_corners(image, CORNERS))
    assert drawn.shape[1] == 800  # half of 1600, wider than the photo
    swatches = drawn[480 : 480 + 266, 400:]
    np.testing.assert_allclose(swatches[200, 10], [245, 122, 121], atol=2)  # white, as measured
    np.testing.assert_allclose(swatches[200, 50], [245, 245, 243], atol=2)  # and as it should be
    np.testing.assert_allclose(swatches[66 + 5, 133 + 10], [198, 41, 48], atol=2)  # moderate red


def test_flagged_patches_are_framed_in_red(paste_charts: Paste) -> None:
    image = paste_charts(CORNERS)
    image[140:155, 205:240] = 255  # glare on dark skin
    found = checker_from_corners(image, CORNERS)
    assert found.patches is not None
    assert found.patches.flags()[18] != ""
    drawn = overlay.draw_finding(image, found)
    np.testing.assert_array_equal(drawn[481, 450], (255, 60, 60))
    assert (drawn[481, 600] != (255, 60, 60)).any()


def test_a_refused_finding_shows_the_photo_and_the_reason(paste_charts: Paste) -> None:
    image = paste_charts(size=(600, 900))
    drawn = overlay.draw_finding(image, Detection(None, None, np.nan, np.nan, "no chart found"))
    np.testing.assert_array_equal(drawn[:600], image)
    caption = drawn[600:]
    assert len(caption) < 60
    assert (caption[0] == PAPER).all()
    assert caption.max() > 200  # the words


def test_a_large_photo_is_shrunk_and_other_charts_are_outlined() -> None:
    image = np.full((1000, 2000, 3), 100, dtype=np.uint8)
    other = Detection(CORNERS * 2, None, 0.1, 9.0, "the chart is mirrored")
    drawn = overlay.draw_finding(image, Detection(None, None, 0.1, 9.0, "the chart is mirrored", (other,)), side=1000)
    assert drawn.shape[1] == 1000
    red = (drawn[:500].astype(int) @ [1, -1, -1]) > 100
    assert red.any()
    rows, columns = np.nonzero(red)
    assert abs(columns.min() - 190) <= 3
    assert abs(rows.min() - 120) <= 3
