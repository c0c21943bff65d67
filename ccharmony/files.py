"""Files that are written whole or not at all, and the folders they go to."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from ccharmony.errors import OutputError

_UNFINISHED, _TOKEN = ".part", "[0-9a-f]" * 8


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is either absent, as before, or whole: to a temporary name of its own, then renamed.

    Raises
    ------
    OutputError
        The folder is missing or read-only, or the disk is full; the temporary file is removed, as it is at Ctrl-C.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")
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
    """Remove what writers that were killed left in a folder; nobody may be writing there. Raises OutputError."""
    try:
        for path in folder.glob(f".*.{_TOKEN}{_UNFINISHED}"):
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
