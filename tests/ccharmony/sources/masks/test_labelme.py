"""LabelMe's files: shapes, groups, AI masks, and the photo that a file is of."""

import base64
import json

import cv2
import numpy as np
import pytest

from ccharmony.build import fingerprint
from ccharmony.images import pixels
from ccharmony.sources.folder import find_folder

from .annotations import SQUARE, box_of, labelme, shape


class TestLabelMe:
    def test_each_polygon_is_a_foreground(self, find):
        masks, problems = find(one=labelme(shape(SQUARE), shape([[50, 30], [60, 30], [60, 50], [50, 50]])))
        assert problems == []
        assert list(masks) == ["a", "b"]
        assert pixels.read_mask(masks["a"], shape=(60, 90)).sum() == 200
        assert box_of(masks["b"]) == (50, 30, 60, 50)

    def test_shapes_of_one_group_are_one_foreground(self, find):
        other = [[50, 30], [60, 30], [60, 50], [50, 50]]
        masks, _ = find(one=labelme(shape(SQUARE, group=1), shape(other, group=1)))
        assert list(masks) == ["a"]
        assert box_of(masks["a"]) == (10, 10, 60, 50)

    def test_rectangles_and_circles_have_an_area(self, find):
        rectangle, disk = shape([[30, 20], [10, 10]], "rectangle"), shape([[45, 30], [45, 40]], "circle")
        masks, problems = find(one=labelme(rectangle, disk))
        assert problems == []
        assert box_of(masks["a"]) == pytest.approx((10, 10, 30, 20))
        assert box_of(masks["b"]) == pytest.approx((35, 20, 55, 40))
        assert pixels.read_mask(masks["b"]).sum() == pytest.approx(np.pi * 100, rel=0.01)

    def test_the_photo_is_found_by_imagepath_where_the_names_differ(self, find):
        masks, _ = find(annotation_1=labelme(shape(SQUARE)))
        assert list(masks) == ["a"]

    def test_a_file_for_another_photo_size_is_refused(self, find):
        masks, problems = find(one=labelme(shape(SQUARE), height=600, width=900))
        assert masks == {}
        assert "one.json: drawn for a photo of 900x600, one is 90x60" in problems[0]

    def test_a_file_that_tells_no_size_is_taken(self, find):
        masks, problems = find(one=labelme(shape(SQUARE), height=None, width=None))
        assert list(masks) == ["a"]
        assert problems == []

    @pytest.mark.parametrize("kind", ["line", "point", "points", "linestrip"])
    def test_a_shape_without_an_area_is_refused(self, find, kind):
        masks, problems = find(one=labelme(shape(SQUARE, kind), shape(SQUARE)))
        assert list(masks) == ["a"]
        assert f"one.json shape 0: a {kind}, wanted an area: polygon, rectangle" in problems[0]

    @pytest.mark.parametrize("far", [1.7e308, -1e12])
    @pytest.mark.parametrize("kind", ["circle", "rectangle"])
    def test_a_shape_with_a_corner_far_away_is_refused(self, find, kind, far):
        masks, problems = find(one=labelme(shape([[10, 10], [far, 20]], kind), shape(SQUARE)))
        assert list(masks) == ["a"]
        assert "one.json shape 0: a coordinate that is not finite or beyond" in problems[0]

    def test_a_mask_outside_the_photo_is_refused(self, find):
        masks, problems = find(one=labelme(shape([[100, 10], [120, 10], [120, 30]]), shape(SQUARE)))
        assert list(masks) == ["a"]
        assert "one.json shape 0: outside the photo of 90x60" in problems[0]

    def test_a_mask_that_reaches_beyond_the_edge_is_cut_there(self, find):
        masks, _ = find(one=labelme(shape([[80, 50], [120, 50], [120, 90], [80, 90]])))
        assert box_of(masks["a"]) == pytest.approx((80, 50, 90, 60))

    def test_a_file_of_no_photo_is_reported(self, find):
        _, problems = find(two=labelme(shape(SQUARE), name="two.jpg"))
        assert "two.json: no photo 'two'" in problems[0]

    def test_one_group_number_on_two_labels_is_two_foregrounds(self, read):
        other = [[50, 30], [60, 30], [60, 50], [50, 50]]
        parts = shape(SQUARE, group=1, label="person"), shape(other, group=1, label="chair")
        more = shape([[0, 0], [4, 0], [4, 4], [0, 4]], group=1, label="chair")
        masks, lines, _ = read({"masks/one": labelme(*parts, more)})
        assert lines == []
        assert [int(mask.sum()) for mask in masks["one"].values()] == [200, 216]

    def test_labels_that_stand_for_no_object_are_no_foregrounds(self, read):
        labels = ("__ignore__", "_background_", "pot")
        masks, lines, notes = read({"masks/one": labelme(*(shape(SQUARE, label=label) for label in labels))})
        assert list(masks["one"]) == ["a"]
        assert lines == []
        assert "one.json: 2 shapes labeled __ignore__ or _background_" in notes[0]

    @pytest.mark.parametrize("labels", [(), ("__ignore__",)])
    def test_a_file_without_a_foreground_is_named(self, read, labels):
        _, lines, _ = read({"masks/one": labelme(*(shape(SQUARE, label=label) for label in labels))})
        assert lines[0].endswith(f"one.json: none of its {len(labels)} shapes is a foreground")

    def test_the_file_beside_the_photo_is_read(self, read):
        masks, lines, _ = read({"photos/one": labelme(shape(SQUARE))})
        assert lines == []
        assert masks["one"]["a"].sum() == 200

    def test_other_json_beside_photos_is_no_annotation_and_is_counted(self, read):
        masks, lines, notes = read({"photos/one.jpg": {"title": "one.jpg"}, "photos/one": labelme(shape(SQUARE))})
        assert list(masks["one"]) == ["a"]
        assert lines == []
        assert notes[0].startswith("1 JSON files beside photos are no annotations, such as ")

    @pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation"])
    def test_a_turned_rectangle_has_its_four_corners(self, read, kind):
        """A square that stands on its corner: half of the box around it, by hand."""
        masks, _, _ = read({"masks/one": labelme(shape([[40, 10], [60, 30], [40, 50], [20, 30]], kind))})
        mask = masks["one"]["a"]
        assert mask.sum() == pytest.approx(40 * 40 / 2, abs=40)
        assert mask[30, 40]
        assert mask[12, 40]
        assert not mask[12, 22]

    @pytest.mark.parametrize("corner", [(10, 20), (-2, -1), (85, 55)])
    def test_an_ai_mask_is_pasted_at_the_first_point_of_its_box(self, read, corner):
        small = np.eye(8, dtype=np.uint8)
        box = [list(corner), [corner[0] + 7, corner[1] + 7]]
        data = base64.b64encode(cv2.imencode(".png", small)[1].tobytes()).decode()
        masks, lines, _ = read({"masks/one": labelme({**shape(box, "mask"), "mask": data})})
        expected = np.zeros((80, 110), bool)
        rows = np.arange(8)
        expected[corner[1] + 10 + rows, corner[0] + 10 + rows] = True
        assert lines == []
        np.testing.assert_array_equal(masks["one"]["a"], expected[10:70, 10:100])

    def test_a_photo_with_an_ai_mask_has_a_fingerprint(self, disk):
        data = base64.b64encode(cv2.imencode(".png", np.eye(8, dtype=np.uint8))[1].tobytes()).decode()
        disk.picture("photos/one.jpg", 60, 90)
        disk.write("masks/one.json", json.dumps(labelme({**shape([[1, 1], [8, 8]], "mask"), "mask": data})))
        (photo,) = find_folder(disk.root).photos
        assert len(photo.masks) == 1
        assert json.dumps(photo.masks, default=fingerprint._plain)

    @pytest.mark.parametrize("mask", [None, "no base64!", "AAAA"])
    def test_an_ai_mask_that_is_no_picture_is_refused(self, read, mask):
        masks, lines, _ = read({"masks/one": labelme({**shape([[1, 1], [8, 8]], "mask"), "mask": mask}, shape(SQUARE))})
        assert list(masks["one"]) == ["a"]
        assert "one.json shape 0: " in lines[0]

    def test_a_file_whose_name_and_imagepath_are_of_two_photos_goes_by_its_name_and_says_so(self, read):
        content = {"masks/one": labelme(shape(SQUARE), name="two.jpg")}
        masks, _, notes = read(content, photos=("one", "two"))
        assert list(masks["one"]) == ["a"]
        assert masks["two"] == {}
        assert "one.json: taken for one by its name, though its imagePath names two" in notes[0]

    @pytest.mark.parametrize(
        ("orientation", "expected"),
        [(6, (40, 10, 50, 30)), (8, (10, 60, 20, 80)), (5, (10, 10, 20, 30)), (7, (40, 60, 50, 80))],
    )
    def test_shapes_drawn_before_exif_turned_the_photo_are_turned_with_it(self, read, orientation, expected):
        """The photo is stored as 90x60 and shown as 60x90; the square is x 10 to 30, y 10 to 20 as stored."""
        masks, lines, notes = read({"masks/one": labelme(shape(SQUARE))}, orientation=orientation)
        rows, columns = np.nonzero(masks["one"]["a"])
        assert lines == []
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == expected
        assert "one.json: 90x60 is the size before EXIF turns the photo, its shapes are turned with it" in notes[0]
