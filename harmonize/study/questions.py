"""Which questions a study asks, and in which order each rater gets them: all from the study's seed.

A question shows two methods of one picture. Nothing here depends on what was answered, so that a rater who comes back
finds the same questions in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ccharmony.errors import SettingsError

_APART = 5
"""Questions that lie at least between the two answers of a catch trial, where there are as many."""


@dataclass(frozen=True, slots=True)
class Question:
    """Two methods of one picture, by their numbers; `left` and `right` are sides of the screen."""

    picture: int
    left: int
    right: int

    def swapped(self) -> Question:
        """Return the question with its sides swapped."""
        return Question(self.picture, self.right, self.left)


def choose_questions(pictures: int, methods: int, each: int | None, seed: int) -> list[Question]:
    """Choose the pairs of methods that a study asks of each picture.

    Parameters
    ----------
    pictures, methods
        Their numbers.
    each
        Pairs of each picture, sampled so that over the study every pair is asked equally often, or once less; None for
        all of them.
    seed
        Of the choice.

    Returns
    -------
    list[Question]
        By picture; the sides are not random yet.

    Raises
    ------
    SettingsError
        Fewer than two methods, no picture, or more pairs than there are.
    """
    pairs = list(combinations(range(methods), 2))
    if methods < 2 or pictures < 1:
        raise SettingsError(f"{methods} methods of {pictures} pictures, wanted two or more of one or more")
    count = len(pairs) if each is None else each
    if not 1 <= count <= len(pairs):
        raise SettingsError(f"{count} pairs a picture, wanted 1 to {len(pairs)}, the pairs of {methods} methods")
    random = np.random.default_rng((seed, 0))
    asked = np.zeros(len(pairs), np.int64)
    questions = []
    for picture in random.permutation(pictures).tolist():
        # The pairs that were asked least often; the random second key decides among equals.
        chosen = np.lexsort((random.random(len(pairs)), asked))[:count]
        asked[chosen] += 1
        questions += [Question(picture, *pairs[pair]) for pair in sorted(chosen.tolist())]
    return sorted(questions, key=lambda question: (question.picture, question.left, question.right))


def order_for_rater(
    questions: Sequence[Question], rater: int, *, each: int | None, catch_share: float, seed: int
) -> list[Question]:
    """Return the questions of one rater: order, sides and catch trials at random, but always the same.

    Parameters
    ----------
    questions
        Those of the study.
    rater
        Number of the rater, from 0. With `each`, one rater goes on in the study's questions where the one before
        ended, so that all are asked equally often, or once less.
    each
        Questions for each rater, without catch trials; None for all.
    catch_share
        Share of the questions that are asked a second time with swapped sides, in [0, 1].
    seed
        Of the study.

    Returns
    -------
    list[Question]
        In the order of asking, catch trials included.
    """
    shared = np.random.default_rng((seed, 1)).permutation(len(questions))
    count = len(questions) if each is None else min(each, len(questions))
    own = shared[(rater * count + np.arange(count)) % len(questions)]
    random = np.random.default_rng((seed, 2, rater))
    chosen = [questions[number] for number in random.permutation(own).tolist()]
    trials = [question if random.random() < 0.5 else question.swapped() for question in chosen]
    return _insert_catch_trials(trials, round(catch_share * len(trials)), random)


def _insert_catch_trials(trials: Sequence[Question], count: int, random: np.random.Generator) -> list[Question]:
    """Ask some questions again, with swapped sides, at least `_APART` questions later where that is possible."""
    repeated = set(random.permutation(len(trials))[:count].tolist())
    placed: dict[int, list[Question]] = {}
    for position in sorted(repeated):
        earliest = min(position + _APART, len(trials) - 1)
        placed.setdefault(int(random.integers(earliest, len(trials))), []).append(trials[position].swapped())
    return [question for position, trial in enumerate(trials) for question in (trial, *placed.get(position, ()))]
