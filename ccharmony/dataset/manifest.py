"""manifest.csv: one row a pair, written and read."""

from __future__ import annotations

import csv
import dataclasses
import io
import operator
from collections.abc import Iterable
from pathlib import Path

from ccharmony import files, inputs
from ccharmony.errors import ManifestError
from ccharmony.files import StrPath
from ccharmony.names import flaw, from_cell, to_cell
from ccharmony.records import SPLITS, Pair

COLUMNS = tuple(column.name for column in dataclasses.fields(Pair))
_FORMER = COLUMNS[: COLUMNS.index("profile")]
"""Columns of datasets of earlier versions."""
_MOST_DELTA_E = 200.0  # CIEDE2000 between two colors of sRGB is 120 at most
_CELLS = operator.attrgetter(*COLUMNS)


def write_manifest(path: Path, pairs: Iterable[Pair]) -> None:
    """Write manifest.csv atomically, in the order given; raises OutputError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(to_cell, to_row(pair)) for pair in pairs)
    files.write_bytes(path, text.getvalue().encode(), lasting=True)


def read_manifest(path: StrPath) -> list[Pair]:
    """Read manifest.csv.

    Raises
    ------
    ManifestError
        The file is absent or not UTF-8, a column is missing or unknown, a number is not one or outside its range, a
        split is none, or a path leads out of the dataset.
    """
    path = Path(path)
    try:
        with inputs.open_text(path, newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError as error:
        raise ManifestError(f"{path}: no such file, wanted that of a dataset that `ccharmony build` wrote") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read ({inputs.why(error)})") from error
    if not rows or tuple(rows[0]) not in (COLUMNS, _FORMER):
        found = ",".join(rows[0]) if rows else "nothing"
        raise ManifestError(f"{path}: columns {found[:80]}, wanted {','.join(COLUMNS)[:80]}...")
    columns = tuple(rows[0])
    return [_parse(row, columns, f"{path} line {number}") for number, row in enumerate(rows[1:], start=2)]


def to_row(pair: Pair) -> list[str]:
    """Return a pair as the cells of its row; numbers with six digits."""
    return [f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in _CELLS(pair)]


def _parse(row: list[str], columns: tuple[str, ...], line: str) -> Pair:
    if len(row) != len(columns):
        raise ManifestError(f"{line}: {len(row)} cells, wanted {len(columns)}")
    cells = dict(zip(columns, map(from_cell, row), strict=True))
    for column in ("composite", "mask", "real"):
        _check_inside(cells[column], line)
    for column in ("photo", "foreground", "donor"):
        if reason := flaw(cells[column]):
            raise ManifestError(f"{line}: {column} {cells[column]!r} {reason}, wanted a name for files")
    if cells["split"] not in SPLITS:
        raise ManifestError(f"{line}: split {cells['split']!r}, wanted train or test")
    try:
        numbers = {name: float(cells[name]) for name in ("clipped_share", "delta_e")}
    except ValueError as error:
        raise ManifestError(f"{line}: {error}") from error
    for name, most in (("clipped_share", 1.0), ("delta_e", _MOST_DELTA_E)):
        if not 0 <= numbers[name] <= most:  # NaN is not, either
            raise ManifestError(f"{line}: {name} {cells[name]}, wanted 0 to {most:g}")
    return Pair(**{**cells, **numbers})  # type: ignore[arg-type]  # checked cell by cell above


def _check_inside(name: str, line: str) -> None:
    if not name or name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
        raise ManifestError(f"{line}: path {name!r} leads out of the dataset")
