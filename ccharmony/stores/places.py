"""Files of a dataset, wherever it lies: a path goes to `ccharmony.inputs`, a URL to its store.

Contents: :func:`read_bytes`, :func:`open_binary`, :func:`size_of`, :func:`list_names`.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from ccharmony import inputs
from ccharmony.stores import client
from ccharmony.stores.objects import PART_BYTES, ObjectStream, StoredObject
from ccharmony.urls import Place, Url


def read_bytes(place: Place, most: int) -> bytes:
    """Return the whole content of a file of `most` bytes at most; raises OSError, or StoreError for a URL."""
    if not isinstance(place, Url):
        return inputs.read_bytes(place, most)
    found = StoredObject.of(place)
    if found.size > most:
        raise inputs.UnusableFileError(f"{found.size} bytes, the limit is {most}")
    return found.read(0, found.size)


def open_binary(place: Place) -> BinaryIO:
    """Open a file to be read; raises OSError, or StoreError for a URL."""
    if not isinstance(place, Url):
        return inputs.open_binary(place)
    return io.BufferedReader(ObjectStream(StoredObject.of(place)), PART_BYTES)


def size_of(place: Place) -> int:
    """Return the bytes of a file, 0 where there is none; raises StoreError for a URL."""
    if not isinstance(place, Url):
        return place.stat().st_size if place.is_file() else 0
    try:
        return client.look_up(place).size
    except FileNotFoundError:
        return 0


def list_names(place: Place) -> list[str]:
    """Return what lies below a folder and is none, by its name from there on, in order; raises StoreError for a URL."""
    if isinstance(place, Url):
        return sorted(client.list_sizes(place))
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir())
