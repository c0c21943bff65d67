"""Photos without a color checker, to be relit with lights that other photos recorded.

::

    DATA/images/<id>.<ext>   DATA/masks/<id>.png   DATA/index.csv

``index.csv`` needs the column ``id``; ``group`` (photos that must share a split) and ``split`` (train, test, or val,
which goes to test) are used where they exist. A picture that it does not list is not used, and named. Without it every
picture counts. ``DATA/photos`` may replace ``DATA``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ccharmony import hand_written
from ccharmony.errors import SourceError
from ccharmony.images.headers import READABLE_SUFFIXES
from ccharmony.images.readable import Readable
from ccharmony.records import Photo, Split
from ccharmony.roles import normal
from ccharmony.sources import files, reading
from ccharmony.sources.folder import find_all_masks, find_root
from ccharmony.sources.found import Found, Unused
from ccharmony.sources.masks.pictures import part_masks

IMAGES = "images"
INDEX = "index.csv"
_SPLITS: Mapping[str, Split | None] = {"train": "train", "test": "test", "val": "test", "": None}


def find_photos(data_dir: Path) -> Found:
    """Find photos with masks and no chart.

    Parameters
    ----------
    data_dir
        Folder that holds ``images/`` (or ``photos/images/``).

    Returns
    -------
    Found
        Photos without chart and patches.

    Raises
    ------
    SourceError
        There is no folder ``images``, or ``index.csv`` has no column ``id`` or an unknown split.
    """
    root = find_root(data_dir, "photos", IMAGES)
    pictures, problems = _find_pictures(root / IMAGES)
    index = _read_index(root / INDEX)
    if index is not None:
        problems += [f"{root / INDEX}: {name} has no picture in {IMAGES}/" for name in index if name not in pictures]
    listed = pictures if index is None else index
    found = find_all_masks(root, IMAGES, pictures)
    rows = [
        _photo(name, path, (index or {}).get(name, {}), found.masks.get(name, {}))
        for name, path in pictures.items()
        if name in listed
    ]
    counts = f"{sum(bool(row.masks) for row in rows)} with masks"
    summary = [f"photos: {len(rows)} photos without a checker, {counts}", *found.notes]
    passed = [Unused(path, f"not read, wanted {' '.join(READABLE_SUFFIXES)}") for path in _passed_over(root / IMAGES)]
    unlisted = [Unused(path, f"not listed in {INDEX}") for name, path in pictures.items() if name not in listed]
    return Found(rows, problems, summary, unused=passed + unlisted + found.unused)


def _passed_over(folder: Path) -> list[Path]:
    """Return the files among the photos that are not read; this source takes no raw files."""
    return [path for path in files.files_below(folder) if reading.is_passed_over(path) or reading.is_raw(path.suffix)]


def _find_pictures(folder: Path) -> tuple[dict[str, Path], list[str]]:
    found: dict[str, list[Path]] = {}
    pictures = [path for path in files.files_below(folder) if path.suffix.lower() in READABLE_SUFFIXES]
    for path in part_masks(folder, pictures)[0]:
        found.setdefault(normal(path.stem), []).append(path)
    duplicates = files.Duplicates()
    return {name: duplicates.first(name, paths) for name, paths in sorted(found.items())}, duplicates.problems


def _read_index(path: Path) -> dict[str, dict[str, str]] | None:
    """Return the rows of ``index.csv`` by id; None if there is no such file."""
    if not path.is_file():
        return None
    _, rows = hand_written.read_rows(path)
    if any(not row.get("id") for _, row in rows):
        raise SourceError(f"{path}: no column id, or a row without, wanted id and possibly group and split")
    if strange := sorted({row.get("split", "").lower() for _, row in rows} - set(_SPLITS)):
        raise SourceError(f"{path}: split {strange[0]!r}, wanted train, test or val")
    return {normal(row["id"]): row for _, row in rows}


def _photo(name: str, path: Path, row: Mapping[str, str], masks: Mapping[str, Readable]) -> Photo:
    split = _SPLITS[row.get("split", "").lower()]
    group = row.get("group") or ""
    return Photo(name, "photos", "unknown", path, masks=masks, split=split, group=group, charted=False)
