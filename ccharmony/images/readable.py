"""The bytes of a picture, whether it is a file or a member of an archive; never more than may be read.

Contents: :class:`Readable`, :func:`as_readable`, :func:`read_content`, :func:`open_picture`, :func:`open_head`,
:func:`whole`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from ccharmony import inputs
from ccharmony.errors import ImageError
from ccharmony.files import StrPath

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Readable(Protocol):
    """A source of a picture: a path, or a member of an archive."""

    @property
    def name(self) -> str:
        """Return the last part of the name."""
        ...

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        ...


def as_readable(path: StrPath | Readable) -> Readable:
    """Return a text or a path-like object as a path; any other readable stays as it is."""
    return Path(path) if isinstance(path, str | os.PathLike) else path


def read_content(file: Readable, most: int) -> bytes:
    """Return the whole content of a file of `most` bytes at most; raises OSError, or as a member's `read_bytes`."""
    if isinstance(file, Path):
        return inputs.read_bytes(file, most)
    data = file.read_bytes()
    if len(data) > most:
        raise inputs.UnusableFileError(f"{len(data)} bytes, the limit is {most}")
    return data


def open_picture(path: Readable) -> BinaryIO:
    """Open a picture that is to be decoded: a TIFF stays in its file, of any other all bytes are read at once.

    A large TIFF of 16 bits may be larger than all else together, and its strips can be read one by one.

    Raises
    ------
    ImageError
        That is impossible, or the file is empty.
    """
    try:
        if isinstance(path, Path):
            file = inputs.open_binary(path, inputs.PICTURE_BYTES)
            if file.read(4) in TIFF_STARTS:
                return file
            file.close()
        data = read_content(path, inputs.PICTURE_BYTES)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise ImageError(f"{path}: 0 bytes, wanted a picture")
    return io.BytesIO(data)


def whole(file: IO[bytes]) -> bytes:
    """Return all bytes of an open picture; those of one in memory are not copied."""
    file.seek(0)
    return file.read()


def open_head(path: Readable) -> BinaryIO:
    """Open a picture whose header is wanted: a file is read no further; raises OSError, or as `open_picture`."""
    if isinstance(path, Path) and inputs.check(path, inputs.PICTURE_BYTES):
        return inputs.open_binary(path, inputs.PICTURE_BYTES)
    return open_picture(path)
