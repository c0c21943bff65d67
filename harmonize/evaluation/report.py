"""The files that an evaluation writes: means by set and by foreground share, as JSON, CSV and Markdown.

::

    OUT/report.json   protocol, weights, overall, sets.<name>, bins.<share>, errors.<fMSE>; each with rows composite and
                      harmonized, and the share of pictures that got worse
    OUT/images.csv    a row for each picture: the scores that `harmonize evaluate --compare` reads
    OUT/report.md     the same tables for people

Rows of images.csv are written one by one and only running means stay in memory, which does not grow with the set.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ccharmony import files
from ccharmony.names import shown, to_cell
from harmonize.evaluation import metrics
from harmonize.evaluation.metrics import Means
from harmonize.evaluation.ring import Ring
from harmonize.evaluation.scoring import ScoredPair
from harmonize.markdown import make_table

BINS = {"0-5": (0.0, 0.05), "5-15": (0.05, 0.15), "15-100": (0.15, math.inf)}
"""Foreground shares in percent, as DoveNet introduced them; a bin contains its lower end, not its upper one."""

ERRORS = {"0-200": (0.0, 200.0), "200-1000": (200.0, 1e3), "1000-3000": (1e3, 3e3), "3000-": (3e3, math.inf)}
"""fMSE of composites: those that need little change are where networks do harm."""

COLUMNS = (
    "protocol",
    "set",
    "name",
    "photo",
    "share",
    *metrics.NAMES,
    *(f"composite_{name}" for name in metrics.NAMES),
)
"""Of images.csv; the plain names are the harmonized picture's scores."""

REPORT, IMAGES, TABLES = "report.json", "images.csv", "report.md"

_TITLES = {"mse": "MSE", "fmse": "fMSE", "psnr": "PSNR", "fpsnr": "fPSNR", "ssim": "SSIM", "fssim": "fSSIM"}
_DIGITS = {"mse": 2, "fmse": 2, "psnr": 2, "fpsnr": 2, "ssim": 4, "fssim": 4}


class Tally:
    """Running means over all pictures, each set, each bin of foreground share and of the composite's error."""

    def __init__(self) -> None:
        self.overall = _Means()
        self.sets: dict[str, _Means] = {}
        self.bins = {name: _Means() for name in BINS}
        self.errors = {name: _Means() for name in ERRORS}

    def add(self, row: ScoredPair) -> None:
        """Add the scores of one pair."""
        self.overall.add(row)
        self.sets.setdefault(row.set, _Means()).add(row)
        self.bins[bin_of(row.share, BINS)].add(row)
        self.errors[bin_of(row.composite.fmse, ERRORS)].add(row)

    def to_dict(self) -> dict[str, Any]:
        """Return `overall`, `sets`, `bins` and `errors`, each with `composite`, `harmonized` and `worse`."""
        return {
            "overall": self.overall.to_dict(),
            "sets": {name: self.sets[name].to_dict() for name in sorted(self.sets)},
            "bins": {name: pair.to_dict() for name, pair in self.bins.items()},
            "errors": {name: pair.to_dict() for name, pair in self.errors.items()},
        }


class _Means:
    """Means of the composites, and of what the method made of them."""

    def __init__(self) -> None:
        self.composite = Means()
        self.harmonized = Means()
        self._worse = 0

    def add(self, row: ScoredPair) -> None:
        self.composite.add(row.composite)
        self.harmonized.add(row.harmonized)
        self._worse += row.harmonized.fmse > row.composite.fmse

    def to_dict(self) -> dict[str, Any]:
        worse = self._worse / max(self.composite.count, 1)
        return {"composite": self.composite.row(), "harmonized": self.harmonized.row(), "worse": worse}


def bin_of(value: float, bins: Mapping[str, tuple[float, float]]) -> str:
    """Return the bin that a value belongs to.

    Examples
    --------
    >>> bin_of(0.049, BINS), bin_of(0.05, BINS), bin_of(0.8, BINS), bin_of(3000, ERRORS)
    ('0-5', '5-15', '15-100', '3000-')
    """
    return next(name for name, (low, high) in bins.items() if low <= value < high)


@contextlib.contextmanager
def open_images(path: Path, protocol: str) -> Iterator[ImagesWriter]:
    """Open images.csv to write scores.

    Parameters
    ----------
    path
        The file. It gets its name when the block ends without an error, and is removed when it does not.
    protocol
        Name of the protocol that is followed.

    Yields
    ------
    ImagesWriter
        Writes a row for each pair.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with files.replacing(path) as temporary, temporary.open("x", newline="", encoding="utf-8") as file:
        yield ImagesWriter(file, protocol)


class ImagesWriter:
    """Writes images.csv, a row for each pair."""

    def __init__(self, file: IO[str], protocol: str) -> None:
        self._table = csv.writer(file, lineterminator="\n")
        self._protocol = protocol
        self._table.writerow(COLUMNS)

    def write(self, row: ScoredPair) -> None:
        """Write the scores of one pair."""
        numbers = (row.share, *row.harmonized.values(), *row.composite.values())
        texts = map(to_cell, (self._protocol, row.set, row.name, row.photo))
        self._table.writerow((*texts, *(f"{number:.9g}" for number in numbers)))


def is_report(folder: Path) -> bool:
    """Return whether a folder holds the three files of an evaluation."""
    return all((folder / name).is_file() for name in (REPORT, IMAGES, TABLES))


def write(folder: Path, report: Mapping[str, Any]) -> None:
    """Write report.json and report.md into a folder, each complete or not at all; raises OutputError."""
    files.write_bytes(folder / REPORT, (json.dumps(report, indent=2) + "\n").encode())
    files.write_bytes(folder / TABLES, to_markdown(report).encode())


def to_markdown(report: Mapping[str, Any]) -> str:
    """Return report.json as Markdown: a sentence on protocol and method, then the tables."""
    sets = report["sets"]
    tables = {"Set": {**sets, **({"all": report["overall"]} if len(sets) > 1 else {})}}
    for title, bins in (("Foreground, %", "bins"), ("Composite's fMSE", "errors")):
        tables[title] = {name: pair for name, pair in report[bins].items() if pair["composite"]["n"]}
    parts = [_describe(report), *(_table(title, pairs) for title, pairs in tables.items())]
    skipped = report["skipped"]
    if skipped:
        parts.append(f"Left out: {len(skipped)}\n\n" + "\n".join(f"- {shown(line)}" for line in skipped))
    return "\n\n".join(parts) + "\n"


def _describe(report: Mapping[str, Any]) -> str:
    size = "full resolution" if report["size"] == "full" else f"{report['size']}x{report['size']}"
    background = "the composite's background pasted back" if report["pasted"] else "raw output, background included"
    hidden = f"; {Ring(*report['ring'])} hidden" if report["ring"] else ""
    return f"Protocol {report['protocol']} at {size}{hidden}; {report['method']}; {background}."


def _table(title: str, pairs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table: two rows a group, the composite first."""
    rows = []
    for group, kinds in pairs.items():
        for kind in ("composite", "harmonized"):
            row = kinds[kind]
            numbers = [f"{row[name]:.{_DIGITS[name]}f}" for name in metrics.NAMES]
            first, worse = (group, "") if kind == "composite" else ("", f"{kinds['worse']:.1%}")
            rows.append([first, kind, str(row["n"]), *numbers, worse])
    return make_table([title, "", "n", *(_TITLES[name] for name in metrics.NAMES), "worse"], rows, texts=2)
