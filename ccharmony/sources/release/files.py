"""The release of the authors of ccHarmony, read from a clone of their repository: packed, unpacked, or both.

===================================  =====================================================================
``<photo>.csv``                      patch colors, 24 rows r,g,b, 8-bit levels, release order
``<photo>.npy, <photo>_reverse.npy`` T_a and T'_a, (3, 11), on 8-bit levels
``<photo>_<letter>.png``             foreground mask of the cropped photo, below ``foreground_masks``
``train_list.txt, test_list.txt``    foregrounds ``<photo>_<letter>``, one a line
===================================  =====================================================================
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from ccharmony import catalog, inputs, listing
from ccharmony.arrays import Float64
from ccharmony.color import polynomial
from ccharmony.errors import CcharmonyError, CheckerError, SourceError
from ccharmony.images import readable
from ccharmony.images.readable import Readable
from ccharmony.records import SPLITS, Split
from ccharmony.sources.release import archive
from ccharmony.sources.release.archive import files_and_members

Item = TypeVar("Item")

_MASKS = "foreground_mask"
_CLONE = "a clone of the ccHarmony repository"
_LARGEST = 1_000_000  # the published coefficients stay below 255
_MATRIX_BYTES = 1000  # 33 numbers and a header have 392


@dataclass(frozen=True, eq=False)
class Release:
    """The published facts by photo id.

    Attributes
    ----------
    root
        The clone's folder.
    patches
        Shape (24, 3), in [0, 1], release order.
    to_standard, from_standard
        Published matrices, shape (3, 11), carried over to [0, 1].
    masks
        By photo and foreground letter.
    split
        ``train`` or ``test``.
    problems
        One line for each file that cannot be used.
    """

    root: Path
    patches: dict[str, Float64] = field(default_factory=dict)
    to_standard: dict[str, Float64] = field(default_factory=dict)
    from_standard: dict[str, Float64] = field(default_factory=dict)
    masks: dict[str, dict[str, Readable]] = field(default_factory=dict)
    split: dict[str, Split] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ids(self) -> frozenset[str]:
        """Photos that are complete: patches, both matrices, a mask and the split."""
        tables = (self.patches, self.to_standard, self.from_standard, self.masks, self.split)
        return frozenset.intersection(*(frozenset(table) for table in tables))


def read_release(root: Path) -> Release:
    """Read the release anywhere below a folder.

    Parameters
    ----------
    root
        Folder that holds the clone. If a file exists both unpacked and in an archive, the unpacked one is
        read.

    Returns
    -------
    Release
        The published facts, and one line for each file that cannot be used.

    Raises
    ------
    SourceError
        The folder is missing, or holds no lists, no patches, no matrices or no masks; a photo is in both splits.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: {listing.why_no_folder(root)}, wanted {_CLONE}")
    release = Release(root)
    entries = list(files_and_members(root, (".csv", ".npy", ".txt"), release.problems))
    for entry in entries:
        _sort_in(entry, release)
    for split in SPLITS:
        _read_list(split, entries, release)
    for table in ("patches", "to_standard", "from_standard", "masks"):
        if not getattr(release, table):
            raise SourceError(f"{root}: no {table.replace('_', ' ')} below it, wanted {_CLONE}")
    _report_incomplete(release)
    return release


def _sort_in(entry: Readable, release: Release) -> None:
    """Read one file of the release into the table where it belongs; other files are skipped."""
    stem, _, suffix = entry.name.rpartition(".")
    suffix = suffix.lower()
    if suffix == "csv" and (photo := _photo_id(stem)):
        _read_once(photo, entry, release.patches, _read_patches, release)
    elif suffix == "npy" and (photo := _photo_id(stem.removesuffix("_reverse"))):
        table = release.from_standard if stem.endswith("_reverse") else release.to_standard
        _read_once(photo, entry, table, _read_matrix, release)
    elif suffix == "png" and _MASKS in str(entry).removeprefix(str(release.root)).lower():
        name, _, letter = stem.rpartition("_")
        if (photo := _photo_id(name)) and letter:
            release.masks.setdefault(photo, {}).setdefault(letter, entry)


def _read_once(
    photo: str, entry: Readable, table: dict[str, Item], read: Callable[[Readable], Item], release: Release
) -> None:
    """Read an entry into its table unless the table has one already; what cannot be read becomes a problem."""
    if photo in table:
        return
    try:
        table[photo] = read(entry)
    except CcharmonyError as error:
        release.problems.append(str(error))


def _photo_id(stem: str) -> str | None:
    for name in ("nus", "gehler"):
        if known := catalog.read_source(name).identify(stem):
            return known[0]
    return None


def _read_text(entry: Readable) -> str:
    try:
        return readable.read_content(entry, archive.TABLE_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise SourceError(f"{entry}: {inputs.why(error)}, wanted a text in UTF-8") from error


def _read_patches(entry: Readable) -> Float64:
    try:
        text = readable.read_content(entry, archive.TABLE_BYTES).decode("ascii")
        levels = np.array([[float(cell) for cell in line.split(",")] for line in text.splitlines() if line.strip()])
    except (OSError, ValueError) as error:
        raise CheckerError(f"{entry}: {inputs.why(error)}, wanted 24 rows r,g,b") from error
    if levels.shape != (24, 3) or not np.isfinite(levels).all() or levels.min() < 0 or levels.max() > 255:
        raise CheckerError(f"{entry}: patches of shape {levels.shape}, wanted (24, 3) levels from 0 to 255")
    return levels / 255


def _read_matrix(entry: Readable) -> Float64:
    try:
        content = readable.read_content(entry, _MATRIX_BYTES)
        if not content.startswith(b"\x93NUMPY"):
            raise ValueError(f"{len(content)} bytes, wanted NumPy's file of 3 x 11 numbers")
        matrix = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False, max_header_size=_MATRIX_BYTES)
    except CcharmonyError:
        raise
    except Exception as error:  # the header is Python, and NumPy's parser may raise any error
        raise SourceError(f"{entry}: not a NumPy array ({error})") from error
    if matrix.shape != (3, 11) or matrix.dtype.kind != "f" or not (np.abs(matrix) < _LARGEST).all():
        raise SourceError(
            f"{entry}: {matrix.dtype} of shape {matrix.shape}, wanted finite numbers (3, 11), none beyond {_LARGEST}"
        )
    return polynomial.from_levels(matrix)


def _read_list(split: Split, entries: Sequence[Readable], release: Release) -> None:
    wanted = f"{split}_list.txt"
    listed = next((entry for entry in entries if entry.name.lower() == wanted), None)
    if listed is None:
        raise SourceError(f"{release.root}: no {wanted} below it, wanted {_CLONE}")
    for name in _read_text(listed).split():
        photo = _photo_id(name.rpartition("_")[0])
        if photo is None:
            release.problems.append(f"{listed}: {name!r} is no foreground of NUS or Gehler")
        elif release.split.setdefault(photo, split) != split:
            raise SourceError(f"{listed}: {photo} is in both splits, wanted each photo in one")


def _report_incomplete(release: Release) -> None:
    tables: dict[str, Collection[str]] = {
        "patches": release.patches,
        "matrix": release.to_standard,
        "reverse matrix": release.from_standard,
        "mask": release.masks,
        "place in the lists": release.split,
    }
    for photo in sorted(set[str]().union(*tables.values()) - release.ids):
        absent = ", ".join(name for name, table in tables.items() if photo not in table)
        release.problems.append(f"{release.root}: {photo} has no {absent}")
