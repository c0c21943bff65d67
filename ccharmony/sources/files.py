"""The files of a source: found by name anywhere below its folder, since archives unpack differently for everyone."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from ccharmony import inputs
from ccharmony.errors import CheckerError, SourceError

MASKS = "masks"
"""Folder of one's own foreground masks; no photo is looked for in it."""

NUMBERS_BYTES = 2**20
"""Of a text of numbers beside a photo, which has some hundred."""

_LITTER = ("__macosx", "thumbs.db", "desktop.ini")


def source_folder(data_dir: Path, name: str) -> Path:
    """Return ``data_dir/name``, whatever the case of its letters.

    Raises
    ------
    SourceError
        One of the two folders is missing.
    """
    if not data_dir.is_dir():
        raise SourceError(f"{data_dir}: no such folder, wanted the one that holds {name}/")
    for folder in sorted(data_dir.iterdir()):
        if folder.is_dir() and folder.name.lower() == name.lower():
            return folder
    raise SourceError(f"{data_dir}: no folder {name}, wanted {data_dir / name} with the photos of {name}")


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder in the order of their paths; linked folders too, hidden files and litter not.

    A pipe, a device or a link to nothing is among them: whoever reads it refuses it by name.
    """
    return sorted(_walk(folder, set()))


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Yield files; `seen` holds the real paths of the folders visited, so that a link to a parent ends."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({error.strerror})") from error
    for entry in entries:
        if is_litter(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(entry, seen)
        else:
            yield entry


def is_litter(name: str) -> bool:
    """Return whether a file or folder is hidden, or left behind by a file manager."""
    return name.startswith(".") or name.lower() in _LITTER


def in_masks(path: Path, folder: Path) -> bool:
    """Return whether a file is in a folder called ``masks`` below `folder`."""
    return MASKS in (part.lower() for part in path.relative_to(folder).parts[:-1])


def normal(name: str) -> str:
    """Return a name with its accents composed (NFC); macOS writes them apart, other systems do not."""
    return unicodedata.normalize("NFC", name)


class Duplicates:
    """Keeps the first of several photos with one id, and a line for each of the others.

    Attributes
    ----------
    problems
        One line for each photo that came too late; it names both files.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def first(self, photo: str, paths: Iterable[Path]) -> Path:
        """Return the first path; the others become problems."""
        used, *others = paths
        self.problems += [f"{photo}: two photos with one id, {used} is used and {other} is not" for other in others]
        return used


def read_rows(path: Path) -> list[list[float]]:
    """Read a text file of numbers, a row a line, parted by commas or blanks; empty lines are left out.

    Raises
    ------
    CheckerError
        The file cannot be read, or something in it is not a number.
    """
    try:
        lines = inputs.read_bytes(path, NUMBERS_BYTES).decode("ascii").splitlines()
        return [[float(cell) for cell in line.replace(",", " ").split()] for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise CheckerError(f"{path}: {error}, wanted rows of numbers") from error
