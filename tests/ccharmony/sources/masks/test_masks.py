import json
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import measure

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
        return found.photos[0].masks, found.problems

    return write_and_find


def labelme(*shapes, height=60, width=90, name="one.jpg"):
    return {"imagePath": f"..\\photos\\{name}", "imageHeight": height, "imageWidth": width, "shapes": list(shapes)}


def shape(points, kind="polygon", group=None):
    return {"label": "thing", "points": points, "shape_type": kind, "group_id": group}


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

    @pytest.mark.parametrize("kind", ["line", "point", "linestrip", "mask"])
    def test_a_shape_without_an_area_is_refused(self, find, kind):
        masks, problems = find(one=labelme(shape(SQUARE, kind), shape(SQUARE)))
        assert list(masks) == ["a"]
        assert f"one.json shape 0: a {kind}, wanted an area such as a polygon" in problems[0]

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


class TestCoco:
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

    def test_a_crowd_is_refused(self, find):
        masks, problems = find(all=coco({"size": [60, 90], "counts": [0, 60 * 90]}, crowd=1))
        assert masks == {}
        assert "all.json annotation 7: a crowd, several objects under one mask" in problems[0]

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
        assert "wanted polygons of three corners or more" in problems[0]

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

    def test_mask_pictures_win_over_drawings(self, find, disk):
        picture = disk.mask("masks/one_a.png", 60, 90)
        masks, problems = find(one=labelme(shape(SQUARE)))
        assert masks == {"a": picture}
        assert problems == ["one: has mask pictures, its 1 drawn masks are not used"]


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
        with pytest.raises(ImageError, match="no pixel of it lies in the photo of 90x60"):
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
