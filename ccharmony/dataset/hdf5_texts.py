"""Texts of any length in an HDF5 file, read without the HDF5 library.

The library allocates 4 GB for a text whose length field says so, and never returns from some damaged heaps;
`tests.ccharmony.fuzz` found both. A text is stored as a reference (length, position of a heap, number in it), a heap as
a run of numbered objects (HDF5 File Format Specification, version 3.0, on variable-length data and the global heap).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ccharmony import inputs

_REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
_LARGEST_HEAP = 16 * 2**20  # bytes; HDF5 makes them of 4,096, or for one larger text


def read_texts(path: Path, position: int, count: int) -> list[str]:
    """Read texts by their references.

    Parameters
    ----------
    path
        The file.
    position, count
        Offset of the first reference in bytes, and number of references.

    Returns
    -------
    list[str]
        The texts, in the order of their references.

    Raises
    ------
    ValueError, LookupError, struct.error
        A reference points outside a heap, or to a text of another length.
    """
    with inputs.open_binary(path) as file:
        file.seek(position)
        references = np.frombuffer(file.read(_REFERENCE.itemsize * count), _REFERENCE).tolist()
        heaps = {heap: _read_heap(file, heap) for heap in sorted({heap for length, heap, _ in references if length})}
    texts = [heaps[heap][number] if length else b"" for length, heap, number in references]
    if any(len(text) != length for text, (length, _, _) in zip(texts, references, strict=True)):
        raise ValueError("a text of another length than its reference says")
    return [text.decode() for text in texts]


def _read_heap(file: BinaryIO, position: int) -> dict[int, bytes]:
    """Return the objects of a heap by their numbers."""
    file.seek(position)
    sign, size = struct.unpack("<4s4xQ", file.read(16))
    data = file.read(min(size, _LARGEST_HEAP) - 16)
    if sign != b"GCOL" or len(data) != size - 16:
        raise ValueError(f"a heap of {size} bytes at {position}")
    held: dict[int, bytes] = {}
    offset = 0
    while offset + 16 <= len(data):
        number, length = struct.unpack_from("<H6xQ", data, offset)
        if number == 0 or offset + 16 + length > len(data):
            break
        held[number] = data[offset + 16 : offset + 16 + length]
        offset += 16 + length + -length % 8
    return held
