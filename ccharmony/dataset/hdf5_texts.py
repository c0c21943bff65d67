"""Texts of any length in an HDF5 file, read past HDF5 itself.

The library takes 4 GB for a text that tells that length, and walks some damaged heaps forever; `tests.ccharmony.fuzz`
met both. A text is kept as a reference (length, place of a heap, number in it), a heap as a run of numbered objects
(HDF5 File Format Specification, version 3.0, on variable-length data and the global heap).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
_LARGEST_HEAP = 16 * 2**20  # bytes; HDF5 makes them of 4,096, or for one larger text


def read_texts(path: Path, place: int, count: int) -> list[str]:
    """Read texts by their references.

    Parameters
    ----------
    path
        The file.
    place, count
        Where the first reference is, in bytes, and how many there are.

    Raises
    ------
    ValueError, LookupError, struct.error
        A reference leads nowhere, or to a text of another length.
    """
    with path.open("rb") as file:
        file.seek(place)
        references = np.frombuffer(file.read(_REFERENCE.itemsize * count), _REFERENCE).tolist()
        heaps = {heap: _read_heap(file, heap) for heap in sorted({heap for length, heap, _ in references if length})}
    texts = [heaps[heap][number] if length else b"" for length, heap, number in references]
    if any(len(text) != length for text, (length, _, _) in zip(texts, references, strict=True)):
        raise ValueError("a text of another length than its reference tells")
    return [text.decode() for text in texts]


def _read_heap(file: BinaryIO, place: int) -> dict[int, bytes]:
    """Return what a heap holds, by number."""
    file.seek(place)
    sign, size = struct.unpack("<4s4xQ", file.read(16))
    data = file.read(min(size, _LARGEST_HEAP) - 16)
    if sign != b"GCOL" or len(data) != size - 16:
        raise ValueError(f"a heap of {size} bytes at {place}")
    held: dict[int, bytes] = {}
    position = 0
    while position + 16 <= len(data):
        number, length = struct.unpack_from("<H6xQ", data, position)
        if number == 0 or position + 16 + length > len(data):
            break
        held[number] = data[position + 16 : position + 16 + length]
        position += 16 + length + -length % 8
    return held
