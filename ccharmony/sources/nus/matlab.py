"""MATLAB 5 files, as far as photo collections use them: numbers, texts, and cells of both.

Written after *MAT-File Format*, The MathWorks, section on version 5. A reader of its own, since scipy's ends the
process with a segmentation fault on 45 of 1,500 copies of a NUS file with one to eight flipped bits (scipy 1.17),
and a build must outlive a bad file.

Contents: :func:`read_matlab`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ccharmony import inputs
from ccharmony.errors import SourceError

Value = npt.NDArray[np.generic] | str | list["Value"]
"""An array, a line of text, or what a cell array holds, down its columns."""

LIMIT = 64 * 2**20
"""Bytes of a file, and of all that is compressed in it; NUS's largest has 20 thousand."""

_HEADER = 128
_TAG = 8
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHARACTERS = 1, 4
_NUMBERS = range(6, 16)
_COMPLEX = 0x08
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_DEEPEST = 8


class _DamagedError(ValueError):
    """What the file says of itself does not fit together."""


def read_matlab(path: Path) -> Mapping[str, Value]:
    """Read the variables of a MATLAB 5 file; those of other kinds (structures, sparse, complex) are left out.

    Parameters
    ----------
    path
        A file that MATLAB writes with ``-v6`` or ``-v7``.

    Returns
    -------
    Mapping[str, Value]
        Variables by name.

    Raises
    ------
    SourceError
        The file cannot be read, is of another version, damaged, or larger than `LIMIT`.
    """
    try:
        data = inputs.read_bytes(path, LIMIT)
        order = _byte_order(data)
        return dict(_variables(data[_HEADER:], order))
    except (OSError, zlib.error, struct.error, ValueError) as error:
        raise SourceError(f"{path}: not a MATLAB 5 file, or damaged ({inputs.why(error)})") from error


def _byte_order(data: bytes) -> str:
    """Return struct's sign for the byte order."""
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER])
    if order is None:
        raise _DamagedError("no header of one")
    if (version := struct.unpack(f"{order}H", data[124:126])[0]) != 0x0100:
        raise _DamagedError(f"version {version:#06x}, wanted 0x0100, as MATLAB writes with -v7")
    return order


@dataclass(frozen=True)
class _Element:
    kind: int
    data: bytes


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    """Split a run of data elements; small ones have type, length and up to four bytes in the eight bytes of a tag."""
    position = 0
    while position + _TAG <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        start = position + _TAG
        position = start + size + (-size % 8 if kind != _COMPRESSED else 0)
        if small := kind >> 16:
            kind, size, start, position = kind & 0xFFFF, small, start - 4, start
        if start + size > len(data) or small > 4:
            raise _DamagedError(f"an element of {size} bytes, the file has {max(0, len(data) - start)}")
        yield _Element(kind, data[start : start + size])


def _variables(data: bytes, order: str) -> Iterator[tuple[str, Value]]:
    left = LIMIT
    for element in _elements(data, order):
        if element.kind == _COMPRESSED:
            unpacked = zlib.decompressobj().decompress(element.data, left + 1)
            if (left := left - len(unpacked)) < 0:
                raise _DamagedError(f"more than {LIMIT} bytes when unpacked")
            element = next(_elements(unpacked, order), _Element(0, b""))
        if element.kind == _MATRIX:
            name, value = _matrix(element.data, order, 0)
            if value is not None:
                yield name, value


def _matrix(data: bytes, order: str, depth: int) -> tuple[str, Value | None]:
    """Return name and value of an array: flags, sides, name and content follow one another."""
    if not data:
        return "", []  # an empty cell
    parts = list(_elements(data, order))
    if len(parts) < 3 or len(parts[0].data) < 8:
        raise _DamagedError("an array without flags, sides and name")
    flags = struct.unpack_from(f"{order}I", parts[0].data)[0]
    sides = [int(side) for side in np.frombuffer(parts[1].data, f"{order}i4")]
    name, content = parts[2].data.decode("latin-1"), parts[3:]
    if min(sides, default=-1) < 0:
        raise _DamagedError(f"{name}: sides {sides}")
    kind = flags & 0xFF
    if kind == _CELL:
        return name, _cells(content, order, depth)
    if not content or flags >> 8 & _COMPLEX:
        return name, None
    if kind == _CHARACTERS:
        return name, _text(content[0], order)
    return name, _numbers(content[0], sides, order) if kind in _NUMBERS else None


def _cells(content: list[_Element], order: str, depth: int) -> list[Value]:
    if depth == _DEEPEST:
        raise _DamagedError(f"cells in cells, more than {_DEEPEST} deep")
    values = [_matrix(part.data, order, depth + 1)[1] for part in content if part.kind == _MATRIX]
    return [value for value in values if value is not None]


def _numbers(content: _Element, sides: list[int], order: str) -> npt.NDArray[np.generic]:
    """Return an array; its numbers may be stored in a smaller type."""
    if content.kind not in _TYPES:
        raise _DamagedError(f"numbers of type {content.kind}")
    return np.frombuffer(content.data, order + _TYPES[content.kind]).reshape(sides, order="F")


def _text(content: _Element, order: str) -> str:
    """Return a line of text; UTF-16 in the file's byte order."""
    if content.kind not in _ENCODINGS:
        raise _DamagedError(f"text of type {content.kind}")
    encoding = _ENCODINGS[content.kind]
    return content.data.decode(encoding + ({"<": "-le", ">": "-be"}[order] if encoding == "utf-16" else ""))
