"""The tables of a dataset on disk: lists, manifest, fits and report, written together and read by name."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ccharmony import __version__, files, inputs, records, strict_json
from ccharmony.checker.chart import STANDARD
from ccharmony.color.transfer import Arithmetic
from ccharmony.dataset import checksums
from ccharmony.dataset.fits import write_fits
from ccharmony.dataset.formats import pair_folder
from ccharmony.dataset.manifest import write_manifest
from ccharmony.errors import OutputError
from ccharmony.records import FitRecord, Pair

log = logging.getLogger(__name__)

NAME = "ccHarmony"
MANIFEST, FITS, REPORT = "manifest.csv", "fits.h5", "build.json"
FOLDERS: tuple[str, ...] = (pair_folder.COMPOSITES, pair_folder.MASKS, pair_folder.REALS)
PICTURE_FOLDERS = tuple(f"{folder}/" for folder in FOLDERS)
"""How the names of pictures begin in the tables."""

LISTS = tuple(f"{NAME}_{split}.txt" for split in records.SPLITS)
CHECKSUMS = "checksums"
"""Key of build.json for the SHA-256 of checksums.csv."""

_SHOWN = 10


def write_tables(
    root: Path,
    rows: Sequence[Pair],
    fits: Mapping[str, FitRecord],
    settings: Any,
    report: Mapping[str, Any],
    *,
    former: Mapping[str, Collection[str]] | None = None,
    others: Sequence[str] = (),
) -> None:
    """Write the tables of a dataset whose pictures exist, and remove pictures of earlier builds that no row names.

    Parameters
    ----------
    root
        The dataset.
    rows
        Its pairs, in the manifest's order.
    fits
        Every light that a row names, by id.
    settings
        Settings it was built with; JSON-able.
    report
        The report of the build; JSON-able.
    former
        Pictures that earlier builds of the folder wrote: each SHA-256 that one had, by name. Other files that no row
        names are logged and stay.
    others
        Names of further files, written before, that belong to the dataset.

    Raises
    ------
    OutputError
        A table cannot be written. The report is written last: a folder that has one is complete.
    """
    _remove_former(root, rows, former or {})
    for split in records.SPLITS:
        names = [Path(row.composite).name for row in rows if row.split == split]
        files.write_bytes(root / f"{NAME}_{split}.txt", "".join(f"{name}\n" for name in names).encode())
    write_fits(root / FITS, [fits[name] for name in sorted(fits)], STANDARD, settings)
    write_manifest(root / MANIFEST, rows)
    files.settle(root)  # the pictures, before anything says that they are there
    content = {
        **{"settings": settings, "versions": versions(), **report},
        CHECKSUMS: checksums.write_checksums(root, (*LISTS, FITS, MANIFEST, *others), rows),
    }
    sealed = checksums.seal(strict_json.parse(json.dumps(content)))
    files.write_bytes(root / REPORT, (json.dumps(sealed, indent=2, sort_keys=True) + "\n").encode(), lasting=True)


def prepare_folders(root: Path) -> None:
    """Make the folders of pictures, and remove the tables of an earlier dataset, whose pictures will be replaced.

    The report is removed first: a folder that has one is complete.

    Raises
    ------
    OutputError
        A folder cannot be made, or a table cannot be removed.
    """
    for folder in FOLDERS:
        files.make_folder(root / folder)
    for name in (REPORT, checksums.NAME, MANIFEST, *LISTS):
        _remove(root / name)


def read_report(root: Path) -> dict[str, Any]:
    """Return build.json of a finished dataset; empty where there is none that can be read."""
    try:
        return strict_json.read_object(root / REPORT)
    except (OSError, ValueError):
        return {}


def read_settings(root: Path) -> dict[str, Any]:
    """Return the settings of a finished dataset as JSON stores them; empty where there is no dataset."""
    settings = read_report(root).get("settings", {})
    return settings if isinstance(settings, dict) else {}


def is_soft(root: Path) -> bool:
    """Return whether a dataset's masks may hold values between 0 and 1, by the settings it was built with."""
    pair = read_settings(root).get("pair")
    return isinstance(pair, dict) and bool(pair.get("soft", False))


def is_sealed(root: Path) -> bool:
    """Return whether build.json has hashes, as this version writes them, or cannot be read at all."""
    content = read_report(root)
    return not content or bool({CHECKSUMS, checksums.SEAL} & content.keys())


def read_arithmetic(root: Path) -> Arithmetic | None:
    """Return how the matrices of a dataset were applied; None where its settings do not say."""
    fit = read_settings(root).get("fit")
    return None if fit is None else "published" if fit == "published" else "float"


def manifest_order(row: Pair) -> tuple[str, str, int]:
    """Return the key of the manifest's order: photo, foreground, number of the composite."""
    return row.photo, row.foreground, int(Path(row.composite).stem.rpartition("_")[2])


def pictures_of(rows: Sequence[Pair]) -> dict[str, str]:
    """Return the pictures that rows name, below the root, each with its SHA-256."""
    found: dict[str, str] = {}
    for row in rows:
        found |= {row.composite: row.composite_sha256, row.mask: row.mask_sha256, row.real: row.real_sha256}
    return found


def _remove_former(root: Path, rows: Sequence[Pair], former: Mapping[str, Collection[str]]) -> None:
    """Remove pictures of earlier builds that no row names and that are as they were written; name what stays."""
    named = pictures_of(rows)
    for folder in FOLDERS:
        files.remove_unfinished(root / folder)  # of a worker that was killed
    found = [path for folder in FOLDERS for path in sorted((root / folder).iterdir()) if not path.name.startswith(".")]
    strays = []
    for path in found:
        name = f"{path.parent.name}/{path.name}"
        if name in named:
            continue
        if name in former and path.is_file() and _hash(path) in former[name]:
            _remove(path)
        else:
            strays.append(path)
    for path in strays[:_SHOWN]:
        log.warning("%s: was not written here by a build, and stays", path)
    if len(strays) > _SHOWN:
        log.warning("%s: %d more such files stay", root, len(strays) - _SHOWN)


def _hash(path: Path) -> str:
    try:
        with inputs.open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed ({error.strerror})") from error


def versions() -> dict[str, str]:
    """Return the versions of what decides the bytes of a dataset, by name."""
    return {
        "ccharmony": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
