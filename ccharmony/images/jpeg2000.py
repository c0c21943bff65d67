"""What a JPEG 2000 file says of its depth and of its colors, neither of which Pillow reads.

Pillow 13 rounds samples of 9 to 16 bits to 8 without a limit, so that white (65535) becomes 256, which is stored as 0.
imagecodecs converts colors by the profile on its own; OpenCV gives the samples as they are.

References
----------
- ISO/IEC 15444-1, *JPEG 2000 image coding system*: annex A.5.1 (SIZ), annex I.5.3.3 (the color box).
"""

from __future__ import annotations

from typing import IO

import numpy as np

from ccharmony.arrays import UInt16
from ccharmony.errors import ImageError

_START_AND_SIZE = b"\xff\x4f\xff\x51"
_TO_DEPTH = 42  # bytes from the start of the codestream to the depth of its first channel
_SIGNED = 0x80
_ICC_METHODS = (2, 3)
_HEAD_BYTES = 2**22  # boxes before the codestream; printers' profiles take up to 2 MB


def read_head(stream: IO[bytes]) -> bytes:
    """Return the beginning of a file, which holds all that :func:`bits` and :func:`profile` look at."""
    stream.seek(0)
    return stream.read(_HEAD_BYTES)


def bits(head: bytes) -> int:
    """Return the bits of a sample, 1 to 38; 8 where the codestream's header is not found.

    Raises
    ------
    ImageError
        Samples have a sign.
    """
    start = head.find(_START_AND_SIZE)
    depth = head[start + _TO_DEPTH : start + _TO_DEPTH + 1]
    if start < 0 or not depth:
        return 8
    if depth[0] & _SIGNED:
        raise ImageError("JPEG 2000 of signed samples, wanted whole numbers from 0 on")
    return int(depth[0]) + 1


def profile(head: bytes) -> bytes | None:
    """Return the ICC profile in the color box of a JP2 file; None where it has none, as a bare codestream."""
    boxes = head[: max(head.find(_START_AND_SIZE), 0)]
    place = boxes.find(b"colr", max(boxes.find(b"jp2h"), 0))
    size = int.from_bytes(boxes[place - 4 : place], "big") if place >= 4 else 0
    box = boxes[place + 4 : place - 4 + size]  # method, precedence, approximation, then the profile
    return box[3:] if len(box) > 3 and box[0] in _ICC_METHODS else None


def widen(values: UInt16, depth: int) -> UInt16:
    """Return samples of `depth` bits, 9 to 16, as samples of 16, the largest value standing for 1."""
    if depth == 16:
        return values
    whole = values.astype(np.float32) * np.float32(65535 / (2**depth - 1))
    return np.asarray(np.rint(whole).clip(0, 65535), np.uint16)
