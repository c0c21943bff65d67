"""The files below a folder, as people have them: with links, notes, and what file managers leave behind.

Contents: :func:`list_files`; :func:`why_no_folder`; :func:`is_litter`; :func:`is_note`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from ccharmony.errors import SourceError

_LITTER = frozenset(("__macosx", "@eadir", "thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini"))

_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")

_NOTES = frozenset(
    [
        *(".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".ini", ".log", ".html"),
        *(".xmp", ".pp3", ".dop", ".thm", ".aae"),  # settings of raw developers, and what cameras and phones add
    ]
)
_NOTES_BY_NAME = frozenset(("readme", "license", "licence", "copying", "notice"))


def list_files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder: those of a folder by name, then those of its sub-folders.

    Linked folders are followed, a link to a folder above it is not; what is hidden, and litter, is left out. A pipe, a
    device or a link to nothing is among the files: whoever reads it refuses it by name.

    Yields
    ------
    str
        Texts, since to make paths of 72,000 files took three times as long.

    Raises
    ------
    SourceError
        A folder cannot be listed.
    """
    yield from _walk(str(folder), set())


def _walk(folder: str, seen: set[str]) -> Iterator[str]:
    """Yield files; `seen` holds the real paths of the folders visited, so that a link to a parent ends."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if not is_litter(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be listed ({error.strerror})") from error
    folders = {entry.path for entry in found if _is_folder(entry)}
    yield from (entry.path for entry in found if entry.path not in folders)
    for path in sorted(folders):
        yield from _walk(path, seen)


def why_no_folder(path: Path) -> str:
    """Return why a path is no folder, for a message: there is none, or it is an archive or another file."""
    if not path.exists():
        return "no such folder"
    archive = path.name.lower().endswith(_ARCHIVES)
    return "an archive, which is not read: unpack it" if archive else "a file, no folder"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_litter(name: str) -> bool:
    """Return whether a file or folder is hidden, or left behind by a file manager.

    Examples
    --------
    >>> is_litter("._IMG_1.jpg"), is_litter("Thumbs.db"), is_litter("__MACOSX"), is_litter("IMG_1.jpg")
    (True, True, True, False)
    """
    return name.startswith(".") or name.lower() in _LITTER


def is_note(path: PurePath) -> bool:
    """Return whether a file is a note or a setting beside pictures, by its name.

    Examples
    --------
    >>> [is_note(PurePath(name)) for name in ("notes.TXT", "LICENSE", "IMG_1", "a.psd")]
    [True, True, False, False]
    """
    return path.suffix.lower() in _NOTES or path.name.lower() in _NOTES_BY_NAME
