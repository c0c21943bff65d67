"""A picture that is written many times, each time with another foreground.

Its channels are in the order that OpenCV's codecs want: to swap them again for every composite took a tenth of a build.
A foreground is pasted run by run (a run is a row of neighboring pixels), which is faster than pixel by pixel. Pixels
outside the foreground are never changed.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Indices, UInt8
from ccharmony.color import transfer
from ccharmony.color.transfer import Foreground, Relit
from ccharmony.images import pixels

_SHORT = 64
"""Runs that are shorter than this in the mean are not worth a step of Python each."""


class Canvas:
    """A picture to paste into and to encode.

    Parameters
    ----------
    image
        Picture (H, W, 3), RGB; copied.
    """

    def __init__(self, image: UInt8) -> None:
        self._swapped = _swap(image)

    def standardize(
        self, mask: transfer.Mask, to_standard: npt.ArrayLike, arithmetic: transfer.Arithmetic = "float"
    ) -> Foreground:
        """Bring a foreground of the picture to standard colors; see `transfer.standardize`."""
        return transfer.standardize_pixels(self._read, self._swapped.shape[:2], mask, to_standard, arithmetic)

    def paste(self, foreground: Foreground, relit: Relit) -> None:
        """Replace a foreground that `standardize` returned for this picture; `restore` undoes it."""
        self._put(foreground, transfer.blend(foreground, relit))

    def restore(self, foreground: Foreground) -> None:
        """Put the picture's own foreground back."""
        self._put(foreground, foreground.original)

    def encode(self, suffix: str, quality: int = pixels.JPEG_QUALITY) -> bytes:
        """Return the picture as it is now, the bytes that `pixels.encode` gives of it; raises OutputError."""
        return pixels.encode_swapped(self._swapped, suffix, quality)

    def _read(self, index: Indices) -> UInt8:
        return _swap(np.take(self._swapped.reshape(-1, 3), index, axis=0))

    def _put(self, foreground: Foreground, colors: UInt8) -> None:
        flat = self._swapped.reshape(-1, 3)
        swapped = _swap(colors)
        if len(foreground.runs) * _SHORT > len(foreground.index):
            flat[foreground.index] = swapped
            return
        for position, first, last in foreground.runs:
            flat[position : position + last - first] = swapped[first:last]


def _swap(colors: UInt8) -> UInt8:
    """Return a copy of colors (..., n, 3) with red and blue swapped."""
    rows = colors if colors.ndim == 3 else colors[None]
    return np.asarray(cv2.cvtColor(rows, cv2.COLOR_RGB2BGR), np.uint8).reshape(colors.shape)
