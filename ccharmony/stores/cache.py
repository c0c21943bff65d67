"""Parts of objects kept on this machine, in a folder of bounded size.

::

    <folder>/parts/3f/3fa2…    a part, named by the hash of what it is
    <folder>/packing           shards that are to be uploaded, which do not count

Any number of processes and threads share a folder: a part gets its name when it is complete, and a reader that finds
one removed fetches it again. The parts that were read longest ago are removed first.

Contents: :class:`Cache`, :func:`open_cache`, :func:`find_folder`; :data:`FOLDER`, :data:`LIMIT`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ccharmony import files
from ccharmony.errors import OutputError, SettingsError

FOLDER, LIMIT = "CCHARMONY_CACHE", "CCHARMONY_CACHE_GB"
"""Variables of the environment: the folder, ``~/.cache/ccharmony`` without, and its limit in GB, 20 without."""

_DEFAULT_GB = 20.0
_LEAST_GB = 0.1
_LOOKS = 16
"""A process looks at the whole folder each time when it has written this part of the limit."""

_LOCKS = 64
_logger = logging.getLogger(__name__)


class Cache:
    """A folder of parts.

    Parameters
    ----------
    folder
        The folder; it is made when the first part is kept.
    limit
        Bytes that it holds at most, and for each process that writes at the same time, after the first two, a
        sixteenth more.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._written = math.inf  # nothing is known of the folder yet
        self._working = True

    def read(self, key: str, start: int, size: int, fetch: Callable[[], bytes]) -> bytes:
        """Return bytes of a part, which is fetched and kept where it is not there yet.

        Parameters
        ----------
        key
            What the part is: equal keys have equal bytes.
        start, size
            Which of its bytes; it has all of them.
        fetch
            Returns the whole part; called by one thread of this process at a time.

        Returns
        -------
        bytes
            These bytes.

        Raises
        ------
        Exception
            What `fetch` raises.
        """
        name = hashlib.sha256(key.encode()).hexdigest()
        path = self.folder / name[:2] / name
        found = _read(path, start, size)
        if found is not None:
            return found
        with self._locks[int(name[:8], 16) % _LOCKS]:
            found = _read(path, start, size)
            if found is None:
                data = fetch()
                self._keep(path, data)
                found = data[start : start + size]
        return found

    def _keep(self, path: Path, data: bytes) -> None:
        """Write a part; a folder that cannot be written costs time, but no run."""
        if not self._working:
            return
        try:
            files.make_folder(path.parent)
            files.write_bytes(path, data)
            self._written += len(data)
            if self._written > self.limit / _LOOKS:
                self._evict()
        except (OSError, OutputError) as error:
            self._working = False
            _logger.warning("nothing more is cached in this run: %s", error)

    def _evict(self) -> None:
        """Remove the parts that were read longest ago until the folder is below its limit by two looks."""
        with contextlib.suppress(OutputError), files.locked(self.folder / "lock", "busy"):  # another process does it
            entries = sorted(self._entries())
            total = sum(size for _, size, _ in entries)
            for _, size, path in entries:
                if total <= self.limit * (_LOOKS - 2) / _LOOKS:
                    break
                with contextlib.suppress(FileNotFoundError):
                    Path(path).unlink()
                total -= size
        self._written = 0

    def _entries(self) -> Iterator[tuple[int, int, str]]:
        """Yield when each part was read last, its bytes and its path; unfinished ones of killed processes, too."""
        for folder in self.folder.iterdir():
            if not folder.is_dir():
                continue
            with os.scandir(folder) as found:
                for entry in found:
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat()
                        yield status.st_mtime_ns, status.st_size, entry.path


def open_cache() -> Cache:
    """Return the cache that the environment names; raises SettingsError where its limit is no number."""
    return _open(find_folder() / "parts", os.environ.get(LIMIT) or str(_DEFAULT_GB))


def find_folder() -> Path:
    """Return the folder that the environment names, as an absolute path."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ccharmony"
    return Path(os.environ.get(FOLDER) or default).absolute()


@functools.lru_cache(8)
def _open(folder: Path, limit: str) -> Cache:
    try:
        size = float(limit)
    except ValueError:
        size = math.nan
    if not _LEAST_GB <= size < math.inf:
        raise SettingsError(f"{LIMIT}: {limit} found, a number of GB of at least {_LEAST_GB} wanted")
    return Cache(folder, int(size * 1e9))


def _read(path: Path, start: int, size: int) -> bytes | None:
    """Return bytes of a part and note that it was read; None where there is no such part, or not all of it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            found = os.pread(handle, size, start)
            os.utime(handle)
        finally:
            os.close(handle)
    except OSError:
        return None
    return found if len(found) == size else None  # a power cut may leave a name without its bytes
