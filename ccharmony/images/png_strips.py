"""The pixels of a PNG compressed in strips side by side, for all processors, and never all of them in memory.

A block of deflate may end at any byte, and so may a PNG's part of the stream: strips that are compressed by themselves
are one stream, one after the other. Pixels become their differences from the pixel to the left, equal bytes become
runs, as OpenCV does: a third more bytes than at level 6, in a tenth of the time.

Contents: :func:`compressed`.

References
----------
RFC 1950 (zlib, Adler-32), RFC 1951 (deflate); W3C, *Portable Network Graphics (PNG) Specification*, third edition.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ccharmony.arrays import Samples, UInt8
from ccharmony.images import opencv

STRIP_BYTES = 2**21
"""Of pixels compressed at a time; the end of a strip takes five bytes."""

_HEAD = b"\x78\x01"
_SUB = 1
_PRIME = 65521


def compressed(values: Samples) -> Iterator[bytes]:
    """Compress the pixels of a PNG, with as many threads as OpenCV may use.

    Parameters
    ----------
    values
        Shape (H, W) or (H, W, C), 8 or 16 bits.

    Yields
    ------
    bytes
        The parts of the zlib stream, one after the other.
    """
    checksum = zlib.adler32(b"")
    yield _HEAD
    for packed, size, own in _in_order(values):
        checksum = _joined(checksum, own, size)
        yield packed
    yield checksum.to_bytes(4, "big")


def _in_order(values: Samples) -> Iterator[tuple[bytes, int, int]]:
    """Yield what :func:`_compress` makes of each strip; one more than there are threads is in memory."""
    step = max(STRIP_BYTES // values[0].nbytes, 1)
    starts, threads = range(0, len(values), step), opencv.threads()
    waiting: deque[Future[tuple[bytes, int, int]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="png") as pool:
        for top in starts:
            waiting.append(pool.submit(_compress, values[top : top + step], is_last=top == starts[-1]))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _compress(values: Samples, *, is_last: bool) -> tuple[bytes, int, int]:
    """Return a strip as blocks of deflate, and number and Adler-32 of the bytes that it stands for."""
    lines = _filtered(values).data
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, strategy=zlib.Z_RLE)
    packed = packer.compress(lines) + packer.flush(zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH)
    return packed, lines.nbytes, zlib.adler32(lines)


def _filtered(values: Samples) -> UInt8:
    """Return rows as PNG compresses them: each byte less that of the pixel to the left, the filter's number before."""
    ordered = np.ascontiguousarray(values, values.dtype.newbyteorder(">"))
    rows: UInt8 = ordered.view(np.uint8).reshape(len(values), -1)
    pixel = rows.shape[1] // values.shape[1]
    lines = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1 : 1 + pixel] = rows[:, :pixel]
    np.subtract(rows[:, pixel:], rows[:, :-pixel], out=lines[:, 1 + pixel :])
    return lines


def _joined(first: int, second: int, size: int) -> int:
    """Return the Adler-32 of two parts one after the other, the second of `size` bytes."""
    low, high = (first & 0xFFFF) + (second & 0xFFFF) - 1, (first >> 16) + (second >> 16) + size * ((first & 0xFFFF) - 1)
    return high % _PRIME << 16 | low % _PRIME
