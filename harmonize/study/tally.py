"""Votes as arrays, and how often each method was preferred to each other one, as a whole or by groups of votes.

Contents: :class:`Tally`, :func:`tally_votes`, :func:`count_wins`, :func:`find_repeats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ccharmony.arrays import Bool, Float64, Int64
from harmonize.study.votes import Vote

_SHARES = {"left": 1.0, "right": 0.0, "tie": 0.5}


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes as arrays; methods, pictures and raters are numbers into the three lists of names.

    Attributes
    ----------
    methods, pictures, raters
        Names, sorted.
    picture, rater, left, right
        Of each vote, (V,).
    share
        Of each vote, what goes to the left method: 1, 0, or 0.5 for a tie; the rest goes to the right one, (V,).
    """

    methods: tuple[str, ...]
    pictures: tuple[str, ...]
    raters: tuple[str, ...]
    picture: Int64
    rater: Int64
    left: Int64
    right: Int64
    share: Float64

    def __len__(self) -> int:
        return len(self.share)

    def select(self, rows: Bool) -> Tally:
        """Return the votes of some rows, (V,) bool; the lists of names stay as they are."""
        return replace(
            self,
            picture=self.picture[rows],
            rater=self.rater[rows],
            left=self.left[rows],
            right=self.right[rows],
            share=self.share[rows],
        )


def tally_votes(votes: Sequence[Vote]) -> Tally:
    """Return votes as arrays; of several answers of a rater to one question only the first counts.

    Parameters
    ----------
    votes
        In the order in which they were given.

    Returns
    -------
    Tally
        One row a vote that counts.
    """
    first: dict[tuple[object, ...], Vote] = {}
    for vote in votes:
        first.setdefault(_question(vote), vote)
    kept = list(first.values())
    methods = tuple(sorted({name for vote in kept for name in (vote.left, vote.right)}))
    pictures = tuple(sorted({vote.picture for vote in kept}))
    raters = tuple(sorted({vote.rater for vote in kept}))
    numbers = [{name: number for number, name in enumerate(names)} for names in (methods, pictures, raters)]
    return Tally(
        methods,
        pictures,
        raters,
        picture=np.array([numbers[1][vote.picture] for vote in kept], np.int64),
        rater=np.array([numbers[2][vote.rater] for vote in kept], np.int64),
        left=np.array([numbers[0][vote.left] for vote in kept], np.int64),
        right=np.array([numbers[0][vote.right] for vote in kept], np.int64),
        share=np.array([_SHARES[vote.choice] for vote in kept]),
    )


def count_wins(tally: Tally, groups: Int64 | None = None) -> Float64:
    """Count how often each method was preferred to each other one.

    Parameters
    ----------
    tally
        The votes.
    groups
        A number from 0 for each vote, (V,); None for one group.

    Returns
    -------
    Float64
        Counts (n, n), row preferred to column, ties half for either; (G, n, n) with groups.
    """
    of = np.zeros(len(tally), np.int64) if groups is None else groups
    size = len(tally.methods)
    wins = np.zeros((int(of.max(initial=-1)) + 1, size, size))
    np.add.at(wins, (of, tally.left, tally.right), tally.share)
    np.add.at(wins, (of, tally.right, tally.left), 1 - tally.share)
    return wins if groups is not None else wins.sum(axis=0)


def find_repeats(votes: Sequence[Vote]) -> list[tuple[Vote, Vote]]:
    """Return the first two answers of each rater to each question asked twice, whatever the sides."""
    first: dict[tuple[object, ...], Vote] = {}
    pairs: dict[tuple[object, ...], tuple[Vote, Vote]] = {}
    for vote in votes:
        question = _question(vote)
        if question in first:
            pairs.setdefault(question, (first[question], vote))
        first.setdefault(question, vote)
    return list(pairs.values())


def preferred(vote: Vote) -> str | None:
    """Return the method that a vote is for; None for a tie."""
    return {"left": vote.left, "right": vote.right}.get(vote.choice)


def _question(vote: Vote) -> tuple[object, ...]:
    return vote.rater, vote.picture, frozenset((vote.left, vote.right))
