"""A dataset in one HDF5 file, the write side; `formats.hdf5` reads it.

Where the disk is full, HDF5 fails again when it closes the file, and then ends the process with signal 11. So it writes
through a file that keeps its first failure for us, and tells HDF5 nothing of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ccharmony.arrays import Int64
from ccharmony.dataset.formats.hdf5 import BLOCK, FORMAT, VERSION, make_seal
from ccharmony.dataset.formats.pair_files import PARTS
from ccharmony.errors import ManifestError


class Writer:
    """A file that is being written; a context manager. Every method raises OSError where the disk is full.

    Parameters
    ----------
    path
        The file, which is overwritten.
    names, sizes
        Of the files to come, in order.
    """

    def __init__(self, path: Path, names: Sequence[str], sizes: Sequence[int]) -> None:
        self._path = path
        self._disk = _Disk(path)
        self._file = h5py.File(self._disk, "w", track_order=True, userblock_size=BLOCK)
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._bytes = self._create("bytes", (int(self._starts[-1]),), np.uint8)
        self._write_texts("files/name", names)
        self._create("files/offset", data=self._starts[:-1])
        self._create("files/size", data=np.asarray(sizes, np.int64))
        self._disk.check()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._disk.close()

    def write_file(self, number: int, data: bytes) -> None:
        """Write the bytes of a file; raises ManifestError if they are not as many as announced."""
        first, last = int(self._starts[number]), int(self._starts[number + 1])
        if len(data) != last - first:
            raise ManifestError(f"file {number}: {len(data)} bytes, wanted {last - first}")
        self._bytes[first:last] = np.frombuffer(data, np.uint8)
        self._disk.check()

    def write_pairs(self, rows: Sequence[dict[str, Any]], files: Int64, digest: str) -> None:
        """Write the tables, close the file, and seal it, with which it is complete.

        Parameters
        ----------
        rows
            Rows to store, one a pair; ``set``, ``name`` and ``split`` among it.
        files
            Which file is the composite, mask and real picture of each pair, shape (N, 3).
        digest
            Digest of what was packed.
        """
        for name in ("set", "name", "split"):
            self._write_texts(f"pairs/{name}", [row[name] for row in rows])
        for name, column in zip(PARTS, files.T, strict=True):
            self._create(f"pairs/{name}", data=np.ascontiguousarray(column, np.int64))
        self._write_texts("pairs/row", [json.dumps(row, ensure_ascii=False) for row in rows])
        self._file.attrs.update({"format": FORMAT, "version": VERSION, "plan": digest})
        self._file.close()
        self._disk.check()
        self._disk.close()
        with self._path.open("r+b") as file:
            file.write(make_seal(self._path))
            file.flush()
            os.fsync(file.fileno())

    def _create(self, name: str, *args: Any, **kwargs: Any) -> h5py.Dataset:
        return self._file.create_dataset(name, *args, track_times=False, **kwargs)

    def _write_texts(self, name: str, texts: Sequence[str]) -> None:
        self._create(name, data=np.array(texts, dtype=object), dtype=h5py.string_dtype())


class _Disk:
    """A new file to be read and written, whose failures are kept for `check`.

    After one, what is written goes nowhere, and what is read is zeros.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._failure: OSError | None = None

    def check(self) -> None:
        """Raise the first failure."""
        if self._failure is not None:
            raise self._failure

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        return self._file.read(size).ljust(size, b"\0")

    def write(self, data: memoryview) -> int:
        left = memoryview(data).cast("B")
        size = left.nbytes
        try:
            while left and self._failure is None:
                left = left[self._file.write(left) :]  # fewer bytes than asked for, just before the disk is full
        except OSError as error:
            self._failure = error
        return size

    def truncate(self, size: int) -> None:
        try:
            self._file.truncate(size)
        except OSError as error:
            self._failure = self._failure or error

    def flush(self) -> None:
        """Do nothing: no byte is held back."""

    def close(self) -> None:
        self._file.close()
