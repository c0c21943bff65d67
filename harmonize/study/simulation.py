"""Studies whose answer is known: raters and pictures sampled at random, votes by Bradley and Terry's model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float64
from harmonize.study.tally import Tally


@dataclass(frozen=True, slots=True)
class Population:
    """What people prefer.

    Attributes
    ----------
    strengths
        Mean strength of each method, natural logarithms, (n,).
    picture_spread, rater_spread
        Standard deviation by which a method's strength differs from picture to picture, and from rater to rater.
    """

    strengths: tuple[float, ...]
    picture_spread: float = 0.0
    rater_spread: float = 0.0

    def sample(self, pictures: int, raters: int, votes: int, random: np.random.Generator) -> Tally:
        """Return a study: every rater answers `votes` questions at random of all pairs on all pictures.

        Parameters
        ----------
        pictures, raters
            Their numbers.
        votes
            Questions for each rater; as many as there are, if there are fewer.
        random
            Source of all choices.

        Returns
        -------
        Tally
            The votes, without ties.
        """
        methods = len(self.strengths)
        pairs = np.array(list(combinations(range(methods), 2)))  # (P, 2)
        questions = pictures * len(pairs)
        each = min(votes, questions)
        asked = np.concatenate([random.permutation(questions)[:each] for _ in range(raters)])
        picture, pair = asked // len(pairs), asked % len(pairs)
        rater = np.repeat(np.arange(raters), each)
        of_picture = random.normal(0, abs(self.picture_spread), (pictures, methods))
        of_rater = random.normal(0, abs(self.rater_spread), (raters, methods))
        strengths = np.asarray(self.strengths) + of_picture[picture] + of_rater[rater]  # (V, n)
        left, right = pairs[pair].T
        rows = np.arange(len(asked))
        chance = _logistic(strengths[rows, left] - strengths[rows, right])
        return Tally(
            methods=_names("method", methods),
            pictures=_names("picture", pictures),
            raters=_names("rater", raters),
            picture=picture,
            rater=rater,
            left=left,
            right=right,
            share=(random.random(len(asked)) < chance).astype(np.float64),
        )

    def expect_preferences(self, samples: int = 200_000, seed: int = 0) -> Float64:
        """Return the probability that the row is preferred to the column over all pictures and raters, (n, n).

        The strengths that a study estimates are those of these probabilities; they lie nearer together than the mean
        strengths where pictures or raters differ.
        """
        spread = np.hypot(self.picture_spread, self.rater_spread)
        noise = np.random.default_rng(seed).normal(0, spread, (samples, len(self.strengths)))
        drawn = np.asarray(self.strengths) + noise  # (samples, n)
        return np.array([[_logistic(one - other).mean() for other in drawn.T] for one in drawn.T])


def _names(kind: str, count: int) -> tuple[str, ...]:
    return tuple(f"{kind}{number}" for number in range(count))


def _logistic(difference: npt.ArrayLike) -> Float64:
    return np.asarray(1 / (1 + np.exp(-np.asarray(difference, np.float64))))
