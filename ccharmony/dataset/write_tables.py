"""The tables of a dataset, written together when its pictures are there.

Contents: :func:`write_tables`, :func:`prepare_folders`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccharmony import files, inputs, records, strict_json
from ccharmony.checker.chart import STANDARD
from ccharmony.dataset import checksums, tables
from ccharmony.dataset.card import card
from ccharmony.dataset.card.facts import Facts
from ccharmony.dataset.fits import write_fits
from ccharmony.dataset.manifest import write_manifest
from ccharmony.errors import ManifestError, OutputError
from ccharmony.records import FitRecord, Pair

log = logging.getLogger(__name__)

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
        files.write_bytes(root / f"{tables.NAME}_{split}.txt", "".join(f"{name}\n" for name in names).encode())
    write_fits(root / tables.FITS, [fits[name] for name in sorted(fits)], STANDARD, settings)
    write_manifest(root / tables.MANIFEST, rows)
    described = _write_card(root, Facts(rows, fits, settings, report))
    files.settle(root)  # the pictures, before anything says that they are there
    content = {
        **{"settings": settings, "versions": tables.versions(), **report},
        tables.CHECKSUMS: checksums.write_checksums(
            root, (*tables.LISTS, tables.FITS, tables.MANIFEST, *described, *others), rows
        ),
    }
    sealed = checksums.seal(strict_json.parse(json.dumps(content)))
    files.write_bytes(
        root / tables.REPORT, (json.dumps(sealed, indent=2, sort_keys=True) + "\n").encode(), lasting=True
    )


def prepare_folders(root: Path) -> None:
    """Make the folders of pictures, and remove the tables of an earlier dataset, whose pictures will be replaced.

    The report is removed first: a folder that has one is complete.

    Raises
    ------
    OutputError
        A folder cannot be made, or a table cannot be removed.
    """
    for folder in tables.FOLDERS:
        files.make_folder(root / folder)
    described = _list_described(root)
    for name in (tables.REPORT, checksums.NAME, tables.MANIFEST, *tables.LISTS, *described):
        _remove(root / name)


def _list_described(root: Path) -> list[str]:
    """Return the files of the card that are as an earlier build of the folder wrote them."""
    try:
        known, _ = checksums.read_checksums(root) or ({}, "")
    except ManifestError:
        known = {}
    return [
        name for name in card.NAMES if name in known and checksums.is_file_whole(root / name, known[name], check=True)
    ]


def _write_card(root: Path, facts: Facts) -> list[str]:
    """Write the files of the card, and return their names; what somebody wrote under such a name gets another one."""
    try:
        made = card.make_files(root, facts)
    except OSError as error:
        raise OutputError(f"{error.filename}: was written and cannot be read ({error.strerror})") from error
    for name, data in made.items():
        if os.path.lexists(root / name) and not _holds(root / name, data):
            _set_aside(root / name)
        files.write_bytes(root / name, data, lasting=True)
    return list(made)


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and _hash(path) == hashlib.sha256(data).hexdigest()


def _set_aside(path: Path) -> None:
    """Give a file that no build wrote, or that was changed since, a name that is free."""
    places = (path.with_name(f"{path.stem}.own{number or ''}{path.suffix}") for number in itertools.count())
    free = next(place for place in places if not os.path.lexists(place))
    try:
        path.rename(free)
    except OSError as error:
        raise OutputError(f"{path}: cannot be renamed ({error.strerror})") from error
    log.warning("%s: is not as a build wrote it, and is now called %s", path, free.name)


def _remove_former(root: Path, rows: Sequence[Pair], former: Mapping[str, Collection[str]]) -> None:
    """Remove pictures of earlier builds that no row names and that are as they were written; name what stays."""
    named = tables.pictures_of(rows)
    for folder in tables.FOLDERS:
        files.remove_unfinished(root / folder)  # of a worker that was killed
    found = [
        path for folder in tables.FOLDERS for path in sorted((root / folder).iterdir()) if not path.name.startswith(".")
    ]
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
