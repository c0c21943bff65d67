"""The patch colors of all collections below a data folder."""

from __future__ import annotations

from pathlib import Path

from ccharmony.errors import SourceError
from ccharmony.sources.counts.gehler import find_gehler_counts
from ccharmony.sources.counts.nus import find_nus_counts
from ccharmony.sources.files import source_folder
from ccharmony.sources.found import Found

_READERS = {"nus": find_nus_counts, "gehler": find_gehler_counts}


def find_counts(data_dir: Path) -> Found:
    """Find the patch colors that stand in the small files of NUS and Gehler.

    Parameters
    ----------
    data_dir
        Folder that holds ``nus``, ``gehler`` or both; photos in them are not read.

    Returns
    -------
    Found
        Photos with patches and without a picture, in the order of the collections and of their ids.

    Raises
    ------
    SourceError
        There is neither folder, or no patch colors in them.
    """
    found = Found()
    folders = {name: folder for name in _READERS if (folder := _folder(data_dir, name))}
    if not folders:
        raise SourceError(
            f"{data_dir}: no folder {' or '.join(_READERS)}, wanted one with the small files of that name"
        )
    for name, folder in folders.items():
        part = _READERS[name](folder)
        found.photos.extend(part.photos)
        found.problems.extend(part.problems)
        found.summary.extend(part.summary)
    if not found.photos:
        raise SourceError(f"{data_dir}: no patch colors; {'; '.join([*found.problems, *found.summary])}")
    return found


def _folder(data_dir: Path, name: str) -> Path | None:
    try:
        return source_folder(data_dir, name)
    except SourceError:
        return None
