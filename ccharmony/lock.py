"""One process at a time in a folder: a lock that ends with the process, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import TextIO

from ccharmony import files
from ccharmony.errors import OutputError


def hold(path: Path, busy: str) -> TextIO:
    """Lock a file, which is made with its folder, until what is returned is closed.

    Parameters
    ----------
    path
        The lock. Its owner may remove it, or the folder, before it lets go.
    busy
        What to say where another process holds it.

    Raises
    ------
    OutputError
        Another process holds it, or the file cannot be written or locked.
    """
    while True:
        files.make_folder(path.parent)
        try:
            file = path.open("w")
        except FileNotFoundError:
            continue  # its owner has just removed the folder
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            _lock(file.fileno(), path, busy)
        except OutputError:
            file.close()
            raise
        if _is_at(file.fileno(), path):
            return file
        file.close()  # its owner removed it before we locked it: look again


def _lock(handle: int, path: Path, busy: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise OutputError(busy) from error
        raise OutputError(f"{path}: cannot be locked ({error.strerror}), wanted a file system with locks") from error


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False
