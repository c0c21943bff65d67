import io
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from ccharmony import sources
from ccharmony.color import polynomial
from ccharmony.errors import ImageError, SourceError
from ccharmony.images import mask_rules, pixels
from ccharmony.sources.release import enrich
from ccharmony.sources.release.archive import Member, files_and_members
from ccharmony.sources.release.files import read_release

PHOTOS = ("Canon1DsMkIII_0005", "IMG_0300")


PATCHES = "\n".join(f"{10 * row},{5.5 * row},{255 - row}" for row in range(24))


def matrix_bytes(value):
    data = io.BytesIO()
    np.save(data, np.full((3, 11), float(value)))
    return data.getvalue()


def mask_bytes(height, width):
    data = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 255, np.uint8)).save(data, "PNG")
    return data.getvalue()


def contents(mask_size=(208, 127)):
    """Files of a release of two photos, by name."""
    files = {"train_list.txt": b"Canon1DsMkIII_0005_a\nCanon1DsMkIII_0005_b\n", "test_list.txt": b"IMG_0300_a\n"}
    for photo in PHOTOS:
        files[f"patch_colors/{photo}.csv"] = PATCHES.encode()
        files[f"polynomial_matching_coefficients/{photo}.npy"] = matrix_bytes(2)
        files[f"polynomial_matching_coefficients/{photo}_reverse.npy"] = matrix_bytes(3)
    for name in ("Canon1DsMkIII_0005_a", "Canon1DsMkIII_0005_b", "IMG_0300_a"):
        files[f"foreground_masks/{name}.png"] = mask_bytes(*mask_size)
    return files


def unpacked(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def packed(root, files):
    """Lists as they are, everything else in one archive a folder."""
    root.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        if "/" not in name:
            (root / name).write_bytes(data)
            continue
        with zipfile.ZipFile(root / f"{name.partition('/')[0]}.zip", "a") as archive:
            archive.writestr(name, data)
    return root


@pytest.mark.parametrize("lay", [packed, unpacked])
def test_a_release_is_read_packed_or_unpacked(tmp_path, lay):
    lay(tmp_path / "clones" / "Image-Harmonization-Dataset-ccHarmony", contents())
    found = read_release(tmp_path)
    assert found.ids == frozenset(PHOTOS)
    assert found.problems == []
    assert found.split == {"Canon1DsMkIII_0005": "train", "IMG_0300": "test"}
    assert sorted(found.masks["Canon1DsMkIII_0005"]) == ["a", "b"]
    assert found.patches["IMG_0300"][2] == pytest.approx(np.array([20, 11, 253]) / 255)


def test_matrices_are_carried_over_to_the_unit_cube(tmp_path):
    found = read_release(unpacked(tmp_path, contents()))
    assert polynomial.to_levels(found.to_standard["IMG_0300"]) == pytest.approx(np.full((3, 11), 2.0))
    assert polynomial.to_levels(found.from_standard["IMG_0300"]) == pytest.approx(np.full((3, 11), 3.0))


def test_an_unpacked_file_wins_over_a_packed_one(tmp_path):
    packed(tmp_path, contents())
    other = "\n".join(["1,2,3"] * 24)
    unpacked(tmp_path, {"patch_colors/IMG_0300.csv": other.encode()})
    found = read_release(tmp_path)
    assert found.patches["IMG_0300"][0] == pytest.approx(np.array([1, 2, 3]) / 255)


def test_a_member_of_an_archive_reads_prints_and_pickles_like_a_file(tmp_path):
    packed(tmp_path, contents())
    member = read_release(tmp_path).masks["IMG_0300"]["a"]
    again = pickle.loads(pickle.dumps(member))
    assert again == member
    assert again.name == "IMG_0300_a.png"
    assert str(again) == f"{tmp_path / 'foreground_masks.zip'}:foreground_masks/IMG_0300_a.png"
    assert pixels.read_mask(again).shape == (208, 127)


def test_an_archive_that_went_away_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"gone\.zip:x/a\.png: cannot be read"):
        Member(tmp_path / "gone.zip", "x/a.png").read_bytes()


@pytest.mark.parametrize("name", ["../../evil_a.png", "/etc/evil_a.png", "foreground_masks\\..\\a.png", "C:/a.png"])
def test_entries_that_lead_out_of_the_archive_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "foreground_masks.zip", "w") as archive:
        archive.writestr("good.png", b"1")
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        archive.writestr(info, b"2")
    problems = []
    entries = list(files_and_members(tmp_path, (), problems))
    assert [entry.name for entry in entries] == ["good.png"]
    assert len(problems) == 1
    assert "leads out of the archive and is refused" in problems[0]


def test_litter_in_an_archive_is_passed_over(tmp_path):
    files = contents()
    files["foreground_masks/__MACOSX/._IMG_0300_a.png"] = b"x"
    files["foreground_masks/.hidden/IMG_0300_c.png"] = b"x"
    found = read_release(packed(tmp_path, files))
    assert list(found.masks["IMG_0300"]) == ["a"]


class TestIncomplete:
    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(SourceError, match="no such folder, wanted a clone"):
            read_release(tmp_path / "absent")

    @pytest.mark.parametrize(
        ("prefix", "text"),
        [
            ("train_list", "no train_list.txt below it"),
            ("patch", "no patches below it"),
            ("poly", "no to standard below it"),
            ("foreground", "no masks below it"),
        ],
    )
    def test_what_is_missing_is_named(self, tmp_path, prefix, text):
        files = {name: data for name, data in contents().items() if not name.startswith(prefix)}
        with pytest.raises(SourceError, match=text):
            read_release(unpacked(tmp_path, files))

    def test_a_photo_without_a_matrix_is_a_problem(self, tmp_path):
        files = contents()
        del files["polynomial_matching_coefficients/IMG_0300_reverse.npy"]
        found = read_release(unpacked(tmp_path, files))
        assert found.ids == {"Canon1DsMkIII_0005"}
        assert found.problems == [f"{tmp_path}: IMG_0300 has no reverse matrix"]

    @pytest.mark.parametrize(
        ("name", "data", "text"),
        [
            ("patch_colors/IMG_0300.csv", b"1,2,3\n4,5", "wanted 24 rows r,g,b"),
            ("patch_colors/IMG_0300.csv", b"1,2,3\n" * 23, r"\(23, 3\), wanted \(24, 3\)"),
            ("patch_colors/IMG_0300.csv", b"1,2,nan\n" * 24, "wanted"),
            ("patch_colors/IMG_0300.csv", b"1,2,256\n" * 24, "levels from 0 to 255"),
            ("polynomial_matching_coefficients/IMG_0300.npy", b"", "not a NumPy array"),
            ("polynomial_matching_coefficients/IMG_0300.npy", b"\x93NUMPY broken", "not a NumPy array"),
        ],
    )
    def test_a_broken_file_costs_only_its_photo(self, tmp_path, name, data, text):
        found = read_release(unpacked(tmp_path, contents() | {name: data}))
        assert found.ids == {"Canon1DsMkIII_0005"}
        with pytest.raises(AssertionError, match=text):
            raise AssertionError(found.problems[0])

    def test_a_matrix_of_another_shape_is_refused(self, tmp_path):
        data = io.BytesIO()
        np.save(data, np.ones((3, 10)))
        files = contents() | {"polynomial_matching_coefficients/IMG_0300.npy": data.getvalue()}
        found = read_release(unpacked(tmp_path, files))
        assert "of shape (3, 10), wanted finite numbers (3, 11)" in found.problems[0]

    def test_a_pickled_array_is_never_loaded(self, tmp_path):
        data = io.BytesIO()
        np.save(data, np.array([print]), allow_pickle=True)
        files = contents() | {"polynomial_matching_coefficients/IMG_0300.npy": data.getvalue()}
        assert "not a NumPy array" in read_release(unpacked(tmp_path, files)).problems[0]

    def test_a_photo_in_both_splits_is_refused(self, tmp_path):
        files = contents() | {"test_list.txt": b"IMG_0300_a\nCanon1DsMkIII_0005_b\n"}
        with pytest.raises(SourceError, match="Canon1DsMkIII_0005 is in both splits"):
            read_release(unpacked(tmp_path, files))

    def test_a_damaged_archive_is_reported(self, tmp_path):
        packed(tmp_path, contents())
        (tmp_path / "more.zip").write_bytes(b"PK but no archive")
        found = read_release(tmp_path)
        assert found.ids == frozenset(PHOTOS)
        assert "more.zip: damaged, or not a ZIP archive" in found.problems[0]


class TestFitMask:
    def test_a_mask_of_the_right_size_is_left_alone(self):
        mask = np.eye(5, 7, dtype=np.float32)
        fitted, note = mask_rules.fit_size(mask, (5, 7))
        assert fitted is mask
        assert note == ""

    def test_a_scaled_copy_is_resized_and_noted(self):
        mask = np.zeros((5616, 2286), np.float32)
        mask[:, :1143] = 1
        fitted, note = mask_rules.fit_size(mask, (2808, 1143))
        assert fitted.shape == (2808, 1143)
        assert fitted.mean() == pytest.approx(0.5, abs=1e-3)
        assert set(np.unique(fitted[:, [0, 570, 572, 1142]])) == {0, 1}
        assert note == "mask of 2286x5616 resized to 1143x2808"

    def test_a_missing_row_is_rounding(self):
        fitted, note = mask_rules.fit_size(np.ones((5615, 1760), np.float32), (5616, 1760))
        assert fitted.shape == (5616, 1760)
        assert note == "mask of 1760x5615 resized to 1760x5616"

    @pytest.mark.parametrize("shape", [(2808, 1140), (2286, 5616), (300, 300), (2808, 1150)])
    def test_another_shape_is_refused(self, shape):
        with pytest.raises(ImageError, match="mask of 2286x5616, its photo is "):
            mask_rules.fit_size(np.ones((5616, 2286), np.float32), shape)


class TestPublishedBox:
    """A photo of 312x208 whose chart takes x 130 to 170, y 90 to 130: 130, 142, 90 and 78 pixels are left beside it."""

    box, shape = (130.4, 90.0, 170.4, 130.0), (208, 312)

    def test_a_box_that_gives_the_published_size_is_kept(self):
        assert enrich.published_box(self.box, self.shape, (208, 142), 312) == self.box

    def test_a_crop_that_ends_some_pixels_beside_the_chart_moves_the_edge(self):
        assert enrich.published_box(self.box, self.shape, (208, 139), 312) == (0, 0, 173, 208)

    def test_a_crop_on_a_smaller_side_is_followed(self):
        assert enrich.published_box(self.box, self.shape, (208, 130), 312) == (130, 0, 312, 208)
        assert enrich.published_box(self.box, self.shape, (90, 312), 312) == (0, 90, 312, 208)
        assert enrich.published_box(self.box, self.shape, (78, 312), 312) == (0, 0, 312, 130)

    def test_a_mask_of_the_full_size_fits_a_small_copy_of_the_photo(self):
        assert enrich.published_box(self.box, self.shape, (3744, 2556), 5616) == self.box
        assert enrich.published_box(self.box, self.shape, (3744, 2556), 312) is None

    def test_a_mask_may_lack_a_row(self):
        assert enrich.published_box(self.box, self.shape, (3743, 2556), 5616) == self.box

    @pytest.mark.parametrize("mask", [(208, 118), (208, 312), (104, 624), (200, 300)])
    def test_a_mask_that_fits_no_side_has_no_box(self, mask):
        assert enrich.published_box(self.box, self.shape, mask, 312) is None


class TestApply:
    @pytest.fixture
    def data(self, disk):
        disk.picture("nus/Canon1DsMkIII_0005.JPG", 208, 312)
        disk.write("nus/Canon1DsMkIII_0005_mask.txt", "1143,810,360,360")  # x 127 to 167, y 90 to 130
        disk.picture("nus/Canon1DsMkIII_0006.JPG", 208, 312)
        return disk.root

    def test_photos_bring_what_was_published(self, data, tmp_path):
        packed(tmp_path / "clone", contents(mask_size=(3744, 2610)))
        found = sources.find(["nus"], data, tmp_path / "clone")
        (photo,) = found.photos
        assert found.problems == []
        assert photo.split == "train"
        assert sorted(photo.masks) == ["a", "b"]
        assert photo.patches[1] == pytest.approx(np.array([10, 5.5, 254]) / 255)
        assert polynomial.to_levels(photo.to_standard)[0, 0] == pytest.approx(2)
        assert polynomial.to_levels(photo.from_standard)[0, 0] == pytest.approx(3)
        assert photo.chart.box == pytest.approx((127, 90, 167, 130))
        assert found.summary[-2:] == [
            "nus: 1 of the release's 37 Canon1DsMkIII photos",
            "nus: 1 photos that are not in the release are left out",
        ]

    def test_the_published_crop_is_taken_where_it_ends_beside_the_coordinates(self, data, tmp_path):
        packed(tmp_path / "clone", contents(mask_size=(3744, 2574)))
        (photo,) = sources.find(["nus"], data, tmp_path / "clone").photos
        assert photo.chart.box == (0, 0, 312 - 143, 208)

    def test_a_mask_that_cannot_match_is_an_error_for_its_photo(self, data, tmp_path):
        packed(tmp_path / "clone", contents(mask_size=(3600, 1800)))
        with pytest.raises(SourceError, match=r"nus: no photo found .*Canon1DsMkIII_0005: published mask of 1800x3600"):
            sources.find(["nus"], data, tmp_path / "clone")


def test_a_source_all_of_whose_photos_are_outside_the_release_is_no_error_but_an_empty_one_is(tmp_path, disk):
    packed(tmp_path / "clone", contents())
    disk.picture("nus/Canon1DsMkIII_0004.JPG", 208, 312)
    found = sources.find(["nus"], disk.root, tmp_path / "clone")
    assert found.photos == []
    assert found.summary[-1] == "nus: 1 photos that are not in the release are left out"
    next(disk.root.rglob("*.JPG")).unlink()
    with pytest.raises(SourceError, match="nus: no photo found"):
        sources.find(["nus"], disk.root, tmp_path / "clone")
