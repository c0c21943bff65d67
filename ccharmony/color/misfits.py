"""Patches that the others contradict: covered, painted over, or in the light of something colored beside the chart.

One covered patch of 24 moves the colors of a photo by ΔE 3, and the fit of all 24 does not say which it is. Left out,
the others agree. So patches are left out one after the other, each time the one without which the rest agrees best, and
the result counts where the rest contradicts every patch that was left out.

Contents: :func:`find_misfits`, :func:`mark_misfits`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ccharmony.arrays import Float64
from ccharmony.checker.chart import STANDARD
from ccharmony.checker.patches import Patches
from ccharmony.color import polynomial
from ccharmony.color.polynomial import NONLINEAR, RIDGE_STRENGTH

FEWEST = 18
"""Patches that are needed to judge at all."""

CONTRADICTED = (5.0, 4.5, 4.0)
"""How many times farther the fit of the others misses one, two, three misfits than it misses each of the others in the
mean. They were chosen on every second of the 350 published charts: with one, two, three patches in a random other
color, 89, 55 and 40 of 100 of those were found. Of all 350 as published, 4 have a patch so far off."""

LEAST = 15.0
"""Levels by which a misfit is missed at least: where the others agree to the last digit, all is many times farther."""


def find_misfits(measured: Float64, standard: Float64) -> tuple[int, ...]:
    """Find patches that the others contradict.

    Parameters
    ----------
    measured, standard
        Colors of the patches in the photo and on the chart, (n, 3), in [0, 1].

    Returns
    -------
    tuple[int, ...]
        Rows of at most three patches, the worst first; empty with fewer than 18 patches.
    """
    if len(measured) < FEWEST:
        return ()
    kept = np.arange(len(measured))
    found: list[int] = []
    result: tuple[int, ...] = ()
    for limit in CONTRADICTED:
        without = np.stack([np.delete(kept, position) for position in range(len(kept))])  # (n, n - 1)
        errors = _predict_left_out(measured[without], standard[without]).mean(axis=1)  # (n,)
        found.append(int(kept[errors.argmin()]))
        kept = without[errors.argmin()]
        missed = _distance(_fit(measured[kept], standard[kept], measured[found]), standard[found])
        if missed.min() > max(limit * errors.min(), LEAST):
            result = tuple(found)
    return result


def mark_misfits(patches: Patches) -> Patches:
    """Return patches of which those that the others contradict are marked; only usable ones are looked at."""
    rows = np.flatnonzero(patches.usable)
    found = find_misfits(patches.colors[rows], STANDARD[rows])
    misfit = np.zeros(24, bool)
    misfit[rows[list(found)]] = True
    return replace(patches, misfit=misfit)


def _fit(measured: Float64, standard: Float64, at: Float64) -> Float64:
    matrix = polynomial.fit_polynomial(measured, standard, "ridge")
    return np.asarray(polynomial.apply_polynomial(matrix, at))


def _predict_left_out(measured: Float64, standard: Float64) -> Float64:
    """Return by how many levels each patch is missed by the ridge fit of the others, (..., n), without fitting n times.

    The fit is linear in the standard colors, so that the error of a patch without itself is its error with itself over
    one minus its own weight (Allen 1974, the PRESS statistic).
    """
    terms = polynomial.expand(measured)  # (..., n, 11)
    scale = np.ones((*terms.shape[:-2], 1, terms.shape[-1]))
    scale[..., NONLINEAR] = terms[..., NONLINEAR].std(axis=-2, keepdims=True)
    rows = terms / scale
    penalty = np.zeros(terms.shape[-1])
    penalty[NONLINEAR] = RIDGE_STRENGTH * terms.shape[-2]
    turned = np.swapaxes(rows, -1, -2)
    weights = rows @ np.linalg.solve(turned @ rows + np.diag(penalty), turned)  # (..., n, n)
    own = np.einsum("...ii->...i", weights)
    errors = (weights @ standard - standard) / np.maximum(1 - own, 1e-6)[..., None]
    return _distance(errors, 0.0)


def _distance(found: Float64, wanted: Float64 | float) -> Float64:
    """Return the root mean square over the channels, in levels."""
    return np.asarray(255 * np.sqrt(((found - wanted) ** 2).mean(axis=-1)))
