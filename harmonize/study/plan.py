"""How many raters a study needs to tell two methods apart, by simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ccharmony.errors import SettingsError
from harmonize.settings import Range, Settings
from harmonize.study import ranking
from harmonize.study.simulation import Population

MOST_VOTES = 10_000_000
"""Of one simulated study: about 1 GB."""

_RESAMPLES = 100
"""Of each simulated study: its interval is a tenth wider or narrower than with 1,000, the share of studies the same."""


@dataclass(frozen=True)
class Plan(Settings):
    """A study that is planned; every pair of methods is asked of every picture, each rater answers a part."""

    methods: Annotated[int, Range(2, 20)] = 6
    """The strongest and the weakest are to be told apart, the others lie evenly between them."""

    pictures: Annotated[int, Range(2, 10_000)] = 100
    """Pictures that the methods are shown of."""

    votes: Annotated[int, Range(1, 100_000)] = 150
    """Questions for each rater."""

    difference: Annotated[float, Range(0.01, 10)] = 0.2
    """Strength by which the two methods differ; 0.2 means that the stronger one is preferred in 55 %."""

    picture_spread: Annotated[float, Range(0, 5)] = 0.5
    """Standard deviation by which a method's strength differs from picture to picture. An assumption: no public study
    gives its votes."""

    rater_spread: Annotated[float, Range(0, 5)] = 0.3
    """The same from rater to rater."""

    studies: Annotated[int, Range(10, 10_000)] = 100
    """Simulated for each number of raters."""


@dataclass(frozen=True, slots=True)
class Power:
    """What a number of raters achieves.

    Attributes
    ----------
    raters
        Their number.
    votes
        All votes together.
    found
        Share of the simulated studies whose interval of the difference lies above 0, in [0, 1].
    width
        Median width of that interval.
    """

    raters: int
    votes: int
    found: float
    width: float


def predict_power(plan: Plan, raters: Sequence[int], seed: int = 0) -> Iterator[Power]:
    """Simulate studies with each number of raters, in order.

    Parameters
    ----------
    plan
        The study.
    raters
        Numbers of raters to try, 2 or more each.
    seed
        Of the simulation.

    Yields
    ------
    Power
        What that number of raters achieves.

    Raises
    ------
    SettingsError
        Fewer than two raters, or more votes than `MOST_VOTES`.
    """
    if few := [count for count in raters if count < 2]:
        raise SettingsError(f"{few[0]} raters, wanted 2 or more: how raters differ cannot be seen in one")
    each = min(plan.votes, plan.pictures * math.comb(plan.methods, 2))
    if (votes := each * max(raters, default=0)) > MOST_VOTES:
        raise SettingsError(f"{max(raters)} raters of {each} questions: {votes} votes, the limit is {MOST_VOTES}")
    strengths = np.linspace(plan.difference / 2, -plan.difference / 2, plan.methods)
    population = Population(tuple(strengths.tolist()), plan.picture_spread, plan.rater_spread)
    for count in raters:
        yield _simulate(plan, population, count, seed)


def _simulate(plan: Plan, population: Population, raters: int, seed: int) -> Power:
    found, widths, votes = 0, [], 0
    for study in range(plan.studies):
        random = np.random.default_rng((seed, raters, study))
        tally = population.sample(plan.pictures, raters, plan.votes, random)
        estimate = ranking.rank_methods(tally, _RESAMPLES, seed=study).difference(0, plan.methods - 1)
        found += estimate.low > 0
        widths.append(estimate.high - estimate.low)
        votes = len(tally)
    return Power(raters, votes, found / plan.studies, float(np.median(widths)))
