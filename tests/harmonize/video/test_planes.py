"""Planes changed in place, compared with FFmpeg's own way from RGB."""

from fractions import Fraction

import numpy as np
import pytest

from harmonize.video import color_change, planes
from harmonize.video.container import Coding

av = pytest.importorskip("av")
GAIN = np.array([0.6, 0.9, 1.1], np.float32)


def multiply() -> color_change.ColorChange:
    """The change that multiplies each channel by its `GAIN`."""
    matrix = np.zeros((10, 3), np.float32)
    matrix[[0, 1, 2], [0, 1, 2]] = GAIN - 1
    return color_change.ColorChange(matrix)


MULTIPLY = multiply().renderer


def make_frame(rgb: np.ndarray, kind: str, coding: Coding) -> "av.VideoFrame":
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return frame.reformat(format=kind, dst_colorspace=coding.matrix, dst_color_range=coding.range)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("kind", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
def test_flat_colors_become_what_ffmpeg_makes_of_the_changed_color(matrix, is_full, kind):
    coding = Coding(matrix, is_full)
    for color in ([200, 60, 30], [40, 120, 180], [128, 128, 128]):
        rgb = np.full((8, 10, 3), color, np.uint8)
        frame = make_frame(rgb, kind, coding)
        planes.add_change(frame, coding, np.ones((8, 10), np.float32), MULTIPLY)
        wanted = make_frame(np.rint(rgb * GAIN).astype(np.uint8), kind, coding)
        within = 2 if planes.bits_of(frame) == 8 else 6
        for found, expected in zip(planes.planes_of(frame), planes.planes_of(wanted), strict=True):
            assert abs(found.astype(int) - expected).max() <= within


@pytest.mark.parametrize(("height", "width"), [(36, 64), (35, 63)])
@pytest.mark.parametrize(("kind", "step"), [("yuv420p", (2, 2)), ("yuv422p", (1, 2)), ("yuv444p", (1, 1))])
def test_where_the_mask_is_0_nothing_changes(height, width, kind, step):
    coding = Coding(1, is_full=False)
    rgb = np.random.default_rng(0).integers(30, 220, (height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.float32)
    mask[9:26, 11:], mask[20:, 40] = 0.7, 1
    frame, before = make_frame(rgb, kind, coding), make_frame(rgb, kind, coding)
    planes.add_change(frame, coding, mask, MULTIPLY)
    padded = np.pad(mask, [(0, height % 2), (0, width % 2)])
    shared = padded.reshape(padded.shape[0] // step[0], step[0], -1, step[1]).max(axis=(1, 3))
    for number, (new, old) in enumerate(zip(planes.planes_of(frame), planes.planes_of(before), strict=True)):
        inside = (shared if number else mask)[: old.shape[0], : old.shape[1]] > 0
        np.testing.assert_array_equal(new[~inside], old[~inside])
        assert (new[inside] != old[inside]).mean() > 0.5


def test_half_the_strength_is_half_the_change_and_a_soft_pixel_its_share():
    coding = Coding(1, is_full=False)
    rgb, mask = np.full((4, 4, 3), 180, np.uint8), np.array([[1, 1, 0.5, 0.5]] * 4, np.float32)
    luma = []
    for strength in (0.0, 0.5, 1.0):
        frame = make_frame(rgb, "yuv444p", coding)
        planes.add_change(frame, coding, mask, MULTIPLY, strength)
        luma.append(planes.planes_of(frame)[0][0].astype(int))
    changes = luma[2] - luma[0]
    assert changes[0] < -20
    assert abs(2 * (luma[1] - luma[0]) - changes).max() <= 1
    assert abs(2 * changes[2] - changes[0]) <= 1


def test_a_quarter_turn_turns_every_plane():
    coding = Coding(1, is_full=False)
    rgb = np.random.default_rng(0).integers(30, 220, (36, 64, 3), np.uint8)
    frame = make_frame(rgb, "yuv420p", coding)
    frame.time_base = Fraction(1, 25)
    turned = planes.turn(frame, 1)
    assert (turned.width, turned.height) == (36, 64)
    for new, old in zip(planes.planes_of(turned), planes.planes_of(frame), strict=True):
        np.testing.assert_array_equal(new, np.rot90(old))
