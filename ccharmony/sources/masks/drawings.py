"""Masks that are stored as numbers and drawn when they are read: outlines, small pictures, run lengths.

Both read like a file (:class:`ccharmony.images.readable.Readable`), pickle, and are small however large the photo is.
"""

from __future__ import annotations

import base64
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ccharmony.arrays import Bool, Float32, Shape
from ccharmony.checker.chart import FARTHEST
from ccharmony.errors import ImageError
from ccharmony.images import mask_files, pixels, stored

Point = tuple[float, float]
Ring = tuple[Point, ...]

_CIRCLE_CORNERS = 128
_MOST_CORNERS = 100_000  # drawn in three seconds; by hand one sets a hundred
_LARGEST_SHIFT = 60  # bits of a run length: enough for any photo, and no number that grows with the file


@dataclass(frozen=True)
class Drawing(ABC):
    """A foreground that is drawn when it is read.

    Attributes
    ----------
    source
        The file it was read from.
    entry
        Its name in the file, for messages.
    shape
        Height and width of the picture that it was drawn on.
    orientation
        How EXIF turns that picture upright, 1 to 8; 1 where it was drawn on the upright photo.
    """

    source: Path
    entry: str
    shape: Shape
    orientation: int = field(default=1, kw_only=True)

    @property
    def name(self) -> str:
        """Return the last part of the name."""
        return self.entry

    def __str__(self) -> str:
        return f"{self.source} {self.entry}"

    def read_bytes(self) -> bytes:
        """Return the mask as a PNG file; raises ImageError where it has no pixel, or cannot be drawn."""
        try:
            return pixels.encode_mask(self.draw())
        except ImageError as error:
            raise ImageError(f"{self}: {error}") from error

    def draw(self) -> Bool:
        """Return the mask, shape (H, W) of the upright photo; raises ImageError where it has no pixel or cannot be."""
        mask = self._fill()
        if not mask.any():
            raise ImageError(f"outside the photo of {self.shape[1]}x{self.shape[0]}")
        return np.asarray(stored.turn(mask.view(np.uint8), self.orientation), bool)

    @abstractmethod
    def _fill(self) -> Bool:
        """Return the mask on the picture that it was drawn on; raises ImageError where its numbers are impossible."""


@dataclass(frozen=True)
class Bitmap:
    """A part of a foreground as a small picture: what is not 0 in it counts.

    Attributes
    ----------
    left, top
        Where its corner lies, in pixels of the photo.
    text
        A picture file, such as a PNG, in base64: a photo's row, which is hashed as JSON, has no bytes.
    """

    left: int
    top: int
    text: str
    name: str = "mask"

    def read_bytes(self) -> bytes:
        """Return the picture file; raises ImageError where the text is no base64."""
        try:
            return base64.b64decode(self.text, validate=True)
        except ValueError as error:
            raise ImageError("no base64 text") from error

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Outline(Drawing):
    """A foreground inside closed outlines, or in small pictures.

    Attributes
    ----------
    source, entry, shape, orientation
        As in `Drawing`.
    rings
        Outlines of x, y in pixels, the top left corner of the photo being 0, 0; together they are the foreground.
    holes
        Places in `rings` of those that take away from what was drawn before them.
    bitmaps
        Parts that are pictures.
    """

    rings: tuple[Ring, ...]
    holes: tuple[int, ...] = ()
    bitmaps: tuple[Bitmap, ...] = ()

    def _fill(self) -> Bool:
        """Return the pixels whose centers lie in an outline and in no hole, and those of the bitmaps."""
        _check_rings(self.rings)
        mask = np.zeros(self.shape, bool)
        for place, ring in enumerate(self.rings):
            mask[fill(ring, self.shape)] = place not in self.holes
        for bitmap in self.bitmaps:
            paste(mask, bitmap)
        return mask


@dataclass(frozen=True)
class Runs(Drawing):
    """A foreground as COCO's run lengths.

    Attributes
    ----------
    source, entry, shape, orientation
        As in `Drawing`.
    counts
        Pixels off, on, off, … down the columns, from the left one to the right one.
    """

    counts: tuple[int, ...]

    def _fill(self) -> Bool:
        height, width = self.shape
        if sum(self.counts) != height * width or min(self.counts, default=0) < 0:
            raise ImageError(f"runs over {sum(self.counts)} pixels, its photo has {height * width}")
        on = np.arange(len(self.counts)) % 2 == 1
        return np.ascontiguousarray(np.repeat(on, self.counts).reshape(width, height).T)


def _check_rings(rings: Sequence[Ring]) -> None:
    if not all((np.abs(ring) <= FARTHEST).all() for ring in rings):
        raise ImageError(f"a coordinate that is not finite or beyond {FARTHEST}")
    if (corners := max(map(len, rings), default=0)) > _MOST_CORNERS:
        raise ImageError(f"an outline of {corners} corners, the limit is {_MOST_CORNERS}")


def paste(mask: Bool, bitmap: Bitmap) -> None:
    """Add a bitmap to a mask (H, W) in place, cut at the edge; raises ImageError where it is no picture."""
    levels = mask_files.read_stored_mask(bitmap, max_pixels=mask.size).levels
    levels = levels[max(-bitmap.top, 0) :, max(-bitmap.left, 0) :]
    top, left = max(bitmap.top, 0), max(bitmap.left, 0)
    part = mask[top : top + levels.shape[0], left : left + levels.shape[1]]
    part |= levels[: part.shape[0], : part.shape[1]] > 0


def fill(ring: Ring, shape: Shape) -> Bool:
    """Return the pixels whose centers lie inside a closed outline (even-odd rule), shape (H, W).

    OpenCV's ``fillPoly`` counts the boundary in, which makes a foreground half a pixel wider on every side and its
    edge a mixture of two surfaces.
    """
    starts = np.array(ring, np.float64)
    ends = np.roll(starts, -1, axis=0)
    # First row and column whose center lies beyond each corner, inside the photo; the mask is drawn between them alone.
    limits = np.clip(np.ceil(starts[:, ::-1] - 0.5), 0, shape).astype(int)
    (top, left), (bottom, right) = limits.min(axis=0), limits.max(axis=0)
    crossings = np.zeros((bottom - top, right - left + 1), np.uint8)
    for (x0, y0), (x1, y1) in zip(starts, ends, strict=True):
        low, high = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), top, bottom).astype(int)
        if low < high:
            rows = np.arange(low, high)
            x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            columns = np.clip(np.ceil(x - 0.5), left, right).astype(int)
            crossings[rows - top, columns - left] += 1  # each row once an edge
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = np.cumsum(crossings[:, :-1], axis=1, dtype=np.uint8) % 2 == 1
    return mask


def nest(rings: Sequence[Ring]) -> tuple[tuple[Ring, ...], tuple[int, ...]]:
    """Order outlines by how many others they lie inside of, and tell which are holes: those inside an odd number.

    Returns
    -------
    tuple[tuple[Ring, ...], tuple[int, ...]]
        Rings and holes as `Outline` takes them.
    """
    outlines = [np.array(ring, np.float32)[:, None] for ring in rings]
    depths = [sum(inner is not outer and _lies_inside(inner, outer) for outer in outlines) for inner in outlines]
    order = sorted(range(len(rings)), key=depths.__getitem__)
    return tuple(rings[place] for place in order), tuple(n for n, place in enumerate(order) if depths[place] % 2)


def _lies_inside(inner: Float32, outer: Float32) -> bool:
    """Return whether all corners lie inside another outline and none on it; both of shape (corners, 1, 2)."""
    if (inner.min(axis=0) <= outer.min(axis=0)).any() or (inner.max(axis=0) >= outer.max(axis=0)).any():
        return False
    return all(cv2.pointPolygonTest(outer, corner.tolist(), False) > 0 for corner in inner[:, 0])


def rectangle(points: Sequence[Point]) -> Ring:
    """Return the outline of the upright rectangle around points."""
    x0, y0 = np.min(points, axis=0).tolist()
    x1, y1 = np.max(points, axis=0).tolist()
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def circle(center: Point, edge: Point) -> Ring:
    """Return the outline of the circle around `center` through `edge`, as a polygon of 128 corners.

    Raises
    ------
    ImageError
        A coordinate is not finite, or far outside any photo.
    """
    _check_rings([(center, edge)])
    radius = math.dist(center, edge)
    angles = np.linspace(0, 2 * np.pi, _CIRCLE_CORNERS, endpoint=False)
    ring = np.stack([center[0] + radius * np.cos(angles), center[1] + radius * np.sin(angles)], axis=1)
    return tuple((float(x), float(y)) for x, y in ring)


def unpack_counts(text: str) -> tuple[int, ...]:
    """Return the run lengths in COCO's compressed string.

    Each number is written in groups of five bits, the lowest first, in the characters from ``0`` on; a sixth bit says
    that more groups follow, the highest bit of the last group is the sign. From the fourth number on, the difference to
    the number two positions before is written.

    Raises
    ------
    ValueError
        The string ends within a number or has a character outside the code.

    Examples
    --------
    >>> unpack_counts("62h0")
    (6, 2, 24)
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise ValueError(f"character {character!r} in run lengths")
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            if shift > _LARGEST_SHIFT:
                raise ValueError("a run length without end")
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("run lengths that end within a number")
    return tuple(counts)
