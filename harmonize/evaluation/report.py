"""The files that an evaluation writes: means by set and by foreground share, as JSON, CSV and Markdown.

::

    OUT/report.json   protocol, weights, overall, sets.<name>, bins.<share>; each with rows composite and harmonized
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
from typing import Any, TextIO

from ccharmony import files
from ccharmony.errors import OutputError
from harmonize.evaluation import metrics
from harmonize.evaluation.metrics import Means
from harmonize.evaluation.scoring import ScoredPair
from harmonize.markdown import make_table

BINS = {"0-5": (0.0, 0.05), "5-15": (0.05, 0.15), "15-100": (0.15, math.inf)}
"""Foreground shares in percent, as DoveNet introduced them; a bin contains its lower end, not its upper one."""

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

_TITLES = {"mse": "MSE", "fmse": "fMSE", "psnr": "PSNR", "fpsnr": "fPSNR", "ssim": "SSIM", "fssim": "fSSIM"}
_DIGITS = {"mse": 2, "fmse": 2, "psnr": 2, "fpsnr": 2, "ssim": 4, "fssim": 4}


class Tally:
    """Running means over all pictures, over each set and over each bin of foreground share."""

    def __init__(self) -> None:
        self.overall = _Means()
        self.sets: dict[str, _Means] = {}
        self.bins = {name: _Means() for name in BINS}

    def add(self, row: ScoredPair) -> None:
        """Add the scores of one pair."""
        for pair in (self.overall, self.sets.setdefault(row.set, _Means()), self.bins[bin_of(row.share)]):
            pair.composite.add(row.composite)
            pair.harmonized.add(row.harmonized)

    def to_dict(self) -> dict[str, Any]:
        """Return `overall`, `sets` and `bins`, each with rows `composite` and `harmonized`."""
        return {
            "overall": self.overall.to_dict(),
            "sets": {name: self.sets[name].to_dict() for name in sorted(self.sets)},
            "bins": {name: pair.to_dict() for name, pair in self.bins.items()},
        }


class _Means:
    """Means of the composites, and of what the method made of them."""

    def __init__(self) -> None:
        self.composite = Means()
        self.harmonized = Means()

    def to_dict(self) -> dict[str, dict[str, float]]:
        return {"composite": self.composite.row(), "harmonized": self.harmonized.row()}


def bin_of(share: float) -> str:
    """Return the bin that a foreground share, in [0, 1], belongs to.

    Examples
    --------
    >>> bin_of(0.049), bin_of(0.05), bin_of(0.8)
    ('0-5', '5-15', '15-100')
    """
    return next(name for name, (low, high) in BINS.items() if low <= share < high)


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
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            yield ImagesWriter(file, protocol)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


class ImagesWriter:
    """Writes images.csv, a row for each pair."""

    def __init__(self, file: TextIO, protocol: str) -> None:
        self._table = csv.writer(file, lineterminator="\n")
        self._protocol = protocol
        self._table.writerow(COLUMNS)

    def write(self, row: ScoredPair) -> None:
        """Write the scores of one pair."""
        numbers = (row.share, *row.harmonized.values(), *row.composite.values())
        self._table.writerow((self._protocol, row.set, row.name, row.photo, *(f"{number:.9g}" for number in numbers)))


def write(folder: Path, report: Mapping[str, Any]) -> None:
    """Write report.json and report.md into a folder, each complete or not at all; raises OutputError."""
    files.write_bytes(folder / "report.json", (json.dumps(report, indent=2) + "\n").encode())
    files.write_bytes(folder / "report.md", to_markdown(report).encode())


def to_markdown(report: Mapping[str, Any]) -> str:
    """Return report.json as Markdown: a sentence on protocol and method, then the tables."""
    sets = report["sets"]
    tables = {"Set": {**sets, **({"all": report["overall"]} if len(sets) > 1 else {})}}
    tables["Foreground, %"] = {name: pair for name, pair in report["bins"].items() if pair["composite"]["n"]}
    parts = [_describe(report), *(_table(title, pairs) for title, pairs in tables.items())]
    skipped = report["skipped"]
    if skipped:
        parts.append(f"Left out: {len(skipped)}\n\n" + "\n".join(f"- {line}" for line in skipped))
    return "\n\n".join(parts) + "\n"


def _describe(report: Mapping[str, Any]) -> str:
    size = "full resolution" if report["size"] == "full" else f"{report['size']}x{report['size']}"
    background = "the composite's background pasted back" if report["pasted"] else "raw output, background included"
    return f"Protocol {report['protocol']} at {size}; {report['method']}; {background}."


def _table(title: str, pairs: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return a Markdown table: two rows a group, the composite first."""
    rows = []
    for group, kinds in pairs.items():
        for number, (kind, row) in enumerate(kinds.items()):
            numbers = [f"{row[name]:.{_DIGITS[name]}f}" for name in metrics.NAMES]
            rows.append([group if number == 0 else "", kind, str(row["n"]), *numbers])
    return make_table([title, "", "n", *(_TITLES[name] for name in metrics.NAMES)], rows, texts=2)
