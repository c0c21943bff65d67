"""Files written completely or not at all, locks for one process a folder, and which texts can name a file.

Contents: :data:`StrPath`; :func:`write_bytes`, :func:`remove_unfinished`, :func:`make_folder`; :func:`lock_file`;
:func:`flaw`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import unicodedata
from pathlib import Path
from typing import TextIO

from ccharmony.errors import OutputError

StrPath = str | os.PathLike[str]
"""What every exported function takes where it takes a path."""

UNFINISHED = ".part"
"""Suffix of files and folders that are still being written."""

_TOKEN = "[0-9a-f]" * 8


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is either as before or complete: under a temporary name, then renamed.

    Raises
    ------
    OutputError
        The folder is missing or read-only, or the disk is full; the temporary file is removed, as it is at Ctrl-C.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        raise


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files of killed processes; no process may be writing into the folder. Raises OutputError."""
    try:
        for path in folder.glob(f".*.{_TOKEN}{UNFINISHED}"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be tidied up ({error.strerror})") from error


def make_folder(folder: Path) -> Path:
    """Make a folder and those above it, and return it; raises OutputError where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from error
    return folder


def lock_file(path: Path, busy: str) -> TextIO:
    """Lock a file, which is made with its folder, until what is returned is closed.

    Parameters
    ----------
    path
        The lock file. Its owner may remove it, or its folder, before it closes it.
    busy
        Error message where another process has locked it.

    Returns
    -------
    TextIO
        The open lock file; closing it ends the lock.

    Raises
    ------
    OutputError
        Another process has locked it, or the file cannot be written or locked.
    """
    while True:
        make_folder(path.parent)
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


MAX_BYTES = 180
"""Of a name in UTF-8: file systems allow 255, of which the foreground, numbers and a temporary name take some."""


_REFUSED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, halves of a pair (bytes that are not UTF-8), and ends of lines and paragraphs."""


def flaw(name: str) -> str:
    r"""Return why a text cannot be a file name; empty if it can.

    Examples
    --------
    >>> flaw("kitchen à 5 p.m.")
    ''
    >>> flaw("../kitchen"), flaw("two\nlines")
    ('leads out of its folder', "has the character '\\n'")
    """
    if "/" in name or "\\" in name:
        return "leads out of its folder"
    if not name or name.startswith("."):
        return "is hidden" if name else "is empty"
    if strange := [sign for sign in name if unicodedata.category(sign) in _REFUSED]:
        return f"has the character {strange[0]!r}"
    if (size := len(name.encode())) > MAX_BYTES:
        return f"has {size} bytes, the limit is {MAX_BYTES}"
    return ""
