import numpy as np
import pytest

from ccharmony import sources
from ccharmony.checker.patches import read_quads
from ccharmony.errors import CheckerError, SourceError
from ccharmony.sources import gehler, reading
from ccharmony.sources.gehler import find_gehler

# The 5D: raw 4368 x 2912, rendering 874 x 583, linear 2193 x 1460. These are a tenth of the last two.
RENDERED, LINEAR = (58, 87), (146, 219)
CORNERS = [(2184, 728), (3276, 728), (2184, 1456), (3276, 1456)]
"""Dark skin, bluish green, white, black in pixels of the raw picture: half to three quarters of the width."""


def coordinates(header="4368 2912", patches=24):
    """Text of ``<id>_macbeth.txt``: 24 upright squares in a grid inside the corners, in chart order."""
    rows = [header] if header else []
    rows += [f"{x:.6f} {y:.6f}" for x, y in CORNERS]
    for patch in range(patches):
        left, top = 2184 + 182 * (patch % 6) + 41, 728 + 182 * (patch // 6) + 41
        rows += [f"{left} {top}", f"{left + 100} {top}", f"{left + 100} {top + 100}", f"{left} {top + 100}"]
    return "\n".join(rows) + "\n"


def find_only(tmp_path):
    found = find_gehler(tmp_path)
    assert found.problems == []
    (photo,) = found.photos
    return photo


def counts(value, shape=LINEAR, kind=np.uint16):
    return np.full((*shape, 3), value, kind)


def test_coordinates_are_scaled_by_the_header_for_both_axes(tmp_path, disk):
    disk.picture("gehler/IMG_0300.jpg", *RENDERED)
    disk.write("gehler/coordinates/IMG_0300_macbeth.txt", coordinates())
    chart = find_only(tmp_path).chart
    scale = 87 / 4368
    assert chart.box == pytest.approx((2184 * scale, 728 * scale, 3276 * scale, 1456 * scale))
    assert chart.quads.shape == (24, 4, 2)
    assert chart.quads[0] == pytest.approx(np.array([[2225, 769], [2325, 769], [2325, 869], [2225, 869]]) * scale)
    assert chart.quads[7] == pytest.approx(np.array([[2407, 951], [2507, 951], [2507, 1051], [2407, 1051]]) * scale)


def test_corners_are_dark_skin_bluish_green_black_white(tmp_path, disk):
    disk.picture("gehler/IMG_0300.jpg", *RENDERED)
    disk.write("gehler/IMG_0300_macbeth.txt", coordinates())
    chart = find_only(tmp_path).chart
    expected = np.array([(2184, 728), (3276, 728), (3276, 1456), (2184, 1456)]) * 87 / 4368
    assert chart.corners == pytest.approx(expected)


def test_patches_come_out_in_release_order(tmp_path, disk):
    """Chart order runs from dark skin to black; patch k is painted with level 10 k."""
    image = np.zeros((291, 437, 3), np.uint8)
    for patch in range(24):
        left, top = 218 + 18 * (patch % 6), 73 + 18 * (patch // 6)
        image[top : top + 19, left : left + 19] = 10 * patch + 5
    path = disk.linear("gehler/x/IMG_0300.png", image)
    disk.write("gehler/IMG_0300_macbeth.txt", coordinates())
    chart = gehler.read_chart(tmp_path / "gehler/IMG_0300_macbeth.txt", image.shape[:2], (4368, 2912))
    levels = 255 * read_quads(image, chart.quads).colors[:, 0]
    white_row, dark_skin_row = [185, 195, 205, 215, 225, 235], [5, 15, 25, 35, 45, 55]
    assert path.is_file()
    assert levels[:6] == pytest.approx(white_row)
    assert levels[18:] == pytest.approx(dark_skin_row)


@pytest.mark.parametrize(("shape", "width"), [((583, 874), 4368), ((874, 583), 2912)])
def test_without_a_header_the_cameras_raw_size_stands_in(disk, shape, width):
    path = disk.write("IMG_0300_macbeth.txt", coordinates(header=None))
    chart = gehler.read_chart(path, shape, (4368, 2912))
    assert chart.box[:2] == pytest.approx((2184 * shape[1] / width, 728 * shape[1] / width))


def test_the_small_rendering_is_taken_before_the_linear_picture(tmp_path, disk):
    disk.linear("gehler/png/IMG_0300.png", counts(900))
    small = disk.picture("gehler/original/IMG_0300.tif", *RENDERED)
    photo = find_only(tmp_path)
    assert photo.path == small
    assert photo.rendering is None
    assert (photo.source, photo.camera) == ("gehler", "Canon5D")


@pytest.mark.parametrize(("name", "black"), [("IMG_0300", 129), ("8D5U5524", 0)])
def test_shis_pictures_are_rendered_with_the_cameras_black_level(tmp_path, disk, name, black):
    disk.linear(f"gehler/{name}.png", counts(900))
    photo = find_only(tmp_path)
    assert (photo.rendering.black, photo.rendering.saturation) == (black, 3692)
    assert reading.read_photo(photo).shape == (*LINEAR, 3)


def test_an_8_bit_copy_of_the_linear_size_is_linear_and_uses_its_full_range(tmp_path, disk):
    disk.linear("gehler/8D5U5524.png", counts(40, (1359, 2041), np.uint8))
    photo = find_only(tmp_path)
    assert (photo.rendering.black, photo.rendering.saturation) == (0, 255)


def test_an_8_bit_png_at_a_fifth_is_a_rendering(tmp_path, disk):
    disk.linear("gehler/8D5U5524.png", counts(40, (541, 813), np.uint8))
    assert find_only(tmp_path).rendering is None


def test_a_photo_without_coordinates_has_no_chart(tmp_path, disk):
    disk.picture("gehler/IMG_0300.jpg", *RENDERED)
    assert find_only(tmp_path).chart is None


def test_coordinates_without_a_photo_are_passed_over(tmp_path, disk):
    disk.picture("gehler/IMG_0300.jpg", *RENDERED)
    disk.write("gehler/coordinates/IMG_0301_macbeth.txt", coordinates())
    assert find_only(tmp_path).id == "IMG_0300"


def test_masks_of_ones_own_are_found(tmp_path, disk):
    disk.picture("gehler/IMG_0300.jpg", *RENDERED)
    mask = disk.mask("gehler/masks/IMG_0300_a.png")
    assert find_only(tmp_path).masks == {"a": mask}


def test_the_summary_counts_by_camera(tmp_path, disk):
    disk.picture("gehler/IMG_0300.jpg", *RENDERED)
    summary = find_gehler(tmp_path).summary
    assert summary[0] == "gehler: 1 of 482 Canon5D photos"
    assert summary[1].startswith("gehler: no photos of Canon1Ds")


class TestBadInput:
    def bad(self, tmp_path, disk, text):
        disk.picture("gehler/IMG_0299.jpg", *RENDERED)
        disk.picture("gehler/IMG_0300.jpg", *RENDERED)
        disk.write("gehler/IMG_0300_macbeth.txt", text)
        found = find_gehler(tmp_path)
        assert [photo.id for photo in found.photos] == ["IMG_0299"]
        (problem,) = found.problems
        return problem

    @pytest.mark.parametrize("header", ["4368 2912", None])
    def test_23_quads_cost_only_their_photo(self, tmp_path, disk, header):
        problem = self.bad(tmp_path, disk, coordinates(header, patches=23))
        assert problem.endswith("IMG_0300_macbeth.txt: 23 patches, a checker has 24 of four corners")

    def test_a_patch_with_three_corners_is_refused(self, tmp_path, disk):
        text = "\n".join(coordinates().splitlines()[:-1])
        assert "patches, a checker has 24" in self.bad(tmp_path, disk, text)

    @pytest.mark.parametrize("text", ["", "4368 2912\n1 2 3\n", "1 2\nx 4\n"])
    def test_text_that_is_no_list_of_points_is_refused(self, tmp_path, disk, text):
        assert "IMG_0300_macbeth.txt: " in self.bad(tmp_path, disk, text)

    def test_a_chart_outside_the_photo_is_refused(self, tmp_path, disk):
        text = coordinates(header="1092 728")
        assert "chart at x 174 to 261" in self.bad(tmp_path, disk, text)

    def test_coordinates_that_are_not_finite_are_refused(self, tmp_path, disk):
        text = coordinates().replace("3276.000000 1456.000000", "nan 1456")
        assert "wanted finite coordinates" in self.bad(tmp_path, disk, text)

    def test_a_header_of_zero_is_refused(self, tmp_path, disk):
        assert "header" in self.bad(tmp_path, disk, coordinates(header="0 0"))

    def test_an_empty_picture_is_reported(self, tmp_path, disk):
        disk.picture("gehler/IMG_0299.jpg", *RENDERED)
        disk.write("gehler/IMG_0300.png", "")
        found = find_gehler(tmp_path)
        assert [photo.id for photo in found.photos] == ["IMG_0299"]
        assert "IMG_0300.png: 0 bytes" in found.problems[0]

    def test_two_photos_with_one_id_are_reported(self, tmp_path, disk):
        first, second = (disk.picture(f"gehler/{folder}/IMG_0300.jpg", *RENDERED) for folder in "ab")
        problems = find_gehler(tmp_path).problems
        assert problems == [f"IMG_0300: two photos with one id, {first} is used and {second} is not"]

    def test_a_folder_without_photos_is_an_error(self, tmp_path, disk):
        disk.write("gehler/coordinates/IMG_0300_macbeth.txt", coordinates())
        with pytest.raises(SourceError, match="gehler: no photo found"):
            sources.find(["gehler"], tmp_path)

    def test_rows_are_checked_before_anything_else(self, disk):
        path = disk.write("x_macbeth.txt", "1 2 3\n")
        with pytest.raises(CheckerError, match="a row of 3 numbers"):
            gehler.read_chart(path, RENDERED, (4368, 2912))
