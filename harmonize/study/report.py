"""The result of a study: methods ranked, each pair compared, raters judged, as tables and as one page.

::

    ranking.csv      method, strength, low, high, preferred: share of its comparisons that it won
    differences.csv  method, other, wins, losses, difference, low, high; ties count half
    raters.csv       rater, votes, catch_trials, consistent, left_share, seconds, failed, remarks
    pictures.csv     picture, method, strength (empty where the votes give none), wins, comparisons
    ranking.md       the first three for people
    ranking.svg      the strengths and their intervals
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from ccharmony import files
from ccharmony.errors import StudyError
from ccharmony.names import to_cell
from harmonize.markdown import make_table
from harmonize.study import bradley_terry, plot
from harmonize.study.ranking import Estimate, Ranking, rank_methods
from harmonize.study.raters import RaterReport, judge_raters, measure_agreement
from harmonize.study.tally import Tally, count_wins, tally_votes
from harmonize.study.votes import Vote

_MANY_UNSOLVED = 0.05


@dataclass(frozen=True, slots=True)
class StudyReport:
    """Everything that is said of a study.

    Attributes
    ----------
    ranking
        Of the methods.
    tally
        The votes that count.
    raters
        One report a rater, those left out included.
    left_out
        Raters whose votes do not count.
    agreement, compared
        Share of the pairs of raters who prefer the same method of one question, in [0, 1], and how many questions have
        two raters.
    """

    ranking: Ranking
    tally: Tally
    raters: tuple[RaterReport, ...]
    left_out: tuple[str, ...]
    agreement: float
    compared: int


def make_report(votes: Sequence[Vote], *, without_failed: bool = False, seed: int = 0) -> StudyReport:
    """Rank the methods of a study.

    Parameters
    ----------
    votes
        In the order in which they were given.
    without_failed
        Whether raters who failed the catch trials are left out.
    seed
        Of the bootstrap.

    Returns
    -------
    StudyReport
        Its ranking, and what it rests on.

    Raises
    ------
    StudyError
        The votes have no ranking, or nobody's are left.
    """
    raters = judge_raters(votes)
    left_out = tuple(found.rater for found in raters if found.failed) if without_failed else ()
    kept = [vote for vote in votes if vote.rater not in left_out]
    if not kept:
        raise StudyError(f"all {len(raters)} raters failed the catch trials, nobody's votes are left")
    tally = tally_votes(kept)
    return StudyReport(rank_methods(tally, seed=seed), tally, tuple(raters), left_out, *measure_agreement(kept))


def to_markdown(report: StudyReport) -> str:
    """Return the report for people, as Markdown."""
    parts = [describe(report), *(make_table(table.head, table.rows, table.texts) for table in tables(report))]
    if lines := list(remarks(report)):
        parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people; the first `texts` columns are texts, the others numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int


def write_report(folder: Path, report: StudyReport) -> None:
    """Write the tables and the plot into a folder, which is made; raises OutputError."""
    files.make_folder(folder)
    tables = {
        "ranking.csv": (("method", "strength", "low", "high", "preferred"), _ranking_rows(report.ranking)),
        "differences.csv": (
            ("method", "other", "wins", "losses", "difference", "low", "high"),
            _difference_rows(report.ranking),
        ),
        "raters.csv": (tuple(RaterReport.__slots__), map(_rater_row, report.raters)),
        "pictures.csv": (("picture", "method", "strength", "wins", "comparisons"), _picture_rows(report.tally)),
    }
    for name, (head, rows) in tables.items():
        files.write_bytes(folder / name, _to_csv(head, rows))
    files.write_bytes(folder / "ranking.md", to_markdown(report).encode())
    files.write_bytes(folder / "ranking.svg", plot.draw_strengths(report.ranking))


def describe(report: StudyReport) -> str:
    """Return what the ranking rests on, as sentences."""
    tally = report.tally
    raters = len(tally.raters)
    ties = int((tally.share == 0.5).sum())
    alike = (
        f" Two raters prefer the same method of a question in {report.agreement:.0%} (chance: 50%; {report.compared:,} "
        "questions)."
        if report.compared
        else ""
    )
    return (
        f"{len(tally):,} votes{f' ({ties:,} ties)' if ties else ''} of {raters} rater{'s' * (raters != 1)} on "
        f"{len(tally.pictures)} pictures; strengths by Bradley and Terry's model, natural logarithms with mean 0, 95 % "
        f"intervals over pictures and raters.{alike}"
    )


def tables(report: StudyReport) -> tuple[Table, Table]:
    """Return the methods, the strongest first, and each pair of them."""
    ranking = report.ranking
    methods = [
        (ranking.methods[method], f"{found.value:+.3f}", _interval(found), f"{preferred:.1%}")
        for method, found, preferred in _ranked(ranking)
    ]
    pairs = []
    for one, other in combinations(ranking.order(), 2):
        found = ranking.difference(one, other)
        better = ranking.methods[one] if found.low > 0 else "-"
        names = ranking.methods[one], ranking.methods[other]
        pairs.append((*names, f"{found.value:+.3f}", _interval(found), better))
    return (
        Table(("method", "strength", "95 % interval", "preferred"), tuple(methods), texts=1),
        Table(("method", "against", "difference", "95 % interval", "better"), tuple(pairs), texts=2),
    )


def remarks(report: StudyReport) -> Iterable[str]:
    """Yield what a reader should know of raters and intervals, a line each."""
    for rater in report.raters:
        left_out = " (left out)" if rater.rater in report.left_out else ""
        if rater.remarks:
            yield f"{rater.rater}{left_out}: {'; '.join(rater.remarks)}"
    for kind, count in zip(("picture", "rater"), report.ranking.groups, strict=False):
        if count < 2:
            yield f"one {kind}: the intervals do not say how much other {kind}s would differ"
    if report.ranking.unsolved > _MANY_UNSOLVED:
        yield (
            f"{report.ranking.unsolved:.0%} of the resamples have no finite strengths: with so few votes the intervals "
            "are too narrow"
        )


def _ranked(ranking: Ranking) -> Iterable[tuple[int, Estimate, float]]:
    """Yield the methods, the strongest first: number, strength, share of their comparisons that they won."""
    for method in ranking.order():
        won, lost = ranking.wins[method].sum(), ranking.wins[:, method].sum()
        yield method, ranking.strength(method), float(won / (won + lost))


def _ranking_rows(ranking: Ranking) -> Iterable[Sequence[object]]:
    for method, found, preferred in _ranked(ranking):
        yield ranking.methods[method], *astuple(found), preferred


def _difference_rows(ranking: Ranking) -> Iterable[Sequence[object]]:
    for one, other in combinations(ranking.order(), 2):
        counts = (ranking.wins[one, other], ranking.wins[other, one])
        estimate = astuple(ranking.difference(one, other))
        yield ranking.methods[one], ranking.methods[other], *counts, *estimate


def _rater_row(found: RaterReport) -> Sequence[object]:
    return *astuple(found)[:-2], "yes" if found.failed else "no", "; ".join(found.remarks)


def _picture_rows(tally: Tally) -> Iterable[Sequence[object]]:
    wins = count_wins(tally, tally.picture)  # (P, n, n)
    strengths = bradley_terry.fit_strengths(wins)  # (P, n)
    for picture, name in enumerate(tally.pictures):
        for method, title in enumerate(tally.methods):
            won = wins[picture, method].sum()
            yield name, title, strengths[picture, method], won, won + wins[picture, :, method].sum()


def _to_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(map(_cell, row) for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    """Return a text that no spreadsheet computes, or a number to six digits; empty where it is unknown."""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return to_cell(str(value))


def _interval(found: Estimate) -> str:
    return "" if np.isnan(found.low) else f"{found.low:+.3f} to {found.high:+.3f}"
