"""EXIF blocks and the directories (IFDs) of TIFF files that they are made of, kept byte for byte.

Contents: :func:`make_upright`, :func:`from_tiff`, :func:`into_tiff`.

A library that writes EXIF from parsed values changes them: Pillow replaces what is not ASCII in a name by question
marks and moves the maker's notes, whose own offsets then lead nowhere. Here a block stays as it is but for orientation
and thumbnail.

References
----------
- Adobe, *TIFF Revision 6.0*, 1992, section 2; CIPA DC-008, *Exif 3.0*, 2023, section 4.6.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import IO, TypeAlias

_ORIENTATION = 0x0112
_FIRST = 4
"""Byte of a TIFF where it says where its first directory begins."""

_SHORT = 3
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value of each type."""

_SUB_FOLDERS = (0x8769, 0x8825, 0xA005)  # Exif, GPS, interoperability
_PIXELS_OF_A_THUMBNAIL = ((0x0111, 0x0117), (0x0201, 0x0202))  # where they are, how many bytes
_DESCRIPTIVE = {
    *(
        0x010E,
        0x010F,
        0x0110,
        0x0131,
        0x0132,
        0x013B,
        0x013C,
    ),  # description, make, model, software, time, artist, host
    *(0x4746, 0x4749, 0x8298, 0x83BB, *range(0x9C9B, 0x9CA0)),  # ratings, copyright, IPTC, titles of Windows
    *_SUB_FOLDERS,
}
"""Tags of a TIFF that say something of the photo; the others say how its pixels are stored."""

MOST_BYTES = 2**24
"""Of the values of one file: no camera writes as much, and each of 65,535 entries may claim the whole file."""


class ExifError(ValueError):
    """A block or a directory that is damaged, or not of the classic kind."""


@dataclass(frozen=True)
class Entry:
    """A tag's value: its type, how many there are, and their bytes; of a directory below, its entries."""

    kind: int
    count: int
    value: bytes
    below: dict[int, Entry] | None = None


class _Stored:
    """A file as if it were its bytes, of which parts are read and no more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(stop - start, 0))


_Bytes: TypeAlias = bytes | bytearray | _Stored


def make_upright(block: bytes) -> bytes:
    """Return an EXIF block with orientation 1 and without thumbnail, every other byte in its place.

    Parameters
    ----------
    block
        From its byte order on; may be empty.

    Returns
    -------
    bytes
        The block, shorter where the thumbnail stood at its end.

    Raises
    ------
    ExifError
        The block is damaged.
    """
    if not block:
        return block
    order, first = _header(block)
    whole = bytearray(block)
    places = list(_places(block, order, first))
    for place in places:
        if _unpack(block, order + "H", place)[0] == _ORIENTATION:
            struct.pack_into(order + "HHIHH", whole, place, _ORIENTATION, _SHORT, 1, 1, 0)
    link = first + 2 + 12 * len(places)
    if link + 4 <= len(block) and (second := _unpack(block, order + "I", link)[0]):
        _erase_thumbnail(whole, order, second)
        struct.pack_into(order + "I", whole, link, 0)
    return bytes(whole)


def from_tiff(file: IO[bytes], offset: int) -> bytes:
    """Return what a directory of a TIFF says of its photo as an EXIF block; empty where it says nothing.

    Parameters
    ----------
    file
        The open file, no BigTIFF.
    offset
        Where the directory begins.

    Returns
    -------
    bytes
        The block: what describes the photo, not how the TIFF stores it.

    Raises
    ------
    ExifError
        The directory is damaged.
    """
    data = _Stored(file)
    order, _ = _header(data)
    entries = _read(data, order, offset, _DESCRIPTIVE)
    return data[:4] + struct.pack(order + "I", 8) + _write(entries, order, 8) if entries else b""


def into_tiff(file: IO[bytes], block: bytes) -> None:
    """Add the entries of an EXIF block to a TIFF of one page and the same byte order, in a new directory at its end.

    Raises
    ------
    ExifError
        The block is damaged.
    """
    page = _Stored(file)
    order, first = _header(page)
    entries = _read(block, *_header(block), _DESCRIPTIVE) | _read(page, order, first)
    end = len(page) + len(page) % 2
    file.seek(len(page))
    file.write(bytes(end - len(page)) + _write(entries, order, end))
    file.seek(_FIRST)
    file.write(struct.pack(order + "I", end))


def _header(data: _Bytes) -> tuple[str, int]:
    """Return the byte order as `struct` names it, and where the first directory begins."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None:
        big = data[:4] in (b"II+\0", b"MM\0+")
        raise ExifError("a BigTIFF, whose directories are others" if big else "damaged, it has no header")
    return order, _unpack(data, order + "I", _FIRST)[0]


def _places(data: _Bytes, order: str, offset: int) -> Iterator[int]:
    """Yield where each entry of a directory begins."""
    (count,) = _unpack(data, order + "H", offset)
    for number in range(count):
        yield offset + 2 + 12 * number


def _read(
    data: _Bytes, order: str, offset: int, wanted: Container[int] | None = None, depth: int = 0
) -> dict[int, Entry]:
    """Return the entries of a directory, all or those of the wanted tags, and all of the directories below."""
    found: dict[int, Entry] = {}
    left = MOST_BYTES
    for place in _places(data, order, offset):
        tag, kind, count, target = _unpack(data, order + "HHII", place)
        if kind not in _SIZES or (wanted is not None and tag not in wanted):
            continue
        if tag in _SUB_FOLDERS:
            if depth < 2 and tag not in found:  # else a few bytes could ask for a directory thousands of times
                found[tag] = Entry(4, 1, b"", _read(data, order, target, depth=depth + 1))
            continue
        size = count * _SIZES[kind]
        start = place + 8 if size <= 4 else target
        left -= size
        if start + size > len(data) or left < 0:
            raise ExifError(f"damaged, tag {tag} has {size} bytes at {start}")
        found[tag] = Entry(kind, count, bytes(data[start : start + size]))
    return found


def _write(entries: dict[int, Entry], order: str, offset: int) -> bytes:
    """Return a directory as it stands at `offset`, its values and the directories below behind it."""
    rows, values = b"", b""
    behind = offset + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        place = behind + len(values)
        if entry.below is not None:
            field = struct.pack(order + "I", place)
            values += _write(entry.below, order, place)
        elif len(entry.value) <= 4:
            field = entry.value.ljust(4, b"\0")
        else:
            field = struct.pack(order + "I", place)
            values += entry.value
        values += b"\0" * (len(values) % 2)
        rows += struct.pack(order + "HHI", tag, entry.kind, entry.count) + field
    return struct.pack(order + "H", len(entries)) + rows + b"\0\0\0\0" + values


def _erase_thumbnail(whole: bytearray, order: str, second: int) -> None:
    """Cut off the pixels of a thumbnail, or fill them with zeros where something follows."""
    rows = (_unpack(whole, order + "HHII", place) for place in list(_places(whole, order, second)))
    found = {tag: value for tag, _, _, value in rows}
    for start_tag, size_tag in _PIXELS_OF_A_THUMBNAIL:
        start, end = found.get(start_tag, 0), found.get(start_tag, 0) + found.get(size_tag, 0)
        if second < start < end == len(whole):
            del whole[start:]
        elif second < start < end < len(whole):
            whole[start:end] = bytes(end - start)


def _unpack(data: _Bytes, form: str, place: int) -> tuple[int, ...]:
    try:
        return struct.unpack(form, data[place : place + struct.calcsize(form)])
    except struct.error as error:
        raise ExifError(f"damaged, nothing at byte {place} of {len(data)}") from error
