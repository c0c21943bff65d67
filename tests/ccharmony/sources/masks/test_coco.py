"""COCO: polygons, run lengths, crowds, and sizes from before EXIF turned the photo."""

import numpy as np
import pytest

from ccharmony.images import pixels

from .annotations import box_of, coco


class TestCoco:
    @pytest.mark.parametrize(("listed", "named"), [(1, "1"), ("1", 1), (1, 1.0), ("a.jpg", "a.jpg")])
    def test_ids_of_images_are_the_same_as_number_and_as_text(self, read, listed, named):
        content = coco([[10, 10, 30, 10, 30, 20]])
        content["images"][0]["id"], content["annotations"][0]["image_id"] = listed, named
        masks, lines, _ = read({"masks/all": content})
        assert list(masks["one"]) == ["a"]
        assert lines == []

    def test_annotations_of_an_image_that_is_not_listed_are_named(self, read):
        content = coco(*([[10, 10, 30, 10, 30, 20]] for _ in range(6)))
        for entry in content["annotations"][1:]:
            entry["image_id"] = 5
        masks, lines, _ = read({"masks/all": content})
        assert list(masks["one"]) == ["a"]
        (line,) = lines
        names = "annotation 8, annotation 9, annotation 10 and 2 more"
        assert line.endswith(f"all.json {names}: image_id 5, which is not listed in images")

    def test_a_message_names_the_category(self, read):
        content = {**coco([]), "categories": [{"id": 1, "name": "pot"}]}
        content["annotations"][0]["bbox"] = [1, 2, 3, 4]
        _, lines, _ = read({"masks/all": content})
        assert lines[0].endswith("annotation 7 (pot): a box alone, wanted an outline or run lengths")

    def test_an_outline_inside_another_is_a_hole_and_one_inside_that_is_not(self, read):
        """Squares of side 50, 30 and 10 around one point: 2500 - 900 + 100."""
        rings = [[20, 20, 50, 20, 50, 50, 20, 50], [10, 10, 60, 10, 60, 59, 10, 59], [30, 30, 40, 30, 40, 40, 30, 40]]
        masks, lines, notes = read({"annotations/all": coco([*rings, [70, 5, 80, 5, 80, 15, 70, 15]])})
        assert lines == []
        assert masks["one"]["a"].sum() == 2450 - 900 + 100 + 100
        assert "all.json: 1 annotations have an outline inside another, which is taken for a hole" in notes[0]

    def test_outlines_that_overlap_are_one_area(self, read):
        masks, _, _ = read({"masks/all": coco([[10, 10, 30, 10, 30, 30, 10, 30], [20, 20, 40, 20, 40, 40, 20, 40]])})
        assert masks["one"]["a"].sum() == 400 + 400 - 100

    def test_a_list_of_numbers_is_one_polygon(self, read):
        masks, _, _ = read({"masks/all": coco([10, 10, 30, 10, 30, 20, 10, 20])})
        assert masks["one"]["a"].sum() == 200

    def test_polygons_become_foregrounds(self, find):
        masks, problems = find(all=coco([[10, 10, 30, 10, 30, 20, 10, 20], [50, 30, 60, 30, 60, 50]]))
        assert problems == []
        assert box_of(masks["a"]) == (10, 10, 60, 49)

    def test_run_lengths_run_down_the_columns(self, find):
        counts = [3, 2, 60 * 90 - 5]
        masks, _ = find(all=coco({"size": [60, 90], "counts": counts}))
        mask = pixels.read_mask(masks["a"], shape=(60, 90))
        assert np.argwhere(mask).tolist() == [[3, 0], [4, 0]]

    def test_compressed_run_lengths_give_the_same_mask(self, find):
        """The string is pycocotools 2.0.11's for a 90x60 mask whose rows 10 to 19, columns 5 to 24 are on."""
        masks, _ = find(all=coco({"size": [60, 90], "counts": "f9:b10000000000000000000000000000000000000bi3"}))
        mask = pixels.read_mask(masks["a"], shape=(60, 90))
        assert box_of(masks["a"]) == (5, 10, 25, 20)
        assert mask.sum() == 200

    def test_run_lengths_for_another_size_are_refused(self, find):
        masks, problems = find(all=coco({"size": [6, 9], "counts": [0, 54]}))
        assert masks == {}
        assert "annotation 7: run lengths of 9x6, its photo is 90x60" in problems[0]

    @pytest.mark.parametrize("counts", [[3, 2], [-1, 60 * 90 + 1], []])
    def test_run_lengths_that_do_not_fill_the_photo_are_refused(self, find, counts):
        masks, problems = find(all=coco({"size": [60, 90], "counts": counts}))
        assert masks == {}
        assert "its photo has 5400" in problems[0]

    @pytest.mark.parametrize("text", ["R", "é", " "])
    def test_a_broken_compressed_string_is_refused(self, find, text):
        masks, problems = find(all=coco({"size": [60, 90], "counts": text}, [[10, 10, 30, 10, 30, 20]]))
        assert list(masks) == ["a"]
        assert "annotation 7: " in problems[0]

    def test_an_image_of_another_size_is_refused(self, find):
        masks, problems = find(all=coco([[10, 10, 30, 10, 30, 20]], height=61))
        assert masks == {}
        assert "all.json: drawn for a photo of 90x61, one is 90x60" in problems[0]

    def test_a_mask_outside_the_photo_is_refused(self, find):
        _, problems = find(all=coco([[100, 10, 120, 10, 120, 30]]))
        assert "all.json annotation 7: outside the photo of 90x60" in problems[0]

    @pytest.mark.parametrize("segmentation", [[], [[1, 2, 3, 4]]])
    def test_a_polygon_without_corners_is_refused(self, find, segmentation):
        _, problems = find(all=coco(segmentation))
        wanted = "wanted polygons of three corners or more" if segmentation else "no segmentation"
        assert f"annotation 7: {'1 outlines, ' if segmentation else ''}{wanted}" in problems[0]

    def test_images_without_a_photo_are_counted_in_one_line(self, find):
        content = coco([[10, 10, 30, 10, 30, 20]])
        content["images"] += [{"id": n, "file_name": f"other{n}.jpg"} for n in (2, 3)]
        masks, problems = find(all=content)
        assert list(masks) == ["a"]
        assert len(problems) == 1
        assert "all.json: 2 of 3 images have no photo, such as 'other2.jpg'" in problems[0]


class TestExif:
    """Photos stored as 90x60 with EXIF orientation 6, so 60x90 upright; files that give the size as stored."""

    TALL = (10, 50, 30, 50, 30, 85, 10, 85)
    """Reaches to row 85: it can only be upright."""
    WIDE = (60, 10, 85, 10, 85, 30, 60, 30)
    """Reaches to column 85: it can only be as stored; upright it is columns 30 to 50, rows 60 to 85."""
    SMALL = (10, 10, 30, 10, 30, 20, 10, 20)

    def test_one_outline_that_is_upright_proves_it_for_the_file(self, read):
        masks, lines, notes = read({"masks/all": coco([self.TALL], [self.SMALL])}, orientation=6)
        assert lines == []
        assert masks["one"]["a"][50:85, 10:30].all()
        assert masks["one"]["a"].sum() == 700
        assert masks["one"]["b"][10:20, 10:30].all()
        assert "all.json: 1 sizes are those before EXIF turns the photos; outlines are taken as upright" in notes[0]

    def test_one_outline_that_is_as_stored_proves_it_for_the_file(self, read):
        masks, lines, notes = read({"masks/all": coco([self.WIDE], [self.SMALL])}, orientation=6)
        assert lines == []
        assert masks["one"]["a"][60:85, 30:50].all()
        assert masks["one"]["a"].sum() == 500
        assert masks["one"]["b"][10:30, 40:50].all()
        assert notes[0].endswith("outlines are taken as drawn before that")

    def test_outlines_that_fit_both_are_refused_with_what_to_do(self, read):
        masks, lines, _ = read({"masks/all": coco([self.SMALL])}, orientation=6)
        assert masks["one"] == {}
        assert "annotation 7: the size is that before EXIF turns the photo, and the outlines fit it both" in lines[0]
        assert "wanted the upright size, 60x90" in lines[0]

    def test_label_studio_draws_upright(self, read):
        content = {**coco([self.SMALL]), "info": {"contributor": "Label Studio"}}
        content["images"][0]["file_name"] = "images\\/0f1e2d3c-one.jpg"
        masks, lines, _ = read({"masks/all": content}, orientation=6)
        assert lines == []
        assert masks["one"]["a"][10:20, 10:30].all()

    def test_run_lengths_of_the_picture_as_stored_are_turned_with_it(self, read):
        masks, lines, _ = read({"masks/all": coco({"size": [60, 90], "counts": [3, 2, 60 * 90 - 5]})}, orientation=6)
        assert lines == []
        assert np.argwhere(masks["one"]["a"]).tolist() == [[0, 55], [0, 56]]


class TestCrowds:
    @staticmethod
    def runs(*columns):
        """Run lengths of a mask of 90x60 whose columns are on."""
        mask = np.zeros((60, 90), bool)
        mask[10:20, list(columns)] = True
        edges = np.flatnonzero(np.diff(np.r_[False, mask.T.ravel(), False]))
        return {"size": [60, 90], "counts": np.diff(np.r_[0, edges, 5400]).tolist()}

    def test_where_every_annotation_has_the_flag_each_is_an_object(self, read):
        masks, lines, notes = read({"masks/all": coco(self.runs(5, 6, 7), self.runs(20, 40), crowd=1)})
        assert lines == []
        assert [int(mask.sum()) for mask in masks["one"].values()] == [30, 20]
        assert "all.json: 2 annotations with iscrowd 1 are taken for one object each" in notes[0]

    def test_beside_others_one_of_several_parts_is_a_crowd(self, read):
        content = coco([[1, 1, 9, 1, 9, 9]], self.runs(20, 21), self.runs(30, 40, 50))
        content["annotations"][1]["iscrowd"] = content["annotations"][2]["iscrowd"] = 1
        masks, lines, _ = read({"masks/all": content})
        assert list(masks["one"]) == ["a", "b"]
        assert "annotation 9: iscrowd 1 and 3 separate parts, a crowd; wanted one object" in lines[0]

    def test_what_stands_beside_ten_others_of_its_category_is_a_crowd(self, read):
        content = coco(*([[x, 1, x + 3, 1, x + 3, 9]] for x in range(10)), self.runs(20, 21))
        content["annotations"][-1]["iscrowd"] = 1
        masks, lines, _ = read({"masks/all": content})
        assert len(masks["one"]) == 10
        assert "annotation 17: iscrowd 1 beside 10 single objects, a crowd" in lines[0]


def test_a_coco_file_without_annotations_is_named(read):
    masks, (line,), _ = read({"masks/all": coco()})
    assert masks == {"one": {}}
    assert "no annotations in it" in line
