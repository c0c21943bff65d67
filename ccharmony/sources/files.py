"""The files of a source: found by name anywhere below its folder, since archives unpack differently for everyone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ccharmony import inputs, listing
from ccharmony.errors import CheckerError, SourceError
from ccharmony.roles import is_mask_folder

MASKS = "masks"
"""Usual name of the folder of one's own foreground masks; `roles` knows others."""

NUMBERS_BYTES = 2**20
"""Of a text of numbers beside a photo, which has some hundred."""


def source_folder(data_dir: Path, name: str) -> Path:
    """Return ``data_dir/name``, whatever the case of its letters.

    Raises
    ------
    SourceError
        One of the two folders is missing.
    """
    if not data_dir.is_dir():
        raise SourceError(f"{data_dir}: {listing.why_no_folder(data_dir)}, wanted the one that holds {name}/")
    for folder in sorted(data_dir.iterdir()):
        if folder.is_dir() and folder.name.lower() == name.lower():
            return folder
    raise SourceError(f"{data_dir}: no folder {name}, wanted {data_dir / name} with the photos of {name}")


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder in the order of their paths; raises SourceError where it cannot be listed."""
    return sorted(map(Path, listing.list_files(folder)))


def in_masks(path: Path, folder: Path) -> bool:
    """Return whether a file is in a folder of masks, by its name, below `folder`."""
    return any(map(is_mask_folder, path.relative_to(folder).parts[:-1]))


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
        raise CheckerError(f"{path}: {inputs.why(error)}, wanted rows of numbers") from error
