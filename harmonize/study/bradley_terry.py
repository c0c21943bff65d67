"""Strengths of methods from the counts of who was preferred to whom: Bradley and Terry's model.

Method i is preferred to method j with probability σ(s_i - s_j). Strengths are natural logarithms with mean zero.
Contents: :func:`fit_strengths`, :func:`predict_preference`, :func:`find_groups`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components

from ccharmony.arrays import Bool, Float64
from ccharmony.errors import StudyError

_STEPS = 20_000
_CLOSE = 1e-10
"""Largest change of a strength in the last step; scipy's BFGS then agrees to 1e-6."""


def fit_strengths(wins: npt.ArrayLike) -> Float64:
    """Fit strengths by maximum likelihood.

    The steps are those of Hunter (2004), "MM algorithms for generalized Bradley-Terry models".

    Parameters
    ----------
    wins
        How often the method of the row was preferred to that of the column, (..., n, n), at least 0; a tie counts half
        for either. Leading dimensions are separate studies, fitted at once.

    Returns
    -------
    Float64
        Strengths (..., n), mean 0. NaN for a study whose counts have no finite solution.

    Raises
    ------
    StudyError
        The steps do not converge.

    Examples
    --------
    >>> fit_strengths([[0, 3], [1, 0]]).round(4).tolist()  # ± log(3) / 2
    [0.5493, -0.5493]
    """
    counts = np.asarray(wins, np.float64)
    shape = counts.shape[:-1]
    counts = counts.reshape(-1, *counts.shape[-2:])  # (K, n, n)
    strengths = np.full(counts.shape[:2], np.nan)
    sound = _are_connected(counts)
    strengths[sound] = _iterate(counts[sound])
    return strengths.reshape(shape)


def _are_connected(counts: Float64) -> Bool:
    """Return which of the studies (K, n, n) are one group, (K,); as :func:`find_groups`, but all at once."""
    reached = (counts > 0) | np.eye(counts.shape[1], dtype=bool)
    for _ in range(counts.shape[1].bit_length()):  # each time paths of twice the length
        reached = reached @ reached
    return np.asarray(reached.all(axis=(1, 2)), bool)


def _iterate(counts: Float64) -> Float64:
    """Return the strengths (K, n) of connected studies (K, n, n)."""
    total = counts.sum(axis=2) - np.einsum("kii->ki", counts)  # (K, n)
    compared = counts + counts.transpose(0, 2, 1)  # (K, n, n)
    strengths = np.zeros(total.shape)
    for _ in range(_STEPS):
        worth = np.exp(strengths)
        together = compared / (worth[:, :, None] + worth[:, None, :])
        np.einsum("kii->ki", together)[:] = 0
        after = np.log(total / together.sum(axis=2))
        after -= after.mean(axis=1, keepdims=True)
        moved = float(np.abs(after - strengths).max(initial=0))
        strengths = np.asarray(after, np.float64)
        if moved < _CLOSE:
            return strengths
    raise StudyError(
        f"strengths still move by {moved:.1e} after {_STEPS:,} steps: some method wins or loses nearly always"
    )


def predict_preference(strengths: npt.ArrayLike) -> Float64:
    """Return the probability that the method of the row is preferred to that of the column.

    Parameters
    ----------
    strengths
        Strengths (..., n).

    Returns
    -------
    Float64
        Probabilities (..., n, n); one half on the diagonal.
    """
    s = np.asarray(strengths, np.float64)
    return 1 / (1 + np.exp(s[..., None, :] - s[..., :, None]))


def find_groups(wins: npt.ArrayLike) -> list[list[int]]:
    """Return the groups of methods between which there is no finite difference.

    Within a group every method was, directly or by way of others, preferred to every other one. Strengths exist only
    where all methods are one group (Ford 1957).

    Parameters
    ----------
    wins
        Counts (n, n) as for :func:`fit_strengths`.

    Returns
    -------
    list[list[int]]
        Methods by their row, each group in ascending order.

    Examples
    --------
    >>> find_groups([[0, 2, 1], [1, 0, 1], [0, 0, 0]])  # the third was never preferred
    [[0, 1], [2]]
    """
    preferred: Bool = np.asarray(wins) > 0
    _, labels = connected_components(preferred, directed=True, connection="strong")
    groups: dict[int, list[int]] = {}
    for method, label in enumerate(labels.tolist()):
        groups.setdefault(label, []).append(method)
    return list(groups.values())
