"""PNG: its chunks looked through before it is decoded, for what OpenCV and Pillow do not tell.

Contents: :func:`read_chunks`, :func:`is_complete`, :func:`count_bytes`,
:func:`count_compressed`, :func:`most_compressed`.

References
----------
W3C, *Portable Network Graphics (PNG) Specification*, third edition, 2025.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import IO

_FIRST = 8
_MOST_BYTES = 2**24
"""Of a chunk that is read here; EXIF with a thumbnail has some ten thousand."""

_MOST_SHARE, _SMALL = 1.125, 2**16
"""Of pixels that do not compress: deflate adds 0.02 %, filters add a byte to each row, interlacing another one."""

_CHANNELS = {2: 3, 4: 2, 6: 4}


def read_chunks(stream: IO[bytes], wanted: Collection[bytes]) -> dict[bytes, bytes]:
    """Return the contents of chunks by their names, the first of each, wherever they stand."""
    found: dict[bytes, bytes] = {}
    place = _FIRST
    while len(start := _at(stream, place, 8)) == 8 and start[4:] != b"IEND":
        size, kind = int.from_bytes(start[:4], "big"), start[4:]
        if kind in wanted and kind not in found and size <= _MOST_BYTES:
            found[kind] = _at(stream, place + 8, size)
        place += 12 + size
    return found


def is_complete(data: bytes) -> bool:
    """Return whether the lengths of the chunks lead to the end; OpenCV allocates 4 GB for a chunk of that length."""
    for position, kind, _ in _chunks(data):
        if kind == b"IEND":
            return True
        if kind == b"IHDR" and position > _FIRST:
            return False
    return False


def count_compressed(data: bytes) -> int:
    """Return the compressed bytes of a PNG's pixels.

    A decoder unpacks all of them, also those that no pixel needs: 1.3 s for 1 MB of packed zeros.
    """
    return sum(size for _, kind, size in _chunks(data) if kind == b"IDAT")


def most_compressed(data: bytes) -> int:
    """Return how many bytes an encoder makes at most of pixels that do not compress, by the first chunk."""
    rows = int.from_bytes(data[20:24], "big")
    return _SMALL + round(_MOST_SHARE * (count_bytes(data) + 2 * rows))


def count_bytes(data: bytes) -> int:
    """Return the bytes of a PNG's pixels by its first chunk, which gives width, height, depth and kind of color."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits = data[24] * _CHANNELS.get(data[25], 1)
    return height * (width * bits // 8)


def _chunks(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield place, kind and size of every chunk."""
    position = _FIRST
    while position + 8 <= len(data):
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        yield position, kind, size
        position += 12 + size


def _at(stream: IO[bytes], place: int, size: int) -> bytes:
    stream.seek(place)
    return stream.read(size)
