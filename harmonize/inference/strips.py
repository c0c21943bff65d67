"""A picture of any size changed strip by strip, so that memory depends on the strip and not on the picture.

-   :func:`blend`: a rendered foreground mixed into a picture; what every network's result goes through.
-   :data:`Render`: what gives the changed colors of a part of a picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float32, Samples

STRIP_PIXELS = 2**16
"""Pixels changed at a time: 0.8 MB of floats, which stay in the cache, or 15 MB of a color map's matrices."""

MOST_THREADS = 8
"""Strips changed at a time, where there are as many processors."""

_STEPS = np.float32(257)
"""Of 16 bits in a level of 8."""

Render: TypeAlias = Callable[[slice, slice], Float32]
"""Of rows and columns of a picture, gives their harmonized levels, (rows, columns, 3), about [0, 255], in an array that
the caller may change; each part is asked for once."""


def blend(picture: Samples, mask: Float32, strength: float, render: Render, result: Samples | Float32) -> None:
    """Mix a rendered foreground into a result, in place.

    Parameters
    ----------
    picture
        Composite (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits.
    mask
        Foreground (H, W), in [0, 1]; soft edges mix.
    strength
        How much of the change is made, in [0, 1].
    render
        Gives the levels that are mixed in; called from several threads.
    result
        Holds the composite: samples of the same depth, or levels (H, W, 3) in [0, 255] of floats. Where the mask is 0
        they stay as they are to the bit.
    """

    def change(rows: slice) -> None:
        columns = _extent(mask[rows])
        if columns is None:
            return
        before = to_levels(picture[rows, columns])
        levels = render(rows, columns)
        np.clip(levels, 0, 255, out=levels)
        levels -= before
        levels *= mask[rows, columns, None] * np.float32(strength)
        levels += before
        result[rows, columns] = levels if result.dtype == np.float32 else from_levels(levels, result.dtype)

    height, width = mask.shape
    step = max(STRIP_PIXELS // width, 1)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as pool:
        list(pool.map(change, [slice(top, min(top + step, height)) for top in range(0, height, step)]))


def to_levels(samples: Samples) -> Float32:
    """Return samples of 8 or 16 bits as levels in [0, 255]."""
    levels = samples.astype(np.float32)
    return levels if samples.dtype == np.uint8 else np.divide(levels, _STEPS, out=levels)


def from_levels(levels: Float32, dtype: npt.DTypeLike) -> Float32:
    """Return levels in [0, 255] as whole numbers of a depth, in place; 16 bits come back to the bit."""
    if dtype == np.uint16:
        levels *= _STEPS
    return np.rint(levels, out=levels)


def _extent(mask: Float32) -> slice | None:
    """Return the columns from the first to the last that hold foreground; None where none does."""
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1) if len(columns) else None
