import os
import unicodedata

import numpy as np
import pytest

from ccharmony import sources
from ccharmony.errors import ImageError, SourceError
from ccharmony.sources import reading
from ccharmony.sources.folder import find_folder
from ccharmony.sources.photos import find_photos

CORNERS = "10,10,60,10,60,40,10,40"


def ids(found):
    return [photo.id for photo in found.photos]


def test_pictures_and_raw_files_are_found_in_folders_of_any_depth(tmp_path, disk):
    disk.picture("photos/one.jpg", 60, 90)
    disk.picture("photos/trip/two.PNG", 60, 90)
    disk.picture("photos/trip/three.webp", 60, 90)
    disk.picture("photos/four.tiff", 60, 90)
    disk.write("photos/five.CR2", "raw")
    disk.write("photos/notes.txt", "no photo")
    disk.write("photos/.hidden.jpg", "no photo")
    found = find_folder(tmp_path)
    assert ids(found) == ["five", "four", "one", "three", "two"]
    assert found.problems == []
    assert found.photos[1].chart is None
    assert found.photos[1].source == "folder"
    assert reading.read_photo(found.photos[4]).shape == (60, 90, 3)


def test_the_folder_may_lie_one_deeper(tmp_path, disk):
    disk.picture("folder/photos/one.jpg", 60, 90)
    assert ids(find_folder(tmp_path)) == ["one"]


def test_the_folder_of_the_source_wins_over_that_of_another_source(tmp_path, disk):
    disk.picture("photos/images/other.jpg", 60, 90)
    disk.picture("folder/photos/mine.jpg", 60, 90)
    assert ids(find_folder(tmp_path)) == ["mine"]


def test_names_with_spaces_and_other_letters_keep_their_masks(tmp_path, disk):
    apart, together = (unicodedata.normalize(form, "Zoë im Grün 1") for form in ("NFD", "NFC"))
    assert apart != together
    disk.picture(f"photos/{apart}.jpg", 60, 90)
    mask = disk.mask(f"masks/{together}_a.png", 60, 90)
    disk.write("checkers.csv", f"{together}.jpg,{CORNERS}\n")
    (photo,) = find_folder(tmp_path).photos
    assert photo.id == together
    assert photo.masks == {"a": mask}
    assert photo.chart is not None


def test_a_mask_that_gave_nothing_is_named_with_its_file_and_the_reason(tmp_path, disk):
    disk.picture("photos/one.jpg", 60, 90)
    stray = disk.mask("masks/two_a.png", 60, 90)
    disk.mask("masks/one_a.png", 60, 90)
    again = disk.mask("masks/more/one_A.png", 60, 90)
    found = find_folder(tmp_path)
    assert found.problems == []
    assert {entry.path for entry in found.unused} == {stray, tmp_path / "masks/one_a.png"}
    assert found.lines == [str(entry) for entry in found.unused]
    assert f"{stray}: a mask of no photo, wanted <photo>_<letter>.png" in found.lines
    assert f"{tmp_path / 'masks/one_a.png'}: a second mask a of one, {again} is used" in found.lines


def test_a_single_mask_needs_no_letter(tmp_path, disk):
    disk.picture("photos/my_photo_a.jpg", 60, 90)
    disk.picture("photos/my_photo.jpg", 60, 90)
    alone = disk.mask("masks/my_photo_a.png", 60, 90)
    second = disk.mask("masks/my_photo_b.png", 60, 90)
    found = find_folder(tmp_path)
    assert found.problems == []
    assert {photo.id: dict(photo.masks) for photo in found.photos} == {
        "my_photo": {"b": second},
        "my_photo_a": {"a": alone},
    }


@pytest.mark.parametrize(
    ("place", "letter"),
    [
        ("masks/IMG_7_mask.png", "a"),
        ("masks/mask_IMG_7.png", "a"),
        ("masks/IMG_7-matte.png", "a"),
        ("masks/img_7.mask.png", "a"),
        ("masks/IMG_7.JPG.png", "a"),
        ("masks/IMG_7_b_alpha.png", "b"),
        ("masks/IMG_7_mask_2.png", "2"),
        ("masks/IMG_7_mask2.png", "2"),
        ("mask/IMG_7.png", "a"),
        ("ALPHA/IMG_7_c.png", "c"),
        ("SegmentationObject/IMG_7.png", "a"),
        ("annotations/IMG_7.png", "a"),
        ("photos/IMG_7_mask.png", "a"),
        ("photos/masks/IMG_7.png", "a"),
    ],
)
def test_masks_are_found_under_the_names_that_people_give(tmp_path, disk, place, letter):
    disk.picture("photos/IMG_7.JPG", 60, 90)
    disk.picture("photos/IMG_8.JPG", 60, 90)
    mask = disk.mask(place, 60, 90)
    found = find_folder(tmp_path)
    assert [(photo.id, photo.masks) for photo in found.photos] == [("IMG_7", {letter: mask}), ("IMG_8", {})]
    assert found.lines == []


def test_a_word_for_masks_makes_no_mask_of_a_photo_alone(tmp_path, disk):
    for name in ("alpha_romeo", "masks of Venice", "two"):
        disk.picture(f"photos/{name}.jpg", 60, 90)
    assert ids(find_folder(tmp_path)) == ["alpha_romeo", "masks of Venice", "two"]


def test_masks_among_photos_without_a_chart_are_no_photos(tmp_path, disk):
    disk.picture("images/one.jpg", 60, 90)
    mask = disk.mask("images/one_mask.png", 60, 90)
    (photo,) = find_photos(tmp_path).photos
    assert (photo.id, photo.masks) == ("one", {"a": mask})


def test_two_photos_with_one_id_are_reported_with_both_files(tmp_path, disk):
    first = disk.picture("photos/a/one.jpg", 60, 90)
    second = disk.picture("photos/b/One.png", 60, 90)
    found = find_folder(tmp_path)
    assert [photo.path for photo in found.photos] == [first]
    assert found.problems == [f"one: two photos with one id, {first} is used and {second} is not"]


def test_a_raw_file_beside_its_picture_is_counted_and_skipped(tmp_path, disk):
    picture = disk.picture("photos/one.jpg", 60, 90)
    disk.write("photos/one.dng", "raw")
    found = find_folder(tmp_path)
    assert [photo.path for photo in found.photos] == [picture]
    assert found.problems == []
    assert found.summary[-1] == "folder: 1 photos exist as raw file too; the picture is used"


class TestCheckers:
    def test_corners_by_hand_make_the_chart(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90)
        disk.write("checkers.csv", f"photo,x1,y1,x2,y2,x3,y3,x4,y4\none,{CORNERS}\n")
        chart = find_folder(tmp_path).photos[0].chart
        assert chart.box == (10, 10, 60, 40)
        assert chart.corners == pytest.approx(np.array([(10, 10), (60, 10), (60, 40), (10, 40)]))

    def test_a_table_of_a_spreadsheet_may_have_semicolons_and_decimal_commas(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90)
        disk.write("checkers.csv", "\ufeffphoto;x1;y1;x2;y2;x3;y3;x4;y4\r\none.jpg;10,5;10;60;10;60;40;10;40,25\r\n")
        (photo,) = find_folder(tmp_path).photos
        assert photo.chart.corners.ravel().tolist() == [10.5, 10, 60, 10, 60, 40, 10, 40.25]

    def test_further_rows_of_a_photo_are_charts_that_the_crop_leaves_out(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90)
        disk.write("checkers.csv", f"one,{CORNERS}\none,70,10,80,10,80,20,70,20\n")
        chart = find_folder(tmp_path).photos[0].chart
        assert chart.box == (10, 10, 60, 40)
        assert chart.others == ((70, 10, 80, 20),)

    @pytest.mark.parametrize(
        ("row", "text"),
        [
            ("one,1,2,3", "4 cells, wanted photo,x1"),
            ("one,1,2,3,4,5,6,7,x", "wanted eight numbers"),
            (f"other,{CORNERS}", "no photo 'other'"),
            (f"one,{CORNERS}\none,{CORNERS}", "the same corners of one again"),
        ],
    )
    def test_a_row_that_cannot_be_used_is_a_problem(self, tmp_path, disk, row, text):
        disk.picture("photos/one.jpg", 60, 90)
        disk.write("checkers.csv", row)
        found = find_folder(tmp_path)
        assert ids(found) == ["one"]
        assert len(found.problems) == 1
        assert "checkers.csv line" in found.problems[0]
        assert text in found.problems[0]

    @pytest.mark.parametrize("row", ["one,100,10,150,10,150,40,100,40", "one,nan,10,60,10,60,40,10,40"])
    def test_a_chart_outside_the_photo_costs_only_its_photo(self, tmp_path, disk, row):
        disk.picture("photos/one.jpg", 60, 90)
        disk.picture("photos/two.jpg", 60, 90)
        disk.write("checkers.csv", row)
        found = find_folder(tmp_path)
        assert ids(found) == ["two"]
        assert "one.jpg: chart" in found.problems[0]

    def test_corners_are_those_of_the_upright_photo(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90, orientation=6)
        disk.write("checkers.csv", "one,10,60,50,60,50,88,10,88")
        assert find_folder(tmp_path).photos[0].chart.box == (10, 60, 50, 88)

    def test_a_file_in_another_encoding_is_refused(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90)
        (tmp_path / "checkers.csv").write_bytes(b"Zo\xeb,1,2,3,4,5,6,7,8")
        with pytest.raises(SourceError, match=r"checkers\.csv: cannot be read"):
            find_folder(tmp_path)


class TestBadInput:
    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(SourceError, match="no folder photos, wanted"):
            find_folder(tmp_path)
        with pytest.raises(SourceError, match="no such folder"):
            find_folder(tmp_path / "absent")

    def test_a_folder_without_photos_is_an_error(self, tmp_path, disk):
        disk.write("photos/readme.txt", "")
        with pytest.raises(SourceError, match="folder: no photo found below"):
            sources.find(["folder"], tmp_path)

    @pytest.mark.parametrize("name", ["empty.jpg", "empty.dng"])
    def test_an_empty_file_fails_when_it_is_read(self, tmp_path, disk, name):
        disk.write(f"photos/{name}", "")
        (photo,) = find_folder(tmp_path).photos
        with pytest.raises(ImageError, match=f"{name}: 0 bytes"):
            reading.read_photo(photo)

    def test_masks_of_no_photo_are_reported(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90)
        disk.mask("masks/two_a.png")
        assert "two_a.png: a mask of no photo" in find_folder(tmp_path).lines[0]


class TestPlainPhotos:
    def make(self, disk):
        for name in ("one", "two", "three"):
            disk.picture(f"images/{name}.webp", 60, 90)
            disk.mask(f"masks/{name}.png", 60, 90)

    def test_every_picture_counts_without_an_index(self, tmp_path, disk):
        self.make(disk)
        found = find_photos(tmp_path)
        assert ids(found) == ["one", "three", "two"]
        assert not any(photo.chart or photo.charted for photo in found.photos)
        assert all(list(photo.masks) == ["a"] for photo in found.photos)
        assert found.summary == ["photos: 3 photos without a checker, 3 with masks"]

    def test_the_index_chooses_groups_and_splits(self, tmp_path, disk):
        self.make(disk)
        disk.write("index.csv", "id,class,group,split\none,car,g1,train\ntwo,car,g1,val\nfour,car,,test\n")
        found = find_photos(tmp_path)
        assert [(photo.id, photo.group, photo.split) for photo in found.photos] == [
            ("one", "g1", "train"),
            ("two", "g1", "test"),
        ]
        assert found.problems == [f"{tmp_path / 'index.csv'}: four has no picture in images/"]
        assert [str(entry) for entry in found.unused] == [f"{tmp_path / 'images/three.webp'}: not listed in index.csv"]

    @pytest.mark.parametrize(
        ("text", "reason"), [("name\none\n", "no column id"), ("id,split\none,dev\n", "split 'dev', wanted")]
    )
    def test_an_index_of_another_form_is_refused(self, tmp_path, disk, text, reason):
        self.make(disk)
        disk.write("index.csv", text)
        with pytest.raises(SourceError, match=reason):
            find_photos(tmp_path)


class TestSeveralSources:
    def test_of_two_photos_with_one_id_the_first_source_wins(self, tmp_path, disk):
        first = disk.picture("nus/Canon1DsMkIII_0005.JPG", 208, 312)
        second = disk.picture("folder/photos/Canon1DsMkIII_0005.jpg", 60, 90)
        found = sources.find(["nus", "folder"], tmp_path)
        assert [photo.source for photo in found.photos] == ["nus"]
        assert found.problems == [f"Canon1DsMkIII_0005: two photos with one id, {first} is used and {second} is not"]

    def test_a_source_named_twice_is_searched_once(self, tmp_path, disk):
        disk.picture("photos/one.jpg", 60, 90)
        found = sources.find(["folder", "folder"], tmp_path)
        assert ids(found) == ["one"]
        assert found.problems == []

    def test_an_unknown_source_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="source 'flickr', wanted some of nus gehler folder photos demo"):
            sources.find(["flickr"], tmp_path)


def test_files_among_photos_and_masks_that_are_not_read_are_named(tmp_path, disk):
    disk.picture("photos/one.jpg", 60, 90)
    disk.picture("images/one.jpg", 60, 90)
    for name in ("photos/two.psd", "photos/one.xmp", "images/two.CR2", "masks/one_a.xcf", "masks/one.xml"):
        disk.write(name, "nothing")
    named = [entry.path.relative_to(tmp_path).as_posix() for entry in find_folder(tmp_path).unused]
    assert named == ["photos/two.psd", "masks/one.xml", "masks/one_a.xcf"]
    named = [entry.path.relative_to(tmp_path).as_posix() for entry in find_photos(tmp_path).unused]
    assert named == ["images/two.CR2", "masks/one.xml", "masks/one_a.xcf"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0 0.5 0.5 0.2 0.3\n12 0.1 0.2 0.05 0.05 0.93\n", "YOLO boxes, not masks"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5\n", "YOLO polygons, which are not read"),
        ("0,12,40,300,200\n", "rows of numbers, not masks"),
        ("<?xml version='1.0'?>\n<!-- <x> --><annotation><object/></annotation>", "Pascal VOC or old LabelMe XML"),
        ("\ufeff<annotations><image/></annotations>", "CVAT XML, which exports COCO too"),
    ],
)
@pytest.mark.parametrize("place", ["masks/one", "annotations/one", "photos/one"])
def test_annotations_of_other_tools_are_named_wherever_they_lie(tmp_path, disk, place, text, kind):
    disk.picture("photos/one.jpg", 60, 90)
    name = place + (".xml" if "<" in text else ".txt")
    disk.write(name, text)
    wanted = f"{tmp_path / name}: {kind}, wanted mask pictures, or LabelMe or COCO JSON"
    assert [str(entry) for entry in find_folder(tmp_path).unused] == [wanted]


@pytest.mark.parametrize("place", ["masks", "annotations", "photos"])
def test_notes_and_short_rows_of_numbers_are_not_named(tmp_path, disk, place):
    disk.picture("photos/one.jpg", 60, 90)
    disk.write(f"{place}/README.txt", "24 photos of May\n1 2 3 4 5\n")
    disk.write(f"{place}/corners.txt", "120,80,300,200\n")
    disk.write(f"{place}/empty.txt", "")
    disk.write(f"{place}/NOTES.md", "none")
    assert not find_folder(tmp_path).unused


def test_a_pipe_without_suffix_among_masks_is_named(tmp_path, disk):
    disk.picture("photos/one.jpg", 60, 90)
    disk.write("masks/LICENSE", "free")
    os.mkfifo(tmp_path / "masks/pipe")
    reason = "cannot be read (a named pipe, wanted a regular file), wanted mask pictures, or LabelMe or COCO JSON"
    assert [str(entry) for entry in find_folder(tmp_path).unused] == [f"{tmp_path / 'masks/pipe'}: {reason}"]
