"""Objects of a store read like files of this machine: by offset, from a cache of their parts."""

from __future__ import annotations

import io
from dataclasses import dataclass

from ccharmony.errors import StoreError
from ccharmony.stores import client
from ccharmony.stores.cache import open_cache
from ccharmony.urls import Url

PART_BYTES = 4 * 2**20
"""What is fetched at a time: 40 ms at 100 MB/s, as long as a store takes to answer at all."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was when it was looked up; a changed one is refused.

    Attributes
    ----------
    path
        Its URL.
    size
        Its bytes.
    stamp
        What the store says of its content.
    """

    path: str
    size: int
    stamp: str

    @classmethod
    def of(cls, url: Url) -> StoredObject:
        """Return the object that a URL names now; raises FileNotFoundError, StoreError, SettingsError."""
        open_cache()  # a wrong limit is said before anything is read
        found = client.look_up(url)
        return cls(url.text, found.size, found.stamp)

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, fewer where the object ends; raises StoreError, SettingsError."""
        end = min(offset + size, self.size)
        first, last = offset // PART_BYTES, max(end - 1, offset) // PART_BYTES
        return b"".join(self._read_part(number, offset, end) for number in range(first, last + 1) if end > offset)

    def _read_part(self, number: int, offset: int, end: int) -> bytes:
        """Return what a part holds of the bytes from `offset` up to `end`."""
        begin = number * PART_BYTES
        start, stop = max(offset - begin, 0), min(end - begin, PART_BYTES)
        key = f"{self.path}\n{self.size}\n{self.stamp}\n{PART_BYTES}\n{number}"
        return open_cache().read(key, start, stop - start, lambda: self._fetch(begin))

    def _fetch(self, begin: int) -> bytes:
        url = Url(self.path)
        try:
            data = client.fetch(url, begin, min(begin + PART_BYTES, self.size))
            found = client.look_up(url)
        except FileNotFoundError as error:
            raise StoreError(f"{url}: is gone, it was there before") from error
        if (found.size, found.stamp) != (self.size, self.stamp):
            raise StoreError(f"{url}: {found.size} bytes, {self.size} before: changed while it was in use")
        return data


class ObjectStream(io.RawIOBase):
    """An object as a file that can be read and sought; the caller wraps it in a buffer."""

    def __init__(self, source: StoredObject) -> None:
        self._source, self._position = source, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed names a wider type
        """Fill a buffer from the position on, and return how many bytes came."""
        data = self._source.read(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
