"""How much each method is preferred, and how sure that is: strengths with intervals.

Votes on one picture are alike, and so are votes of one person: resampling single votes, or pictures alone, is not
enough. The covariance is that of a bootstrap over pictures, plus that of one over raters, minus that of one over their
intersections, which both of the others contain (Cameron, Gelbach and Miller 2011, "Robust inference with multiway
clustering"). Resampling pictures and raters at once, the simpler way, counts the noise of single votes three times
(Owen 2007, "The pigeonhole bootstrap"). The floor of the variance and the degrees of freedom were chosen among several
by the coverage in simulated studies; the tests measure it on others of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ccharmony.arrays import Float64, Int64
from ccharmony.errors import StudyError
from harmonize.study import bradley_terry
from harmonize.study.tally import Tally, count_wins

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that holds it with a confidence of 95 %; its ends are NaN where none can be had."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Strengths of methods.

    Attributes
    ----------
    methods
        Names, in the order of the arrays.
    strengths
        Natural logarithms, mean 0, (n,).
    wins
        How often the row was preferred to the column, (n, n).
    covariances
        Of the strengths, by what was resampled: pictures, raters, intersections, (3, n, n); NaN where there is only one
        picture or rater.
    groups
        Number of pictures, raters, intersections.
    unsolved
        Share of resamples without a solution, which are left out, in [0, 1].
    """

    methods: tuple[str, ...]
    strengths: Float64
    wins: Float64
    covariances: Float64
    groups: tuple[int, int, int]
    unsolved: float

    def strength(self, method: int) -> Estimate:
        """Return the strength of a method."""
        contrast = np.eye(len(self.methods))[method] - 1 / len(self.methods)
        return self._estimate(contrast)

    def difference(self, one: int, other: int) -> Estimate:
        """Return by how much a method is stronger than another one."""
        rows = np.eye(len(self.methods))
        return self._estimate(rows[one] - rows[other])

    def order(self) -> list[int]:
        """Return the methods, the strongest first."""
        return [int(method) for method in np.argsort(-self.strengths, kind="stable")]

    def _estimate(self, contrast: Float64) -> Estimate:
        value = float(contrast @ self.strengths)
        pictures, raters, both = np.einsum("i,kij,j->k", contrast, self.covariances, contrast)
        known = [variance for variance in (pictures, raters) if np.isfinite(variance)]
        if not known:
            return Estimate(value, np.nan, np.nan)
        # An estimated sum can come out too small, but not smaller than both of what it is made of.
        variance = max(pictures + raters - both, min(known)) if len(known) == 2 else known[0]
        fewest = min(count for count in self.groups[:2] if count > 1)
        half = stats.t.ppf((1 + CONFIDENCE) / 2, fewest - 1) * np.sqrt(variance)
        return Estimate(value, value - half, value + half)


def rank_methods(tally: Tally, resamples: int = RESAMPLES, seed: int = 0) -> Ranking:
    """Fit strengths and their covariances.

    Parameters
    ----------
    tally
        The votes.
    resamples
        Of each of the three bootstraps.
    seed
        Of the bootstraps.

    Returns
    -------
    Ranking
        Strengths and how sure they are.

    Raises
    ------
    StudyError
        Fewer than two methods, or no finite solution: the message names the groups of methods between which nothing can
        be said.
    """
    if len(tally.methods) < 2:
        raise StudyError(f"votes on {len(tally.methods)} methods, wanted two or more")
    wins = count_wins(tally)
    _check_connection(tally.methods, wins)
    random = np.random.default_rng(seed)
    _, both = np.unique(tally.picture * len(tally.raters) + tally.rater, return_inverse=True)
    drawn = [_resample(tally, groups, resamples, random) for groups in (tally.picture, tally.rater, both)]
    unsolved = float(np.mean([np.isnan(strengths[:, 0]).mean() for _, strengths in drawn if len(strengths)] or [0]))
    covariances = np.stack([_covariance(count, strengths, len(tally.methods)) for count, strengths in drawn])
    counts = (drawn[0][0], drawn[1][0], drawn[2][0])
    return Ranking(tally.methods, bradley_terry.fit_strengths(wins), wins, covariances, counts, unsolved)


def _check_connection(methods: tuple[str, ...], wins: Float64) -> None:
    groups = bradley_terry.find_groups(wins)
    if len(groups) > 1:
        texts = "; ".join(", ".join(methods[method] for method in group) for group in groups)
        raise StudyError(
            f"no finite strengths: {len(groups)} groups of methods ({texts}) were never compared, or one of two always "
            "won; more votes, or fewer methods, are needed"
        )


def _resample(tally: Tally, groups: Int64, resamples: int, random: np.random.Generator) -> tuple[int, Float64]:
    """Return the number of groups that have votes, and strengths (resamples, n) of samples of them."""
    _, dense = np.unique(groups, return_inverse=True)
    wins = count_wins(tally, dense.astype(np.int64))  # (G, n, n)
    count = len(wins)
    if count < 2:
        return count, np.empty((0, len(tally.methods)))
    times = random.multinomial(count, np.full(count, 1 / count), size=resamples)  # (resamples, G)
    return count, bradley_terry.fit_strengths(np.tensordot(times, wins, axes=1))


def _covariance(count: int, strengths: Float64, methods: int) -> Float64:
    """Return the covariance of resampled strengths; a bootstrap of G groups makes it (G - 1) / G too small."""
    solved = strengths[~np.isnan(strengths).any(axis=1)]
    if len(solved) < 2:
        return np.full((methods, methods), np.nan)
    return np.atleast_2d(np.cov(solved, rowvar=False)) * count / (count - 1)
