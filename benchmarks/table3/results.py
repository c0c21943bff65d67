"""What finished runs scored, how rows differ, and how much of a difference may be random.

A contrast is a weighted sum of rows' mean scores: ``{1: 1, 8: -1}`` is what row 8 gains over row 1. Two things about it
are random. Which photos were scored: a paired bootstrap over photos (`harmonize.evaluation.compare`), each pair's
scores first averaged over the seeds that all rows of the contrast have. Which seed a run had: the spread between seeds
of one row, pooled over all rows that have several, gives the least difference that one study of this size can claim.
"""

from __future__ import annotations

import csv
import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.table3 import plan
from benchmarks.table3.plan import Trial
from benchmarks.table3.study import SCORED, Study
from harmonize.evaluation import compare, metrics
from harmonize.evaluation.compare import Difference, Table
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


def read_results(study: Study) -> list[Result]:
    """Read every finished run of a study, by row, then by what is varied, then by seed.

    Raises
    ------
    ManifestError
        The table of a run is damaged.
    """
    names = sorted(path.parent.name for path in study.path.glob(f"row*/{SCORED}"))
    trials = sorted(map(plan.parse_name, names), key=lambda trial: (trial.row, trial.varied, trial.seed))
    return [
        Result(trial, compare.read_table(study.folder(trial.name) / SCORED), read_pace(study.folder(trial.name)))
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


Weights = Mapping[int, float]
"""Weight of each row; negative scores of the metric are not meant, gains are positive by the choice of signs."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Standard deviation of a row's mean score between seeds, pooled over rows, and its degrees of freedom."""

    deviation: float
    freedom: int

    def least(self, weights: Weights, seeds: int) -> float:
        """Return the difference that chance among seeds reaches with a probability of 5 %; 0 where unknown."""
        if not self.freedom:
            return 0.0
        factor = float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom))
        return factor * self.deviation * math.sqrt(sum(weight**2 for weight in weights.values()) / seeds)


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of rows' scores.

    Attributes
    ----------
    weights
        By row.
    value
        The sum.
    low, high
        Ends of its 95 % interval over the choice of photos.
    least
        The absolute value that chance among seeds reaches with a probability of 5 %; 0 where no row has two seeds.
    seeds
        Seeds that were averaged.
    """

    weights: Weights
    value: float
    low: float
    high: float
    least: float
    seeds: tuple[int, ...]

    @property
    def sign(self) -> int:
        """1 or -1 where the value is beyond chance of both kinds, else 0."""
        if self.low <= 0 <= self.high or abs(self.value) <= self.least:
            return 0
        return 1 if self.value > 0 else -1

    def __str__(self) -> str:
        return f"{self.value:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def contrast(results: Sequence[Result], weights: Weights, metric: str = "fmse") -> Contrast | None:
    """Return a contrast of rows in one metric; None where the rows have no seed in common."""
    runs = {row: by_seed(results, row) for row in weights}
    shared = sorted(set.intersection(*(set(found) for found in runs.values())))
    if not shared:
        return None
    tables = {row: [runs[row][seed].table for seed in shared] for row in weights}
    return _contrast(results, tables, weights, metric, shared)


def of_variation(results: Sequence[Result], varied: Result, base: Result, metric: str = "fmse") -> Contrast:
    """Return what a variation changes of its row, both under one seed; the base has weight -1."""
    return _contrast(results, {0: [base.table], 1: [varied.table]}, {0: -1, 1: 1}, metric, [varied.trial.seed])


def _contrast(
    results: Sequence[Result],
    tables: Mapping[int, Sequence[Table]],
    weights: Weights,
    metric: str,
    seeds: Sequence[int],
) -> Contrast:
    found = difference(tables, weights, metric)
    least = spread(results, metric).least(weights, len(seeds))
    return Contrast(weights, found.difference, found.low, found.high, least, tuple(seeds))


def difference(tables: Mapping[int, Sequence[Table]], weights: Weights, metric: str) -> Difference:
    """Return the bootstrap of a weighted sum of rows, each the mean of several tables."""
    total = combine([(weight / len(tables[row]), table) for row, weight in weights.items() for table in tables[row]])
    nothing = Table(total.path, total.protocol, {key: (0.0,) * len(metrics.NAMES) for key in total.scores})
    found = compare.compare(nothing, total).differences
    return next(entry for entry in found if entry.metric == metric)


def combine(parts: Sequence[tuple[float, Table]]) -> Table:
    """Return the weighted sum of tables, on the pairs that all of them have."""
    keys = set.intersection(*(set(table.scores) for _, table in parts))
    scores = {
        key: tuple(np.sum([weight * np.array(table.scores[key]) for weight, table in parts], axis=0).tolist())
        for key in sorted(keys)
    }
    return Table(Path("contrast"), parts[0][1].protocol, scores)


def spread(results: Sequence[Result], metric: str = "fmse") -> Spread:
    """Return how far seeds of one row lie apart, pooled over all rows that have several."""
    squares, freedom = 0.0, 0
    for row, varied in {(result.trial.row, result.trial.varied) for result in results}:
        values = [result.means[metric] for result in by_seed(results, row, varied).values()]
        squares += float(np.sum(np.square(np.array(values) - np.mean(values))))
        freedom += len(values) - 1
    return Spread(math.sqrt(squares / freedom) if freedom else math.nan, freedom)


def interval(table: Table, metric: str = "fmse") -> tuple[float, float]:
    """Return the 95 % interval of a table's mean over the choice of photos."""
    found = difference({0: [table]}, {0: 1.0}, metric)
    return found.low, found.high


def of_published(values: Callable[[int], float], weights: Weights) -> float:
    """Return the same weighted sum of the paper's numbers."""
    return sum(weight * values(row) for row, weight in weights.items())
