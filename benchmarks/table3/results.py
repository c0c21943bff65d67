"""What the finished runs of a study scored, read from their folders."""

from __future__ import annotations

import csv
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.table3 import plan
from benchmarks.table3.plan import Trial
from benchmarks.table3.study import Study
from harmonize.evaluation import compare, metrics
from harmonize.evaluation.compare import Table
from harmonize.training import progress


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes
    ----------
    trial
        Which.
    table
        Its scores, pair by pair.
    pace
        Pictures a second in training; NaN where the log has too few rows.
    """

    trial: Trial
    table: Table
    pace: float

    @property
    def means(self) -> dict[str, float]:
        """Mean of each metric over the pairs."""
        return means(self.table)


def read(study: Study) -> list[Result]:
    """Read every finished run of a study, by row, then by what is varied, then by seed.

    Raises
    ------
    ManifestError
        The table of a run is damaged.
    """
    names = sorted(path.parent.name for path in study.path.glob("row*/images.csv"))
    trials = sorted(map(plan.parse, names), key=lambda trial: (trial.row, trial.varied, trial.seed))
    return [
        Result(trial, compare.read_table(study.folder(trial.name) / "images.csv"), read_pace(study.folder(trial.name)))
        for trial in trials
    ]


def read_pace(folder: Path) -> float:
    """Return the pictures a second of a run: the median over the log's intervals, so that pauses do not count."""
    rows = [row for row in progress.read_rows(folder / "log.csv") if row["stage"] == "harmonize"]
    points = [(float(row["pictures"]), float(row["seconds"])) for row in rows]
    steps = [
        (after[0] - before[0]) / (after[1] - before[1])
        for before, after in itertools.pairwise(points)
        if after[1] > before[1]
    ]
    return statistics.median(steps) if steps else float("nan")


def read_composites(result: Result) -> Table:
    """Return what the composites themselves score, the same for every run of a study."""
    with result.table.path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scores = {
        (row["set"], row["name"]): tuple(float(row[f"composite_{name}"]) for name in metrics.NAMES) for row in rows
    }
    return Table(result.table.path, result.table.protocol, scores)


def by_seed(results: Sequence[Result], row: int, varied: tuple[str, ...] = ()) -> dict[int, Result]:
    """Return the finished runs of one row, or of one variation of it, by seed."""
    found = (result for result in results if (result.trial.row, result.trial.varied) == (row, varied))
    return {result.trial.seed: result for result in found}


def means(table: Table) -> dict[str, float]:
    """Return the mean of each metric over the pairs of a table."""
    values = np.array(list(table.scores.values()))  # (pairs, metrics)
    return dict(zip(metrics.NAMES, values.mean(axis=0).tolist(), strict=True))
