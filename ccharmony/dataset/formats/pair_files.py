"""The three files of a pair, single files or parts of a larger file.

-   :class:`PairPaths`: composite, mask and real picture.
-   :class:`Archive`: a larger file, read by offset, and :func:`open_archive`, of a URL, too; :class:`Member`: one part
    of it, which `pixels` reads like a path.
-   :func:`group_by_object`: which pairs lie in the same object of a store.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ccharmony.errors import ImageError
from ccharmony.stores.objects import StoredObject
from ccharmony.urls import Place, Url

if TYPE_CHECKING:
    from ccharmony.images.readable import Readable

Split = Literal["train", "val", "test", "all"]

PARTS = ("composite", "mask", "real")

OPEN_FILES = 256
"""Archives that are open at a time, below the 1,024 files that a process may commonly have."""


@dataclass(frozen=True, order=True)
class PairPaths:
    """Three files that belong together.

    Attributes
    ----------
    set
        Name of the sub-dataset.
    name
        File name of the composite.
    composite, mask, real
        The files, or members of an archive.
    split
        The list that names the composite, train, val or test; empty where there is no list.
    photo
        Id of the photo that the real picture is: what all its composites have in common.
    """

    set: str
    name: str
    composite: Readable
    mask: Readable
    real: Readable
    split: str = ""
    photo: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that holds many others; each is read by its offset, so that threads share no file position.

    Attributes
    ----------
    path
        The file.
    size, time
        Bytes and time of the last change, in nanoseconds, when its table was read; a changed file is refused.
    """

    path: str
    size: int
    time: int

    @classmethod
    def of(cls, path: Path) -> Archive:
        """Return the archive that a path names now; raises OSError where there is none."""
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns)

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on, fewer where the file ends; raises OSError or ImageError."""
        handle = _open(
            self
        )  # a reference during the read: the cache may drop the handle meanwhile, which would close it
        return os.pread(handle.descriptor, size, offset)


def open_archive(place: Place) -> Archive | StoredObject:
    """Return the archive that a path or a URL names now; raises OSError where there is none, or StoreError."""
    return StoredObject.of(place) if isinstance(place, Url) else Archive.of(place)


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive.

    Attributes
    ----------
    archive
        The archive.
    name
        Its name in the archive.
    offset, size
        Offset and number of its bytes.
    """

    archive: Archive | StoredObject
    name: str
    offset: int
    size: int

    def read_bytes(self) -> bytes:
        """Return the whole content; raises OSError, ImageError where the archive has changed, StoreError."""
        data = self.archive.read(self.offset, self.size)
        if len(data) != self.size:
            raise ImageError(f"{self}: {len(data)} bytes, wanted {self.size}")
        return data

    def __str__(self) -> str:
        return f"{self.archive.path}: {self.name}"


def group_by_object(pairs: Sequence[PairPaths]) -> list[list[int]]:
    """Return the indices of pairs by the object of a store that holds them, in the order of their bytes.

    Parameters
    ----------
    pairs
        Pairs of one dataset.

    Returns
    -------
    list[list[int]]
        One list an object, by URL; empty where pairs lie on a disk, which reads any of them as fast as the next.
    """
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        member = pair.composite
        if not isinstance(member, Member) or not isinstance(member.archive, StoredObject):
            return []
        found[member.archive.path].append((member.offset, index))
    return [[index for _, index in sorted(found[path])] for path in sorted(found)]


class _Handle:
    """A descriptor that is closed when its last reader has finished, also where the cache has dropped it before."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.descriptor)


@functools.lru_cache(OPEN_FILES)
def _open(archive: Archive) -> _Handle:
    handle = _Handle(archive.path)
    status = os.fstat(handle.descriptor)
    if (status.st_size, status.st_mtime_ns) != (archive.size, archive.time):
        raise ImageError(f"{archive.path}: {status.st_size} bytes, {archive.size} before: changed while it was in use")
    return handle
