"""A mask from a box and strokes, by GrabCut, which needs no trained network.

References
----------
Rother, Kolmogorov, Blake: GrabCut, interactive foreground extraction using iterated graph cuts. SIGGRAPH 2004.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import cv2
import numpy as np

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import SettingsError
from harmonize.settings import Settings, Share, drop_retired, from_dict

MOST_PIXELS = 300_000
"""Pixels that GrabCut works on."""

_ROUNDS = 5
_MOST_STROKES, _MOST_POINTS = 200, 20_000
_SURE = {"in": cv2.GC_FGD, "out": cv2.GC_BGD}


@dataclass(frozen=True)
class Stroke(Settings):
    """A line drawn with a round brush; places and sizes are parts of the picture's width and height."""

    kind: Literal["in", "out"] = "in"
    """Whether what lies below is foreground or background."""

    radius: Share = 0.01
    """Of the brush, as a part of the picture's width."""

    points: tuple[tuple[Share, Share], ...] = ()
    """x, y of the line's points."""


@dataclass(frozen=True)
class Marks(Settings):
    """What a person drew; raises SettingsError where it makes no sense."""

    box: tuple[Share, Share, Share, Share] = (0.0, 0.0, 1.0, 1.0)
    """Left, top, right and bottom of a box around the foreground; all outside it is background."""

    strokes: tuple[Stroke, ...] = ()
    """Lines over what is foreground or background, the later over the earlier."""

    def __post_init__(self) -> None:
        super().__post_init__()
        left, top, right, bottom = self.box
        if not (left < right and top < bottom):
            raise SettingsError("box: an empty one found, wanted one around the foreground")
        if len(self.strokes) > _MOST_STROKES or sum(len(stroke.points) for stroke in self.strokes) > _MOST_POINTS:
            raise SettingsError(f"strokes: wanted at most {_MOST_STROKES}, of {_MOST_POINTS} points in all")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what a page sends; raises SettingsError where it makes no sense."""
        found = drop_retired(values, {})
        strokes = found.pop("strokes", [])
        if not isinstance(strokes, list):
            raise SettingsError(f"strokes: {type(strokes).__name__} found, wanted a list")
        return replace(from_dict(cls, found), strokes=tuple(map(Stroke.from_dict, strokes)))


def cut(picture: UInt8, marks: Marks) -> Float32:
    """Find the foreground within a box.

    Parameters
    ----------
    picture
        Picture (H, W, 3), RGB.
    marks
        The box, and strokes that say what is foreground and what is not.

    Returns
    -------
    Float32
        Mask (H, W), in [0, 1]; the same for the same arguments.

    Raises
    ------
    SettingsError
        Nothing is found, or there is no background outside the box to compare with.
    """
    height, width = picture.shape[:2]
    scale = min((MOST_PIXELS / (height * width)) ** 0.5, 1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    kinds = _draw(marks, size)
    if (kinds == cv2.GC_BGD).all() or not ((kinds == cv2.GC_BGD) | (kinds == cv2.GC_PR_BGD)).any():
        raise SettingsError("marks: background outside the box and something in it wanted")
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(small, kinds, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error as error:
        raise SettingsError(f"marks: no foreground can be told apart ({error.err})") from error
    inside = ((kinds == cv2.GC_FGD) | (kinds == cv2.GC_PR_FGD)).astype(np.float32)
    if not inside.any():
        raise SettingsError("marks: no foreground found in the box, wanted a stroke over it")
    smooth = cv2.GaussianBlur(inside, (0, 0), 0.8)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32).clip(0, 1)


def _draw(marks: Marks, size: tuple[int, int]) -> UInt8:
    """Return what each pixel is said to be, (height, width), in GrabCut's numbers."""
    width, height = size
    kinds = np.full((height, width), cv2.GC_BGD, np.uint8)
    left, top, right, bottom = marks.box
    rows = slice(int(top * height), int(np.ceil(bottom * height)))
    columns = slice(int(left * width), int(np.ceil(right * width)))
    kinds[rows, columns] = cv2.GC_PR_FGD
    for stroke in marks.strokes:
        thickness = max(round(2 * stroke.radius * width), 1)
        points = np.array([(x * width, y * height) for x, y in stroke.points]).round().astype(np.int32)
        cv2.polylines(kinds, [points.reshape(-1, 1, 2)], False, _SURE[stroke.kind], thickness)
    return kinds
