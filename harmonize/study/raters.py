"""How far raters can be relied on: the same answer to the same question, by one person and by two.

Contents: :class:`RaterReport`, :func:`judge_raters`, :func:`measure_agreement`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harmonize.study.tally import find_repeats, preferred, tally_votes
from harmonize.study.votes import Vote

_CHANCE = 0.05
"""A rater fails whose catch trials somebody who answers at random would do as well with this probability, or more."""

FEWEST_CATCH_TRIALS = 5
"""Below it nobody can fail: answers at random are right in all of four with a probability of 6 %."""

_ONE_SIDED = 0.001
"""Probability below which a preference for one side is not due to chance."""

_HASTY = 0.7
"""Seconds: two pictures are hardly seen in less."""


@dataclass(frozen=True, slots=True)
class RaterReport:
    """What the votes say of one rater.

    Attributes
    ----------
    rater
        Name.
    votes
        Questions answered; the second answers of catch trials do not count.
    catch_trials, consistent
        Questions that were asked twice, and those with the same answer.
    left_share
        Share of the answers without a tie that are for the left picture, in [0, 1]; NaN where there are none.
    seconds
        Median time of an answer; NaN where it was not measured.
    failed
        Whether the catch trials were answered no better than at random.
    remarks
        Why a person should look at this rater; empty for most.
    """

    rater: str
    votes: int
    catch_trials: int
    consistent: int
    left_share: float
    seconds: float
    failed: bool
    remarks: tuple[str, ...]


def judge_raters(votes: Sequence[Vote]) -> list[RaterReport]:
    """Return a report on each rater, by name.

    Parameters
    ----------
    votes
        In the order in which they were given.

    Returns
    -------
    list[RaterReport]
        One a rater.
    """
    by_rater: defaultdict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_rater[vote.rater].append(vote)
    return [_judge(rater, given) for rater, given in sorted(by_rater.items())]


def _judge(rater: str, votes: Sequence[Vote]) -> RaterReport:
    repeats = find_repeats(votes)
    same = sum(preferred(first) == preferred(second) for first, second in repeats)
    sides = Counter(vote.choice for vote in votes)
    decided = sides["left"] + sides["right"]
    times = [vote.seconds for vote in votes if math.isfinite(vote.seconds)]
    seconds = float(np.median(times)) if times else math.nan
    failed = len(repeats) >= FEWEST_CATCH_TRIALS and stats.binom.sf(same - 1, len(repeats), 0.5) >= _CHANCE
    remarks = []
    if failed:
        remarks.append(f"{same} of {len(repeats)} catch trials answered alike, no better than at random")
    if decided and stats.binomtest(sides["left"], decided).pvalue < _ONE_SIDED:
        remarks.append(f"chose the left picture in {sides['left']} of {decided}")
    if seconds < _HASTY:
        remarks.append(f"answered in {seconds:.1f} s in the median")
    return RaterReport(
        rater=rater,
        votes=len(tally_votes(votes)),
        catch_trials=len(repeats),
        consistent=same,
        left_share=sides["left"] / decided if decided else math.nan,
        seconds=seconds,
        failed=failed,
        remarks=tuple(remarks),
    )


def measure_agreement(votes: Sequence[Vote]) -> tuple[float, int]:
    """Measure how often two raters prefer the same method of one question; 0.5 is chance.

    Parameters
    ----------
    votes
        In the order in which they were given; ties do not take part.

    Returns
    -------
    share, questions
        Mean over questions of the share of pairs of raters who agree, in [0, 1], NaN where no question has two
        raters; and how many questions have.
    """
    tally = tally_votes([vote for vote in votes if vote.choice != "tie"])
    answers: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    rows = zip(tally.picture.tolist(), tally.left.tolist(), tally.right.tolist(), tally.share.tolist(), strict=True)
    for picture, left, right, share in rows:
        answers[picture, min(left, right), max(left, right)].append(left if share else right)
    shares = []
    for chosen in answers.values():
        if len(chosen) > 1:
            agreeing = sum(math.comb(count, 2) for count in Counter(chosen).values())
            shares.append(agreeing / math.comb(len(chosen), 2))
    return (float(np.mean(shares)) if shares else math.nan), len(shares)
