"""A picture that is written many times, each time with another foreground.

Its channels are in the order that OpenCV's codecs want: to swap them again for every composite took a tenth of a build.
A foreground is pasted run by run (a run is a row of neighboring pixels), which is faster than pixel by pixel. Pixels
outside the foreground are never changed, and of a JPEG the blocks outside are not encoded again (`jpeg_intervals`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Indices, SoftMask, UInt8
from ccharmony.color import transfer
from ccharmony.color.transfer import Foreground, Relit
from ccharmony.images import jpeg_intervals, pixels
from ccharmony.images.jpeg_intervals import IntervalJpeg

_SHORT = 64
"""Runs that are shorter than this in the mean are not worth a step of Python each."""


class Canvas:
    """A picture to paste into and to encode.

    Parameters
    ----------
    image
        Picture (H, W, 3), RGB; copied.
    suffix, quality
        Format and quality of what is encoded, see `pixels.encode`.

    Attributes
    ----------
    encoded
        The picture as a file.

    Raises
    ------
    OutputError
        The codec refuses the picture.
    """

    def __init__(self, image: UInt8, suffix: str = ".jpg", quality: int = pixels.JPEG_QUALITY) -> None:
        self._swapped = _swap(image)
        self._suffix, self._quality = suffix, quality
        self._jpeg: IntervalJpeg | None = None
        self.encoded = self._encode_whole()
        if suffix in pixels.JPEG_SUFFIXES:
            self._jpeg = IntervalJpeg(self.encoded, image.shape[:2], quality)

    def standardize(
        self, mask: SoftMask, to_standard: npt.ArrayLike, arithmetic: transfer.Arithmetic = "float"
    ) -> Foreground:
        """Bring a foreground of the picture to standard colors; see `transfer.standardize`."""
        return transfer.standardize_pixels(self._read, self._swapped.shape[:2], mask, to_standard, arithmetic)

    def encode_each(self, foreground: Foreground, relits: Iterable[Relit]) -> Iterator[tuple[Relit, bytes]]:
        """Yield each composite as a file: the picture with one of its foregrounds replaced.

        Parameters
        ----------
        foreground
            What `standardize` returned for this picture.
        relits
            Its colors under the light of one donor after the other.

        Yields
        ------
        relit, file
            The colors that were pasted, and what `encoded` would be of the picture with them.

        Raises
        ------
        OutputError
            The codec refuses the picture.
        """
        touched = self._jpeg.touched(foreground.index) if self._jpeg else ()
        try:
            for relit in relits:
                self._put(foreground, transfer.blend(foreground, relit))
                yield relit, self._jpeg.replace(self._swapped, touched) if self._jpeg else self._encode_whole()
        finally:
            self._put(foreground, foreground.original)

    def _encode_whole(self) -> bytes:
        if self._suffix in pixels.JPEG_SUFFIXES:
            return jpeg_intervals.encode(self._swapped, self._quality)
        return pixels.encode_swapped(self._swapped, self._suffix, self._quality)

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
