"""Strengths from counts, against the paper's row and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from harmonize.study import bradley_terry

PAPER = [-1.075, 0.0755, 0.212, 0.117, 0.235, 0.436]
"""Composite, iSSAM, CDTNet, Harmonizer, DCCF, GiftNet: Table 4 of the GiftNet paper."""


def count(strengths: list[float], comparisons: float) -> np.ndarray:
    """Expected wins of each method against each other one."""
    s = np.array(strengths)
    wins = comparisons / (1 + np.exp(s[None, :] - s[:, None]))
    np.fill_diagonal(wins, 0)
    return wins


def test_the_papers_scores_come_back_from_counts_without_noise() -> None:
    found = bradley_terry.fit_strengths(count(PAPER, 5000))
    np.testing.assert_allclose(found, np.array(PAPER) - np.mean(PAPER), atol=1e-8)
    np.testing.assert_allclose(found, PAPER, atol=1e-4)


def test_strengths_are_those_of_scipy() -> None:
    random = np.random.default_rng(3)
    wins = random.integers(1, 30, (5, 5)).astype(float)
    np.fill_diagonal(wins, 0)

    def loss(s: np.ndarray) -> float:
        return float((wins * np.logaddexp(0, s[None, :] - s[:, None])).sum())

    best = optimize.minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(bradley_terry.fit_strengths(wins), best - best.mean(), atol=1e-6)


def test_studies_are_fitted_at_once_as_one_by_one() -> None:
    studies = np.stack([count(PAPER, 40), count(PAPER[::-1], 7), np.triu(np.ones((6, 6)), 1)])
    found = bradley_terry.fit_strengths(studies)
    np.testing.assert_allclose(found[1], bradley_terry.fit_strengths(studies[1]), atol=1e-8)
    assert np.isnan(found[2]).all()  # every method lost to every one before it
    assert bradley_terry.fit_strengths(studies[None]).shape == (1, 3, 6)


@pytest.mark.parametrize(
    ("wins", "groups"),
    [
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[0, 1, 2]]),  # in a circle
        ([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], [[0, 1], [2, 3]]),
        ([[0, 5], [0, 0]], [[0], [1]]),
    ],
)
def test_groups_without_a_finite_difference_are_found(wins: list[list[float]], groups: list[list[int]]) -> None:
    assert sorted(bradley_terry.find_groups(wins)) == groups
    assert np.isnan(bradley_terry.fit_strengths(wins)).any() == (len(groups) > 1)


def test_preferences_are_the_logistic_of_the_difference() -> None:
    chance = bradley_terry.predict_preference([np.log(3), 0.0])
    np.testing.assert_allclose(chance, [[0.5, 0.75], [0.25, 0.5]])
