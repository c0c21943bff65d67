import numpy as np
import pytest

from ccharmony import sources
from ccharmony.checker.findings import Detection
from ccharmony.errors import CheckerError, ImageError, SourceError
from ccharmony.images import raw
from ccharmony.images.camera import Rendering
from ccharmony.sources import reading
from ccharmony.sources.nus import chart
from ccharmony.sources.nus.find import find_nus
from ccharmony.sources.nus.truth import Truth, read_colors, read_truth
from ccharmony.sources.release.files import Release

# The 1Ds Mark III: JPG 5616 x 3744, PNG 2820 x 1876. These are an eighteenth and a twentieth of them.
LYING, LINEAR = (208, 312), (94, 141)


CAMERA = "nus/Canon1DsMkIII"


def find_only(tmp_path):
    found = find_nus(tmp_path)
    assert found.problems == []
    (raw,) = found.photos
    return raw


def released_photo(root, mask):
    """A release of one photo: the one that the mask is of."""
    name = mask.stem.removesuffix("_a")
    facts = {name: np.zeros((24, 3))}
    return Release(root, facts, facts, facts, {name: {"a": mask}}, {name: "train"})


def counts(value, shape=LINEAR):
    return np.full((*shape, 3), value, np.uint16)


def test_the_jpg_is_taken_before_the_png_and_its_box_is_scaled(tmp_path, disk):
    disk.linear(f"{CAMERA}/PNG/Canon1DsMkIII_0005.PNG", counts(4000))
    path = disk.picture(f"{CAMERA}/JPG/Canon1DsMkIII_0005.JPG", *LYING)
    disk.write(f"{CAMERA}/CHECKER/Canon1DsMkIII_0005_mask.txt", "1800,90,450,360\n")
    raw = find_only(tmp_path)
    assert raw.path == path
    assert (raw.id, raw.source, raw.camera) == ("Canon1DsMkIII_0005", "nus", "Canon1DsMkIII")
    assert raw.rendering is None
    assert raw.chart is not None
    assert raw.chart.box == pytest.approx((200, 10, 250, 50))  # 2 JPG pixels a PNG pixel, an eighteenth of them


def test_the_png_is_rendered_with_the_levels_of_the_mat(tmp_path, disk):
    disk.linear(f"{CAMERA}/PNG/Canon1DsMkIII_0005.PNG", counts(8000))
    disk.truth(f"{CAMERA}/Canon1DsMkIII_gt.mat", {"Canon1DsMkIII_0005": (21, 60, 41, 100)})
    raw = find_only(tmp_path)
    assert raw.rendering is not None
    assert (raw.rendering.black, raw.rendering.saturation) == (1000, 15000)
    assert raw.rendering.balance == (2.47, 1.0, 1.285)
    # Inclusive and from 1, so rows 20 to 60 and columns 40 to 100, a twentieth of them.
    assert raw.chart.box == pytest.approx((2, 1, 5, 3))


def test_without_a_mat_the_png_is_rendered_with_the_levels_of_the_catalog(tmp_path, disk):
    disk.linear(f"{CAMERA}/Canon1DsMkIII_0005.png", counts(8000))
    raw = find_only(tmp_path)
    assert (raw.rendering.black, raw.rendering.saturation) == (1024, 15279)
    assert raw.chart is None
    assert reading.read_photo(raw).shape == (*LINEAR, 3)


def test_linear_gray_in_daylight_is_read_as_gray(tmp_path, disk):
    linear = counts(1024)
    linear[:] = np.rint(1024 + 14255 * 0.3 / np.array([2.47, 1.0, 1.285]))
    disk.linear(f"{CAMERA}/Canon1DsMkIII_0005.png", linear)
    image = reading.read_photo(find_only(tmp_path))
    assert np.ptp(image.reshape(-1, 3), axis=1).max() <= 1


def test_mask_txt_wins_over_the_mat(tmp_path, disk):
    disk.picture(f"{CAMERA}/JPG/Canon1DsMkIII_0005.JPG", *LYING)
    disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "900,90,450,360")
    disk.truth(f"{CAMERA}/Canon1DsMkIII_gt.mat", {"Canon1DsMkIII_0005": (21, 60, 41, 100)})
    assert find_only(tmp_path).chart.box == pytest.approx((100, 10, 150, 50))


def test_the_fuji_jpg_has_its_own_scale(tmp_path, disk):
    disk.picture("nus/FujifilmXM1_0001.JPG", 256, 384)  # a ninth of 3456 x 2304
    disk.write("nus/FujifilmXM1_0001_mask.txt", "825,550,275,275")
    assert find_only(tmp_path).chart.box == pytest.approx((192, 128, 256, 192), abs=0.01)


def test_a_raw_file_is_taken_where_nothing_else_is_there(tmp_path, disk, monkeypatch):
    path = disk.write(f"{CAMERA}/RAW/Canon1DsMkIII_0005.CR2", "raw")
    disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "40,20,60,40")
    monkeypatch.setattr(raw, "raw_size", lambda _: LINEAR)
    monkeypatch.setattr(raw, "read_raw", lambda _, **__: np.zeros((*LINEAR, 3), np.uint8))
    row = find_only(tmp_path)
    assert row.path == path
    assert row.chart.box == pytest.approx((2, 1, 5, 3))
    assert reading.read_photo(row).shape == (*LINEAR, 3)


def test_files_are_found_whatever_their_case_and_folder(tmp_path, disk):
    disk.picture("NUS/new folder (1)/ä/canon1dsmkiii_0005.jpeg", *LYING)
    disk.write("NUS/new folder (1)/CHECKER/CANON1DSMKIII_0005_MASK.TXT", "900 90 450 360")
    raw = find_only(tmp_path)
    assert raw.id == "Canon1DsMkIII_0005"
    assert raw.chart is not None


def test_hidden_files_and_those_of_macos_are_passed_over(tmp_path, disk):
    disk.picture(f"{CAMERA}/Canon1DsMkIII_0005.JPG", *LYING)
    disk.picture(f"{CAMERA}/__MACOSX/Canon1DsMkIII_0005.JPG", *LYING)
    disk.write(f"{CAMERA}/._Canon1DsMkIII_0006.JPG", "resource fork")
    assert find_only(tmp_path).id == "Canon1DsMkIII_0005"


def test_linked_folders_are_followed_once(tmp_path, disk):
    disk.picture("elsewhere/Canon1DsMkIII_0005.JPG", *LYING)
    (tmp_path / CAMERA).mkdir(parents=True)
    (tmp_path / CAMERA / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / CAMERA)
    assert find_only(tmp_path).id == "Canon1DsMkIII_0005"


def test_two_photos_with_one_id_are_reported_with_both_files(tmp_path, disk):
    first = disk.picture(f"{CAMERA}/a/Canon1DsMkIII_0005.JPG", *LYING)
    second = disk.picture(f"{CAMERA}/b/Canon1DsMkIII_0005.jpg", *LYING)
    found = find_nus(tmp_path)
    assert [raw.path for raw in found.photos] == [first]
    assert found.problems == [f"Canon1DsMkIII_0005: two photos with one id, {first} is used and {second} is not"]


def test_masks_of_ones_own_are_found_by_letter(tmp_path, disk):
    disk.picture(f"{CAMERA}/Canon1DsMkIII_0005.JPG", *LYING)
    first = disk.mask("nus/masks/Canon1DsMkIII_0005_a.png")
    second = disk.mask("nus/masks/Canon1DsMkIII_0005_B.PNG")
    disk.mask("nus/masks/Canon1DsMkIII_0099_a.png")
    found = find_nus(tmp_path)
    assert found.photos[0].masks == {"a": first, "b": second}
    assert len(found.lines) == 1
    assert "Canon1DsMkIII_0099_a.png: a mask of no photo" in found.lines[0]


def test_the_summary_says_what_is_there_and_what_is_missing(tmp_path, disk):
    for number in (2, 4):
        disk.picture(f"{CAMERA}/Canon1DsMkIII_000{number}.JPG", *LYING)
    summary = find_nus(tmp_path).summary
    assert summary[0] == "nus: 2 of 259 Canon1DsMkIII photos"
    assert summary[1].startswith("nus: no photos of Canon600D, FujifilmXM1")


def test_photos_that_are_not_asked_for_are_counted(tmp_path, disk):
    for number in (2, 4, 5):
        disk.picture(f"{CAMERA}/Canon1DsMkIII_000{number}.JPG", *LYING)
    found = find_nus(tmp_path, released_photo(tmp_path, disk.mask("elsewhere/Canon1DsMkIII_0004_a.png")))
    assert [raw.id for raw in found.photos] == ["Canon1DsMkIII_0004"]
    assert found.left_out == 2


NOTHING = Detection(None, None, np.nan, np.nan, "no chart")


def chart_at(box, quarter_turns=0):
    """A finding in a box, turned clockwise."""
    x0, y0, x1, y1 = box
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return Detection(np.roll(corners, -quarter_turns, axis=0), None, 0, 0)


class TestOrientation:
    """A JPG of 312x208 that its tag turns upright, to 208x312."""

    @pytest.fixture
    def charts(self, disk, monkeypatch):
        """Findings by the shape of the picture and the rounded box in which they are made."""
        disk.picture(f"{CAMERA}/Canon1DsMkIII_0005.JPG", *LYING, orientation=6)
        findings = {}

        def find(image, *, box=None):
            return findings.get((image.shape[:2], tuple(round(edge) for edge in box)), NOTHING)

        monkeypatch.setattr(chart, "find_checker", find)
        return findings

    def test_the_tag_is_followed_where_the_box_lies_only_then_inside(self, tmp_path, disk, charts):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "900,2340,450,360")
        raw = find_only(tmp_path)
        assert charts == {}
        assert raw.orient
        assert raw.chart.box == pytest.approx((100, 260, 150, 300))
        assert reading.read_photo(raw).shape == (312, 208, 3)

    def test_a_wrong_tag_is_not_followed_where_an_upright_chart_is_found_without_it(self, tmp_path, disk, charts):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "2340,900,360,450")
        box = (260, 100, 300, 150)
        charts[(208, 312), box] = chart_at(box)
        raw = find_only(tmp_path)
        assert not raw.orient
        assert raw.chart.box == pytest.approx(box)
        assert reading.read_photo(raw).shape == (208, 312, 3)

    def test_a_box_on_a_lying_png_is_turned_with_the_jpg(self, tmp_path, disk, charts):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "2340,900,360,450")
        as_stored, clockwise = (260, 100, 300, 150), (208 - 150, 260, 208 - 100, 300)
        charts[(208, 312), as_stored] = chart_at(as_stored, quarter_turns=1)
        charts[(312, 208), clockwise] = chart_at(clockwise)
        raw = find_only(tmp_path)
        assert raw.orient
        assert raw.chart.box == pytest.approx(clockwise)

    def test_a_turned_chart_is_better_than_none(self, tmp_path, disk, charts):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "2340,900,360,450")
        counterclockwise = (100, 312 - 300, 150, 312 - 260)
        charts[(312, 208), counterclockwise] = chart_at(counterclockwise, quarter_turns=2)
        assert find_only(tmp_path).chart.box == pytest.approx(counterclockwise)

    def test_where_no_chart_is_found_the_tag_is_followed(self, tmp_path, disk, charts):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "900,900,450,360")
        raw = find_only(tmp_path)
        assert charts == {}
        assert raw.orient
        assert raw.chart.box == pytest.approx((100, 100, 150, 140))

    @pytest.mark.parametrize(("mask", "orient"), [((360, 3744), True), ((3744, 1800), False)])
    def test_the_published_crop_tells_which_way_up(self, tmp_path, disk, charts, mask, orient):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "900,180,450,360")
        released = released_photo(tmp_path, disk.mask("elsewhere/Canon1DsMkIII_0005_a.png", *mask))
        (raw,) = find_nus(tmp_path, released).photos
        assert charts == {}
        assert raw.orient == orient

    def test_the_tag_of_another_camera_is_trusted(self, tmp_path, disk):
        disk.picture("nus/SonyA57_0001.JPG", 204, 307, orientation=6)
        disk.write("nus/SonyA57_0001_mask.txt", "400,400,300,300")
        assert find_only(tmp_path).orient


class TestBadInput:
    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(SourceError, match="no folder nus, wanted"):
            find_nus(tmp_path)
        with pytest.raises(SourceError, match="no such folder"):
            find_nus(tmp_path / "absent")

    def test_a_folder_without_a_photo_is_an_error(self, tmp_path, disk):
        disk.write(f"{CAMERA}/readme.txt", "nothing")
        with pytest.raises(SourceError, match="nus: no photo found below"):
            sources.find(["nus"], tmp_path)

    @pytest.mark.parametrize("field", ["CC_coords", "darkness_level", "saturation_level", "all_image_names"])
    def test_a_mat_without_a_field_is_reported_and_the_catalog_used(self, tmp_path, disk, field):
        disk.linear(f"{CAMERA}/Canon1DsMkIII_0005.png", counts(8000))
        disk.truth(f"{CAMERA}/Canon1DsMkIII_gt.mat", {"Canon1DsMkIII_0005": (21, 60, 41, 100)}, **{field: None})
        found = find_nus(tmp_path)
        assert f"no field {field}, wanted" in found.problems[0]
        assert found.photos[0].rendering.black == 1024

    def test_an_8_bit_png_is_not_taken_for_a_linear_picture(self, tmp_path, disk):
        disk.picture(f"{CAMERA}/Canon1DsMkIII_0005.png", *LINEAR)
        found = find_nus(tmp_path)
        assert found.photos == []
        assert "Canon1DsMkIII_0005.png: 8 bits, wanted NUS's linear picture of 16 bits" in found.problems[0]

    @pytest.mark.parametrize("content", [b"", b"not a mat file at all, but long enough to be looked at" * 4])
    def test_a_broken_mat_is_reported(self, tmp_path, disk, content):
        disk.linear(f"{CAMERA}/Canon1DsMkIII_0005.png", counts(8000))
        (tmp_path / CAMERA / "Canon1DsMkIII_gt.mat").write_bytes(content)
        found = find_nus(tmp_path)
        assert len(found.photos) == len(found.problems) == 1
        assert "Canon1DsMkIII_gt.mat: not a MATLAB 5 file" in found.problems[0]

    def test_a_mat_whose_fields_do_not_fit_together_is_refused(self, disk):
        path = disk.truth("x_gt.mat", {"a": (1, 2, 3, 4)}, CC_coords=np.ones((3, 4)))
        with pytest.raises(SourceError, match="fields of another shape"):
            read_truth(path)

    @pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,0,4", "1,2,nan,4", "1,2,3,4\n5,6,7,8"])
    def test_a_broken_mask_txt_costs_only_its_photo(self, tmp_path, disk, text):
        disk.picture(f"{CAMERA}/Canon1DsMkIII_0004.JPG", *LYING)
        disk.picture(f"{CAMERA}/Canon1DsMkIII_0005.JPG", *LYING)
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", text)
        found = find_nus(tmp_path)
        assert [raw.id for raw in found.photos] == ["Canon1DsMkIII_0004"]
        assert "Canon1DsMkIII_0005_mask.txt" in found.problems[0]

    def test_a_chart_outside_the_photo_costs_only_its_photo(self, tmp_path, disk):
        disk.picture(f"{CAMERA}/Canon1DsMkIII_0005.JPG", *LYING)
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "2700,90,450,360")
        found = find_nus(tmp_path)
        assert found.photos == []
        assert (
            "chart at x 2700 to 3150, y 90 to 450 of the linear PNG, outside the photo of 312x208" in found.problems[0]
        )

    def test_an_empty_jpg_costs_only_its_photo(self, tmp_path, disk):
        disk.picture(f"{CAMERA}/Canon1DsMkIII_0004.JPG", *LYING)
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005.JPG", "")
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005_mask.txt", "900,90,450,360")
        found = find_nus(tmp_path)
        assert len(found.photos) == 1
        assert "Canon1DsMkIII_0005.JPG: 0 bytes" in found.problems[0]

    def test_an_empty_jpg_without_coordinates_fails_when_it_is_read(self, tmp_path, disk):
        disk.write(f"{CAMERA}/Canon1DsMkIII_0005.JPG", "")
        with pytest.raises(ImageError, match="0 bytes"):
            reading.read_photo(find_only(tmp_path))


class TestColors:
    truth = Truth(1000, 11000)

    def test_black_is_taken_off_and_saturation_is_one(self, disk):
        path = disk.write("x_color.txt", "\n".join(["1000,6000,11000"] * 24))
        assert read_colors(path, self.truth)[7] == pytest.approx([0, 0.5, 1])

    @pytest.mark.parametrize("rows", [23, 25])
    def test_another_number_of_patches_is_refused(self, disk, rows):
        path = disk.write("x_color.txt", "\n".join(["1,2,3"] * rows))
        with pytest.raises(CheckerError, match=f"{rows} rows, a checker has 24"):
            read_colors(path, self.truth)

    def test_photos_with_a_patch_at_saturation_are_named(self, tmp_path, disk):
        for number, white in ((4, 15278), (5, 9000)):
            disk.picture(f"{CAMERA}/Canon1DsMkIII_000{number}.JPG", *LYING)
            disk.write(
                f"{CAMERA}/Canon1DsMkIII_000{number}_color.txt", "\n".join([f"{white},8000,8000", *["2,3,4"] * 23])
            )
        summary = find_nus(tmp_path).summary
        assert summary[-1] == "nus: 1 photos with a patch at the sensor's saturation: Canon1DsMkIII_0004"


def test_a_rendering_survives_the_way_through_the_catalog(tmp_path, disk):
    disk.linear(f"{CAMERA}/Canon1DsMkIII_0005.png", counts(8000))
    assert isinstance(find_only(tmp_path).rendering, Rendering)
