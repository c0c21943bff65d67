"""Marks that a person gives photos after a look at their fits: good, bad, and another fit kind.

A CSV file with a header: ``photo,mark,fit``; mark is ``good``, ``bad`` or empty, fit a fit kind or empty. Other columns
are left alone. `inspect` writes such files; `build --exclude` and `build --override` read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ccharmony import hand_written
from ccharmony.color import polynomial
from ccharmony.color.polynomial import FitKind
from ccharmony.errors import ManifestError, SourceError
from ccharmony.names import from_cell

COLUMNS = ("photo", "mark", "fit")
_MARKS = ("", "good", "bad")


def read_excluded(path: Path) -> frozenset[str]:
    """Return the ids of the photos marked bad; raises ManifestError as `read_overrides`."""
    return frozenset(row["photo"] for row in _read(path, "mark") if row["mark"] == "bad")


def read_overrides(path: Path) -> dict[str, FitKind]:
    """Return the fit kind of every photo that is given one.

    Raises
    ------
    ManifestError
        The file is absent, has no header with the columns photo and fit, or holds an unknown mark or fit kind.
    """
    return {row["photo"]: cast(FitKind, row["fit"]) for row in _read(path, "fit") if row["fit"]}


def _read(path: Path, column: str) -> list[dict[str, str]]:
    try:
        header, rows = hand_written.read_rows(path)
    except SourceError as error:
        raise ManifestError(str(error)) from error
    if missing := [name for name in ("photo", column) if name not in header]:
        first = ",".join(header) or "nothing"
        raise ManifestError(f"{path}: no column {missing[0]} in its first line ({first}), wanted {','.join(COLUMNS)}")
    return [_check(row, f"{path} line {number}") for number, row in rows]


def _check(row: dict[str, str], line: str) -> dict[str, str]:
    cells = {name: from_cell(row.get(name, "")) for name in COLUMNS}
    if not cells["photo"]:
        raise ManifestError(f"{line}: no photo, wanted the columns {','.join(COLUMNS)}")
    if cells["mark"] not in _MARKS:
        raise ManifestError(f"{line}: mark {cells['mark']!r}, wanted good, bad or nothing")
    if cells["fit"] not in ("", *polynomial.KINDS):
        raise ManifestError(f"{line}: fit {cells['fit']!r}, wanted {', '.join(polynomial.KINDS)} or nothing")
    return cells
