"""A picture of any size changed strip by strip, so that memory depends on the strip and not on the picture.

-   :func:`blend`: a rendered foreground mixed into a picture; what every network's result goes through.
-   :data:`Render`: what gives the changed colors of a part of a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float32, Mask, Samples
from ccharmony.images import mask_rules
from harmonize import processors

STRIP_PIXELS = 2**16
"""Pixels changed at a time: 0.8 MB of floats, which stay in the cache, or 15 MB of a color map's matrices."""

MOST_SIDE = 2**14
"""Of a strip: OpenCV's maps of places (`color_map`) end at twice as much."""

MOST_THREADS = 8
"""Strips changed at a time, where there are as many processors."""

_STEPS = np.float32(257)
"""Of 16 bits in a level of 8."""

Render: TypeAlias = Callable[[slice, slice], Float32]
"""Of rows and columns of a picture, gives their harmonized levels, (rows, columns, 3), about [0, 255], in an array that
the caller may change; each part is asked for once."""


def blend(picture: Samples, mask: Mask, strength: float, render: Render, result: Samples | Float32) -> None:
    """Mix a rendered foreground into a result, in place.

    Parameters
    ----------
    picture
        What is rendered, (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits: the composite, or the foreground's own colors.
    mask
        Foreground (H, W); soft edges mix.
    strength
        How much of the change is made, in [0, 1].
    render
        Gives levels; their difference from the picture is added. Called from several threads.
    result
        Holds the composite, and may be `picture` itself: samples of the same depth, or levels (H, W, 3) in [0, 255]
        of floats. Where the mask is 0 they stay as they are to the bit.
    """

    def change(part: tuple[slice, slice]) -> None:
        rows, columns = part
        inside = _extent(mask[rows, columns], 0, columns.start)
        if inside is None:
            return
        levels, own = render(rows, inside), to_levels(picture[rows, inside])
        np.clip(levels, 0, 255, out=levels)
        levels -= own
        levels *= cv2.merge(
            [mask_rules.shares(mask[rows, inside])] * 3
        )  # NumPy takes three times as long for [..., None]
        levels *= np.float32(strength)
        target: Any = result[rows, inside]  # a view
        if target.dtype == np.float32:
            target += levels
        else:
            levels += own if result is picture else to_levels(target)
            target[:] = from_levels(levels, target.dtype)

    with ThreadPoolExecutor(min(processors.threads(), MOST_THREADS)) as pool:
        list(pool.map(change, _divide(mask)))


def to_levels(samples: Samples) -> Float32:
    """Return samples of 8 or 16 bits as levels in [0, 255]."""
    levels = samples.astype(np.float32)
    return levels if samples.dtype == np.uint8 else np.divide(levels, _STEPS, out=levels)


def from_levels(levels: Float32, dtype: npt.DTypeLike) -> Float32:
    """Return levels in [0, 255] as whole numbers of a depth, in place; 16 bits come back to the bit."""
    if dtype == np.uint16:
        levels *= _STEPS
    return np.rint(levels, out=levels)


def _divide(mask: Mask) -> list[tuple[slice, slice]]:
    """Return the rows and columns of all strips of the box that holds the foreground."""
    inside, between = _extent(mask, 0), _extent(mask, 1)
    if inside is None or between is None:
        return []
    across = min(inside.stop - inside.start, MOST_SIDE)
    down = min(max(STRIP_PIXELS // across, 1), MOST_SIDE)
    return [(rows, columns) for rows in _cut(between, down) for columns in _cut(inside, across)]


def _cut(whole: slice, step: int) -> list[slice]:
    return [slice(start, min(start + step, whole.stop)) for start in range(whole.start, whole.stop, step)]


def _extent(mask: Mask, axis: int, first: int = 0) -> slice | None:
    """Return the columns (axis 0) or rows (1) from the first to the last that hold foreground; None where none does.

    The mask's own first column or row is number `first`.
    """
    found = np.flatnonzero(mask.any(axis=axis))
    return slice(first + int(found[0]), first + int(found[-1]) + 1) if len(found) else None
