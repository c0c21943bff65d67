import base64
import json
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import measure

from ccharmony.build import fingerprint
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.sources.folder import find_folder
from ccharmony.sources.masks import drawings
from ccharmony.sources.masks.drawings import Outline, Runs

SQUARE = [[10, 10], [30, 10], [30, 20], [10, 20]]
"""20 by 10 pixels."""


@pytest.fixture
def find(disk):
    """Return a function that writes JSON files beside a photo of 90x60, one.jpg, and finds what they hold."""

    def write_and_find(**files):
        disk.picture("photos/one.jpg", 60, 90)
        for name, content in files.items():
            disk.write(f"masks/{name}.json", content if isinstance(content, str) else json.dumps(content))
        found = find_folder(disk.root)
        return found.photos[0].masks, found.lines

    return write_and_find


@pytest.fixture
def read(disk):
    """Return a function that writes photos and JSON files, and returns masks by photo, lines, and notes."""

    def write_and_find(contents, photos=("one",), orientation=None, size=(60, 90)):
        for photo in photos:
            disk.picture(f"photos/{photo}.jpg", *size, orientation)
        for name, content in contents.items():
            disk.write(f"{name}.json", json.dumps(content))
        found = find_folder(disk.root)
        masks = {
            photo.id: {key: pixels.read_mask(mask) > 0.5 for key, mask in photo.masks.items()} for photo in found.photos
        }
        return masks, found.lines, found.summary[1:]

    return write_and_find


def labelme(*shapes, height=60, width=90, name="one.jpg"):
    return {"imagePath": f"..\\photos\\{name}", "imageHeight": height, "imageWidth": width, "shapes": list(shapes)}


def shape(points, kind="polygon", group=None, label="thing"):
    return {"label": label, "points": points, "shape_type": kind, "group_id": group}


def coco(*segmentations, height=60, width=90, name="one.jpg", crowd=0):
    entries = [
        {"id": 7 + n, "image_id": 1, "category_id": 1, "iscrowd": crowd, "segmentation": segmentation}
        for n, segmentation in enumerate(segmentations)
    ]
    images = [{"id": 1, "file_name": name, "height": height, "width": width}]
    return {"images": images, "annotations": entries, "categories": []}


def box_of(mask):
    rows, columns = np.nonzero(pixels.read_mask(mask))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


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


class TestDrawings:
    def test_a_pixel_counts_where_its_center_lies_inside(self):
        ring = ((1.5, 1.0), (4.6, 1.0), (4.6, 3.49), (1.5, 3.49))
        assert drawings.fill(ring, (5, 6)).astype(int).tolist() == [
            [0, 0, 0, 0, 0, 0],
            [0, 1, 1, 1, 1, 0],
            [0, 1, 1, 1, 1, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
        ]

    @given(st.lists(st.tuples(*[st.floats(-9, 40)] * 2), min_size=3, max_size=9))
    def test_outlines_are_filled_as_skimage_fills_them(self, ring):
        """Points in a polygon, by another library; centers within 1e-6 of the outline may go either way."""
        rows, columns = np.mgrid[:30, :25]
        centers = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
        inside = measure.points_in_poly(centers, ring).reshape(30, 25)
        wrong = np.argwhere(drawings.fill(tuple(ring), (30, 25)) != inside) + 0.5
        for y, x in wrong:
            assert abs(cv2.pointPolygonTest(np.float32(ring)[:, None], (x, y), True)) < 1e-4

    def test_a_drawing_with_a_coordinate_that_is_not_finite_is_refused(self, tmp_path):
        ring = ((0.0, 0.0), (float("nan"), 5.0), (5.0, 5.0))
        with pytest.raises(ImageError, match="a coordinate that is not finite"):
            Outline(tmp_path / "one.json", "shape 0", (60, 90), (ring,)).draw()

    def test_a_drawing_reads_prints_and_pickles_like_a_file(self, tmp_path):
        ring = tuple(tuple(map(float, point)) for point in SQUARE)
        drawing = pickle.loads(pickle.dumps(Outline(tmp_path / "one.json", "shape 0", (60, 90), (ring,))))
        assert str(drawing) == f"{tmp_path / 'one.json'} shape 0"
        assert drawing.name == "shape 0"
        decoded = cv2.imdecode(np.frombuffer(drawing.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        assert decoded.shape == (60, 90)

    def test_a_drawing_without_a_pixel_cannot_be_read(self, tmp_path):
        with pytest.raises(ImageError, match="annotation 1: outside the photo of 90x60"):
            Runs(tmp_path / "all.json", "annotation 1", (60, 90), (60 * 90,)).read_bytes()

    @pytest.mark.parametrize(
        "counts", [(6, 2, 24), (0, 1, 2, 3, 4, 5), (1000, 3, 7, 50, 2, 4000), (31, 32, 33, 15, 16)]
    )
    def test_packing_by_cocos_rule_comes_back(self, counts):
        assert drawings.unpack_counts(pack(counts)) == counts


def pack(counts):
    """COCO's packing: groups of five bits with a sign, from the fourth number on the difference to two before."""
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        while True:
            group = value & 0x1F
            value >>= 5
            more = value != (-1 if group & 0x10 else 0)
            text += chr(48 + (group | (0x20 if more else 0)))
            if not more:
                break
    return text


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


def test_a_coco_file_without_annotations_is_named(read):
    masks, (line,), _ = read({"masks/all": coco()})
    assert masks == {"one": {}}
    assert "no annotations in it" in line
