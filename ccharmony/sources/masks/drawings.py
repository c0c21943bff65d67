"""Masks that are stored as numbers and drawn when they are read: outlines, run lengths.

Both read like a file (:class:`ccharmony.images.headers.Readable`), pickle, and are small however large the photo is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from ccharmony.arrays import Bool, Shape
from ccharmony.checker.chart import FARTHEST
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.records import Photo
from ccharmony.sources import files, reading

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
        Height and width of the photo.
    """

    source: Path
    entry: str
    shape: Shape

    @property
    def name(self) -> str:
        """Return the last part of the name."""
        return self.entry

    def __str__(self) -> str:
        return f"{self.source} {self.entry}"

    def read_bytes(self) -> bytes:
        """Return the mask as a PNG file; raises ImageError where it has no pixel, or cannot be drawn."""
        mask = self.draw()
        if not mask.any():
            raise ImageError(f"{self}: no pixel of it lies in the photo of {self.shape[1]}x{self.shape[0]}")
        return pixels.encode_mask(mask)

    @abstractmethod
    def draw(self) -> Bool:
        """Return the mask, shape (H, W); raises ImageError where its numbers are impossible."""


@dataclass(frozen=True)
class Outline(Drawing):
    """A foreground inside closed outlines.

    Attributes
    ----------
    source, entry, shape
        As in `Drawing`.
    rings
        Outlines of x, y in pixels, the top left corner of the photo being 0, 0; together they are the foreground.
    """

    rings: tuple[Ring, ...]

    def draw(self) -> Bool:
        """Return the mask, shape (H, W): pixels whose centers lie in an outline.

        Raises
        ------
        ImageError
            A coordinate is not finite, or far from any photo; an outline has too many corners.
        """
        if not all((np.abs(ring) <= FARTHEST).all() for ring in self.rings):
            raise ImageError(f"{self}: a coordinate that is not finite or beyond {FARTHEST}")
        if (corners := max(map(len, self.rings), default=0)) > _MOST_CORNERS:
            raise ImageError(f"{self}: an outline of {corners} corners, the limit is {_MOST_CORNERS}")
        mask = np.zeros(self.shape, bool)
        for ring in self.rings:
            mask |= fill(ring, self.shape)
        return mask


@dataclass(frozen=True)
class Runs(Drawing):
    """A foreground as COCO's run lengths.

    Attributes
    ----------
    source, entry, shape
        As in `Drawing`.
    counts
        Pixels off, on, off, … down the columns, from the left one to the right one.
    """

    counts: tuple[int, ...]

    def draw(self) -> Bool:
        """Return the mask, shape (H, W); raises ImageError where the runs do not fill the photo."""
        height, width = self.shape
        if sum(self.counts) != height * width or min(self.counts, default=0) < 0:
            raise ImageError(f"{self}: runs over {sum(self.counts)} pixels, its photo has {height * width}")
        on = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(on, self.counts).reshape(width, height).T


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


def rectangle(points: Sequence[Point]) -> Ring:
    """Return the outline of the upright rectangle around points."""
    x0, y0 = np.min(points, axis=0).tolist()
    x1, y1 = np.max(points, axis=0).tolist()
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def circle(center: Point, edge: Point) -> Ring:
    """Return the outline of the circle around `center` through `edge`, as a polygon of 128 corners."""
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


class Targets:
    """Photos by name.

    Parameters
    ----------
    photos
        Photo files by id.
    """

    def __init__(self, photos: Mapping[str, Path]) -> None:
        self._photos = photos
        self._ids = {name.casefold(): name for name in photos}
        self._shapes: dict[str, Shape] = {}

    def match(self, file_name: str) -> str | None:
        """Return the id of the photo that a file name of any system stands for, with or without folders."""
        stem = PureWindowsPath(file_name).stem
        return self._ids.get(files.normal(stem).casefold())

    def shape(self, photo: str, height: object, width: object, origin: object) -> Shape:
        """Return height and width of a photo, and check those that a drawing names, unless it names none.

        Raises
        ------
        ImageError
            The drawing was made for a photo of another size, or the photo's size cannot be read.
        """
        if photo not in self._shapes:
            row = Photo(photo, "folder", "unknown", self._photos[photo])
            self._shapes[photo] = reading.read_size(row)
        shape = self._shapes[photo]
        if (height is not None or width is not None) and (height, width) != shape:
            raise ImageError(f"{origin}: drawn for a photo of {width}x{height}, {photo} is {shape[1]}x{shape[0]}")
        return shape
