"""Which files are masks of which photo."""

import pytest

from ccharmony.sources.folder import find_folder

from .annotations import SQUARE, coco, labelme, shape


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[1, 2]", "neither LabelMe"),
            ('{"a": 1}', "neither LabelMe"),
            ('{"shapes": [{"label": "no points"}], "imagePath": "one.jpg"}', "an entry is missing"),
            ('{"shapes": 5, "imagePath": "one.jpg"}', "an entry is missing or of another kind"),
            ('{"images": [{"id": 1}], "annotations": []}', "an entry is missing"),
        ],
    )
    def test_a_file_that_is_neither_is_reported(self, find, content, reason):
        masks, problems = find(one=content)
        assert masks == {}
        assert len(problems) == 1
        assert reason in problems[0]

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            ([{"data": {"image": "one.jpg"}, "annotations": []}], "Label Studio's own list of tasks"),
            ([{"image_id": 1, "category_id": 1, "segmentation": {}}], "COCO results, a list without images"),
            ({"size": {"height": 60, "width": 90}, "objects": []}, "a Supervisely file"),
            ({"one.jpg123": {"filename": "one.jpg", "regions": []}}, "a VGG Image Annotator file"),
            ({"_via_img_metadata": {}}, "a VGG Image Annotator project"),
            ({"image": {"image_id": 1}, "annotations": []}, "a file of SA-1B"),
            ({"images": [], "annotations": [{"segments_info": []}]}, "COCO's panoptic form"),
        ],
    )
    def test_files_of_other_tools_are_named(self, read, content, name):
        _, lines, _ = read({"masks/all": content})
        (line,) = lines
        assert f"all.json: {name}" in line
        assert line.endswith("wanted LabelMe (shapes) or COCO (images, annotations)")

    def test_mask_pictures_win_over_drawings(self, find, disk):
        picture = disk.mask("masks/one_a.png", 60, 90)
        masks, problems = find(one=labelme(shape(SQUARE)))
        assert masks == {"a": picture}
        (problem,) = problems
        assert problem.endswith("one.json: one has mask pictures, its 1 drawn masks are not used")


class TestPlaces:
    def test_coco_beside_the_folder_of_photos_is_read(self, read):
        masks, lines, _ = read({"instances": coco([[10, 10, 30, 10, 30, 20, 10, 20]])})
        assert masks["one"]["a"].sum() == 200
        assert lines == []

    def test_folders_of_masks_are_found_in_letters_of_any_case(self, read):
        masks, lines, _ = read({"Annotations/instances": coco([[10, 10, 30, 10, 30, 20, 10, 20]])})
        assert masks["one"]["a"].sum() == 200
        assert lines == []

    def test_yolo_polygons_in_labels_are_named(self, disk):
        disk.picture("photos/one.jpg", 60, 90)
        disk.write("labels/one.txt", "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n")
        (line,) = find_folder(disk.root).lines
        assert "labels/one.txt" in line
        assert "YOLO polygons, which are not read" in line


class TestPicturesOfOneName:
    def two(self, *names):
        content = coco([[10, 10, 30, 10, 30, 20, 10, 20]], name=names[0])
        other = coco([[40, 40, 60, 40, 60, 50, 40, 50]], name=names[1])
        content["images"].append(other["images"][0] | {"id": 77})
        content["annotations"].append(other["annotations"][0] | {"id": 78, "image_id": 77})
        return {"masks/all": content}

    def test_masks_of_pictures_in_other_folders_are_not_given_to_the_photo(self, read):
        masks, lines, _ = read(self.two("a/one.jpg", "b/one.jpg"))
        assert masks == {"one": {}}
        assert ["'a/one.jpg' and others have the name of one" in line for line in lines] == [True, False]
        assert ["'b/one.jpg' and others have the name of one" in line for line in lines] == [False, True]

    def test_the_name_that_agrees_with_the_photos_path_is_the_photo(self, read):
        masks, (line,), _ = read(self.two("one.png", "trip/one.jpg"))
        assert list(masks["one"]) == ["a"]
        assert masks["one"]["a"][45, 50]
        assert "'one.png'" in line

    def test_one_mask_in_two_files_is_one_foreground_and_the_second_is_named(self, read):
        masks, (line,), _ = read({"masks/one": labelme(shape(SQUARE)), "photos/one": labelme(shape(SQUARE))})
        assert list(masks["one"]) == ["a"]
        assert "the same mask of one as shape 0 of" in line
