"""Tone curves as tables, for pictures of any size; nothing here imports torch.

-   :func:`centers`: where the knots lie.
-   :func:`table`: a curve's height at every level.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float64


def centers(knots: int) -> Float64:
    """Return the bin centers (i + 0.5) / knots, (knots,), in (0, 1)."""
    return np.asarray((np.arange(knots) + 0.5) / knots, np.float64)


def table(curve: npt.ArrayLike, levels: int = 256) -> Float64:
    """Return a curve's height at the levels of a picture.

    Parameters
    ----------
    curve
        Heights of the knots, (..., K), at :func:`centers`, in [0, 1] units.
    levels
        How many levels a sample has: 256, or 65,536.

    Returns
    -------
    Float64
        Heights at 0 to 1 in equal steps, (..., levels), not clipped.
    """
    knots = np.asarray(curve, np.float64)
    positions = centers(knots.shape[-1])
    at = np.arange(levels) / (levels - 1)
    rows = [np.interp(at, positions, row) for row in knots.reshape(-1, knots.shape[-1])]
    return np.stack(rows).reshape(*knots.shape[:-1], levels)
