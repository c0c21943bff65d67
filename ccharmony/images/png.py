"""PNG: its chunks looked through before it is decoded, for what OpenCV and Pillow do not tell.

Contents: :func:`read_chunks`, :func:`is_complete`, :func:`count_bytes`.

References
----------
W3C, *Portable Network Graphics (PNG) Specification*, third edition, 2025.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import IO

_FIRST = 8
_MOST_BYTES = 2**24
"""Of a chunk that is read here; EXIF with a thumbnail has some ten thousand."""

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
    position = _FIRST
    while position + 8 <= len(data):
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if kind == b"IEND":
            return True
        if kind == b"IHDR" and position > _FIRST:
            return False
        position += 12 + size
    return False


def count_bytes(data: bytes) -> int:
    """Return the bytes of a PNG's pixels by its first chunk, which gives width, height, depth and kind of color."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits = data[24] * _CHANNELS.get(data[25], 1)
    return height * (width * bits // 8)


def _at(stream: IO[bytes], place: int, size: int) -> bytes:
    stream.seek(place)
    return stream.read(size)
