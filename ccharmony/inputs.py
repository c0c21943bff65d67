"""Files opened to be read: regular ones alone, none larger than its kind may be.

A named pipe waits for its writer for ever, ``/dev/zero`` has no end, a sparse file of 30 GB costs its sender nothing.
Every reader opens its files here; where a library opens a file by its name, :func:`check` looks at it before.

Contents: :func:`read_bytes`, :func:`open_binary`, :func:`open_text`, :func:`check`; :class:`UnusableFileError`; the
largest file of each kind.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import TextIO

from ccharmony.files import StrPath

PICTURE_BYTES = 2**30
"""Of a picture or a raw file; 151 megapixels of the largest camera back, 16 bits and not compressed, are 0.9e9."""

TABLE_BYTES = 2**30
"""Of a CSV or a list; a million rows of manifest.csv have about 0.4e9."""

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


class UnusableFileError(OSError):
    """A file that is none, or larger than its kind may be; caught wherever a file that cannot be read is."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EINVAL, reason)

    def __str__(self) -> str:
        return str(self.strerror)


def why(error: Exception) -> str:
    """Return why a file could not be read, without its name and the number that Python puts around it."""
    return str(getattr(error, "strerror", None) or error)


def check(path: StrPath, most: int | None = None) -> int:
    """Return the bytes of a file that a library opens by its name; raises OSError as :func:`open_binary` does."""
    try:
        return _check(Path(path).stat(), most)
    except ValueError as error:  # a zero byte in a name that a table gave
        raise OSError(errno.EINVAL, str(error), str(path)) from error


def is_file(path: Path) -> bool:
    """Return whether there is a regular file of a name, which a table gave: it may be one that no file can have."""
    try:
        check(path)
    except OSError:
        return False
    return True


def open_binary(path: StrPath, most: int | None = None) -> io.BufferedReader:
    """Open a regular file.

    Parameters
    ----------
    path
        The file; links are followed.
    most
        Bytes that it may have; None where it is not read as a whole.

    Returns
    -------
    io.BufferedReader
        The open file.

    Raises
    ------
    OSError
        There is none, it may not be read, is a pipe, a device, a socket or a folder, or has more bytes.
    """
    check(path, most)  # before, since opening alone may wait, or move a tape
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check(os.fstat(descriptor), most)  # again, since another file may have its name by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_text(
    path: StrPath,
    most: int = TABLE_BYTES,
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    newline: str | None = None,
) -> TextIO:
    """Open a regular file of text; raises OSError as :func:`open_binary` does."""
    return io.TextIOWrapper(open_binary(path, most), encoding=encoding, errors=errors, newline=newline)


def read_bytes(path: StrPath, most: int) -> bytes:
    """Return the content of a regular file of `most` bytes at most; raises OSError as :func:`open_binary` does."""
    with open_binary(path, most) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(size + 1)  # asking for `most` would reserve it
        if len(data) > size:  # a file of /proc says that it has no bytes, and may give some without end
            data += file.read(most + 1 - len(data))
    if len(data) > most:
        raise UnusableFileError(f"more than {most} bytes, the limit")
    return data


def _check(status: os.stat_result, most: int | None) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise UnusableFileError(f"{_KINDS.get(stat.S_IFMT(status.st_mode), 'no file')}, wanted a regular file")
    if most is not None and status.st_size > most:
        raise UnusableFileError(f"{status.st_size} bytes, the limit is {most}")
    return status.st_size
