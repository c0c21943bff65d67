"""Pictures small enough to stand inside a page, each as large as its share of the page's bytes allows.

Contents: :class:`Thumbnail`, :func:`within`, :func:`shrink`, :data:`PAGE_BYTES`, :data:`LONGEST`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ccharmony.arrays import UInt8

PAGE_BYTES = 8_500_000
"""Bytes of all pictures of a page; inlined they grow by a third, to 11.3 MB."""

_SIDES = (960, 720, 560, 440, 340, 260, 200, 150, 110, 80, 56)
_USUAL_SIDE = 340
_QUALITY = 78
_METHOD = 2
"""Of WebP's effort, 0 to 6: 0.45 of the time of OpenCV's 4, which cannot be set there, for 5 % more bytes."""

LONGEST = _SIDES[0]
"""Longest side of a thumbnail, in pixels."""


@dataclass(frozen=True)
class Thumbnail:
    """A small picture and the lines drawn over it.

    Attributes
    ----------
    data
        WebP.
    size
        Width and height.
    outlines
        Closed lines, each a sequence x0, y0, x1, y1, … in thousandths of the picture's width and height.
    """

    data: bytes
    size: tuple[int, int]
    outlines: tuple[tuple[int, ...], ...] = ()

    @property
    def uri(self) -> str:
        """Return the picture as a data URI."""
        return f"data:image/webp;base64,{base64.b64encode(self.data).decode()}"


def shrink(image: UInt8, side: int) -> UInt8:
    """Return an image (H, W, 3) with its longest side at most `side` pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def within(
    image: UInt8, budget: int, lines: Iterable[npt.NDArray[np.floating]] = (), start: int = _USUAL_SIDE
) -> Thumbnail:
    """Return an image as large as fits into a budget of bytes, or as the smallest of all sizes.

    The search walks from a side at which the answer is likely: from 960 pixels down, each picture of a strip was
    encoded up to nine times, and the largest cost most.
    """
    height, width = image.shape[:2]
    outlines = tuple(tuple(np.rint(1000 * line / (width, height)).astype(int).ravel().tolist()) for line in lines)
    sides = _sides_of(image)
    place = max((number for number, side in enumerate(sides) if side <= start), default=0)
    found = _encoded(image, sides[place])
    if len(found[0]) > budget:
        for side in reversed(sides[:place]):
            found = _encoded(image, side)
            if len(found[0]) <= budget:
                break
    else:
        for side in sides[place + 1 :]:
            larger = _encoded(image, side)
            if len(larger[0]) > budget:
                break
            found = larger
    return Thumbnail(*found, outlines)


def _sides_of(image: UInt8) -> list[int]:
    """Return the sides at which an image can be shown, from the smallest on: its own is the largest."""
    longest = min(max(image.shape[:2]), _SIDES[0])
    return [*(side for side in reversed(_SIDES) if side < longest), longest]


def _encoded(image: UInt8, side: int) -> tuple[bytes, tuple[int, int]]:
    """Return an image shrunk and encoded, and its width and height."""
    small, stream = shrink(image, side), io.BytesIO()
    Image.fromarray(small).save(stream, "webp", quality=_QUALITY, method=_METHOD)
    return stream.getvalue(), (small.shape[1], small.shape[0])
