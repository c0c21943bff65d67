"""Planted rankings are found, within intervals that hold them as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from ccharmony.errors import StudyError
from harmonize.study import bradley_terry, ranking
from harmonize.study.simulation import Population
from harmonize.study.tally import tally_votes
from harmonize.study.votes import Vote

PAPER = (-1.075, 0.0755, 0.212, 0.117, 0.235, 0.436)


@pytest.mark.parametrize(("pictures", "raters"), [(0.5, 0.3), (0.0, 0.0)])
def test_intervals_hold_the_truth_in_95_of_100_studies(pictures: float, raters: float) -> None:
    """200 studies of six methods, with pictures and raters that differ, and without."""
    population = Population(PAPER, pictures, raters)
    truth = bradley_terry.fit_strengths(population.expect_preferences(50_000))
    held = []
    for study in range(200):
        tally = population.sample(30, 15, 100, np.random.default_rng((1, study)))
        found = ranking.rank_methods(tally, resamples=60, seed=study)
        estimates = [found.strength(method) for method in range(6)]
        held += [estimate.low <= true <= estimate.high for estimate, true in zip(estimates, truth, strict=True)]
    assert 0.93 <= np.mean(held) <= 0.97


def test_raters_who_differ_widen_the_interval() -> None:
    """As many votes, but with few raters of different taste: their number counts, not that of the votes."""
    alike = Population((0.2, -0.2)).sample(200, 5, 200, np.random.default_rng(0))
    differing = Population((0.2, -0.2), rater_spread=1.0).sample(200, 5, 200, np.random.default_rng(0))
    widths = [
        estimate.high - estimate.low
        for estimate in (ranking.rank_methods(tally).difference(0, 1) for tally in (alike, differing))
    ]
    assert widths[1] > 2 * widths[0]


def test_a_difference_is_that_of_the_strengths() -> None:
    found = ranking.rank_methods(Population((0.5, 0.0, -0.5)).sample(20, 5, 60, np.random.default_rng(0)))
    difference = found.difference(0, 2)
    assert difference.value == pytest.approx(found.strengths[0] - found.strengths[2])
    assert difference.low == pytest.approx(2 * difference.value - difference.high)
    assert found.order() == [0, 1, 2]


def test_one_rater_gives_intervals_over_pictures_only() -> None:
    population = Population((0.5, -0.5))
    tally = population.sample(40, 1, 40, np.random.default_rng(0))
    found = ranking.rank_methods(tally)
    assert np.isnan(found.covariances[1]).all()
    assert np.isfinite(found.strength(0).low)
    alone = tally.select(tally.picture == tally.picture[0])
    both = [Vote("p", "a", "b", "left", "r"), Vote("p", "b", "a", "left", "s")]
    assert len(alone) == 1
    assert np.isfinite(ranking.rank_methods(tally_votes(both)).strengths).all()


def test_methods_that_cannot_be_compared_are_named() -> None:
    votes = [
        Vote("p", "a", "b", "left", "r"),
        Vote("q", "b", "a", "left", "r"),
        Vote("p", "c", "d", "left", "r"),
        Vote("q", "d", "c", "left", "r"),
    ]
    with pytest.raises(StudyError, match=r"2 groups of methods \(a, b; c, d\)"):
        ranking.rank_methods(tally_votes(votes))
    with pytest.raises(StudyError, match=r"2 groups of methods \(a; b\)"):
        ranking.rank_methods(tally_votes(votes[:1]))


def test_the_expected_preference_is_that_of_many_votes() -> None:
    population = Population((1.0, -1.0), picture_spread=1.0)
    tally = population.sample(20_000, 1, 20_000, np.random.default_rng(0))
    first = np.where(tally.left == 0, tally.share, 1 - tally.share)
    assert population.expect_preferences()[0, 1] == pytest.approx(first.mean(), abs=0.01)
    assert population.expect_preferences()[0, 1] < bradley_terry.predict_preference([1.0, -1.0])[0, 1] - 0.03
