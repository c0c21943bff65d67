"""JPEG: looked through for its scans before it is decoded, then decoded with every complaint of the decoder an error.

OpenCV's decoder fills what is missing of a cut picture with gray, and says so to the terminal alone. simplejpeg brings
the same decoder (libjpeg-turbo) and gives the same pixels in 0.6 to 0.9 of the time, and its complaints are errors.

Contents: :func:`is_complete`, :func:`is_progressive`, :func:`count_scans`, :func:`decode`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import numpy as np

from ccharmony.arrays import UInt8

MOST_SCANS = 32
"""Of a progressive picture; encoders write about ten. Each goes through all pixels: 22 kB of them took 49 s."""

_SCAN, _END = 0xDA, 0xD9
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
# In a scan, 0xFF stands before a marker, but for a zero (a byte 0xFF), a restart marker and another 0xFF.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

Order = Literal["RGB", "BGR", "GRAY"]


def is_complete(data: bytes) -> bool:
    """Return whether an end marker follows a scan; the thumbnail in the EXIF block has one of its own."""
    found = [marker for marker in _markers(data) if marker in (_SCAN, _END)]
    return len(found) > 1 and found[-1] == _END


def is_progressive(data: bytes) -> bool:
    """Return whether the decoder has to keep all coefficients of the picture, two bytes for each sample."""
    return any(marker in _PROGRESSIVE for marker in _markers(data))


def count_scans(data: bytes) -> int:
    """Return the number of scans before the end marker."""
    return sum(marker == _SCAN for marker in _markers(data))


def decode(data: bytes, order: Order) -> UInt8:
    """Return the pixels of a JPEG as they are stored, not turned.

    Parameters
    ----------
    data
        The file.
    order
        Order of the channels, or gray.

    Returns
    -------
    UInt8
        Shape (H, W, 3), or (H, W) for gray.

    Raises
    ------
    ValueError
        The decoder complains of anything: data that ends too early, too many bytes, a code that is none.
    """
    import simplejpeg  # here, since a command without pictures needs no decoder

    values = np.asarray(simplejpeg.decode_jpeg(data, order, fastdct=False, fastupsample=False), np.uint8)
    return values[..., 0] if order == "GRAY" else values


def _markers(data: bytes) -> Iterator[int]:
    """Yield the markers up to the end marker; each segment is skipped by its length, each scan by what it may hold."""
    position = 2
    while position + 2 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        yield marker
        if marker == _END:
            return
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _SCAN:
            found = _AFTER_SCAN.search(data, position)
            position = found.start() if found else len(data)
