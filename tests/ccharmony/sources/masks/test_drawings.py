"""Outlines and run lengths drawn as masks."""

import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import measure

from ccharmony.errors import ImageError
from ccharmony.sources.masks import drawings
from ccharmony.sources.masks.drawings import Outline, Runs

from .annotations import SQUARE


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
