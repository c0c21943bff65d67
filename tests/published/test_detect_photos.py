"""Charts in photos from the wild: found, the right way round, and nothing else found."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from ccharmony.checker.detect import find_checker
from ccharmony.checker.findings import Detection
from ccharmony.images import pixels, raw

NUS = Path("nus") / "Canon1DsMkIII"

# Part of the photo that is searched (y0, y1, x0, x1; a third of its area at most where the whole takes seconds),
# orientation and outer corners, all read off the overlays that were looked at.
WILD = {
    "dar_baseline.jpg": ((0, 700, 0, 1000), 270, [(153, 177), (153, 67), (222, 68), (222, 177)]),
    "jar_IMG_20140613_203438.jpg": (None, 180, [(1643, 900), (1142, 1407), (713, 1203), (1260, 753)]),
    "jar_IMG_20140613_203500.jpg": (None, 90, [(1212, 887), (1213, 1900), (554, 1900), (507, 873)]),
    "mac_fishbox.jpg": (None, 0, [(1312, 948), (1703, 953), (1718, 1225), (1307, 1230)]),
    "pedro.jpg": (None, 0, [(232, 277), (535, 277), (543, 467), (231, 481)]),
    "plantcv_chip2.jpg": (None, 90, [(728, 448), (722, 722), (542, 717), (546, 444)]),
    "qiu_passport.jpg": (None, 180, [(753, 351), (315, 351), (318, 54), (742, 60)]),
}


def assert_near(found: Detection, corners: Sequence[tuple[float, float]]) -> None:
    """Corners within a third of the distance between two patches; ours were refined, those written down were not."""
    assert found.reason == ""
    assert found.corners is not None
    expected = np.array(corners)
    pitch = np.linalg.norm(expected[1] - expected[0]) / 6
    assert np.linalg.norm(found.corners - expected, axis=1).max() < pitch / 3


@pytest.mark.parametrize("name", WILD)
def test_a_chart_in_the_wild_is_found_the_right_way_round(shared_data: Path, name: str) -> None:
    part, orientation, corners = WILD[name]
    image = pixels.read_image(shared_data / "checker_photos" / name)
    y0, y1, x0, x1 = part or (0, image.shape[0], 0, image.shape[1])
    found = find_checker(np.ascontiguousarray(image[y0:y1, x0:x1]))
    assert_near(found, corners)
    assert found.orientation == orientation
    assert found.residual < 15.5
    assert found.patches is not None
    assert found.patches.usable.sum() >= 19
    assert found.patches.gray_ramp_falls


@pytest.mark.parametrize(("number", "most"), [("0002", 9), ("0004", 22), ("0005", 6), ("0006", 18), ("0008", 8)])
def test_the_charts_of_nus_are_found_in_their_boxes(shared_data: Path, number: str, most: float) -> None:
    image = pixels.read_image(shared_data / NUS / "JPG" / f"Canon1DsMkIII_{number}.JPG")
    box = shared_data / NUS / "CHECKER" / f"Canon1DsMkIII_{number}_mask.txt"
    x, y, width, height = map(float, box.read_text().split(","))
    found = find_checker(image, box=(x, y, x + width, y + height))
    assert found.reason == ""
    assert found.orientation == 0
    assert found.residual < most
    assert found.corners is not None
    assert (found.corners.min(axis=0) > (x - 3, y - 3)).all()
    assert (found.corners.max(axis=0) < (x + width + 3, y + height + 3)).all()
    assert np.ptp(found.corners[:, 0]) > 0.7 * width


def test_the_smallest_chart_of_nus_is_found_without_its_box(shared_data: Path) -> None:
    image = pixels.read_image(shared_data / NUS / "JPG" / "Canon1DsMkIII_0002.JPG")
    found = find_checker(np.ascontiguousarray(image[1100:, 500:1500]))  # 85 of 1000 pixels
    assert_near(found, [(466, 453), (549, 460), (549, 516), (469, 509)])


def test_a_photo_turned_or_mirrored_says_so(shared_data: Path) -> None:
    whole = pixels.read_image(shared_data / NUS / "JPG" / "Canon1DsMkIII_0005.JPG")
    image = np.asarray(cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    upright = find_checker(image)
    assert upright.orientation == 0
    assert upright.patches is not None
    for quarters in (1, 2, 3):
        found = find_checker(np.ascontiguousarray(np.rot90(image, -quarters)))
        assert found.orientation == 90 * quarters
        assert found.patches is not None
        np.testing.assert_allclose(found.patches.colors, upright.patches.colors, atol=4 / 255)
    assert find_checker(np.ascontiguousarray(image[:, ::-1])).reason == "the chart is mirrored"


def test_the_dark_linear_photo_of_gehler_gives_the_patches_of_its_quads(shared_data: Path) -> None:
    found = find_checker(pixels.read_image(shared_data / "gehler" / "photos" / "8D5U5524.png"))
    assert found.patches is not None
    white, black = 255 * found.patches.colors[0], 255 * found.patches.colors[5]
    np.testing.assert_allclose(white, [57.13, 77.35, 48.43], atol=1.0)  # 8D5U5524_patches.csv
    np.testing.assert_allclose(black, [2.22, 3.02, 1.97], atol=1.0)


@pytest.mark.parametrize("name", ["d65_colorchecker.jpg", "TL84_colorchecker.jpg"])
def test_a_chart_is_found_under_a_green_light(shared_data: Path, name: str) -> None:
    found = find_checker(pixels.read_image(shared_data / "fixtures" / "multi_illum_chart" / name))
    assert found.reason == ""
    assert found.orientation == 0
    assert found.patches is not None
    assert found.patches.usable.all()


def test_the_passport_in_a_raw_photo_is_found(shared_data: Path) -> None:
    found = find_checker(raw.read_raw(shared_data / "fixtures" / "raw" / "colorchart.dng"))
    assert_near(found, [(658, 578), (1311, 560), (1315, 975), (640, 987)])
    assert found.orientation == 0


def test_photos_without_a_chart_show_none(shared_data: Path) -> None:
    paths = sorted((shared_data / "photos" / "images").glob("*.webp"))[::200]
    assert len(paths) >= 14
    found = [path.name for path in paths if find_checker(pixels.read_image(path)).reason == ""]
    assert found == []
