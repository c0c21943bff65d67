"""The foreground's own colors where it is half transparent: without them a cut-out keeps a halo of its old background.

A pixel of the edge shows I = a F + (1 - a) B. F and B are found as in [1]_: of all that explain the picture, those that
are smoothest where opacity is even, solved from coarse to fine, with a few sweeps a level. All pixels of a sweep are
updated at once, so that it is plain array arithmetic: the library that its authors wrote compiles its loops at the
first import, which took minutes here, and brings 208 MB.

Contents: :func:`estimate_foreground`.

References
----------
.. [1] T. Germer, T. Uelwer, S. Conrad, S. Harmeling. Fast Multi-Level Foreground Estimation. ICPR 2020.
"""

from __future__ import annotations

import math
from copy import copy

import cv2
import numpy as np

from ccharmony.arrays import Float32, SameSamples, Shape

REGULARIZATION = 1e-5
"""How strongly neighbors are alike where opacity is even; the authors'."""

GRADIENT_WEIGHT = 1.0
"""How much more so where it is not; the authors'."""

SMALL = 32
"""Side of a level up to which it gets `SWEEPS_SMALL` and not `SWEEPS`."""

SWEEPS_SMALL, SWEEPS = 20, 4
"""Twice the authors', whose updates are used within the sweep."""

MARGIN = 8
"""Pixels around the foreground that are looked at, too."""

_NEIGHBORS = ((0, -1), (0, 1), (1, -1), (1, 1))
"""Axis and step."""


def estimate_foreground(colors: SameSamples, opacity: Float32, *, sees_background: bool) -> SameSamples:
    """Replace the colors of half transparent pixels by the foreground's own.

    Parameters
    ----------
    colors
        Picture (H, W, 3), 8 or 16 bits, in which edges are mixed with a background.
    opacity
        Opacity of the foreground, (H, W), in [0, 1].
    sees_background
        Whether colors where the opacity is 0 are the background that edges are mixed with; else they may be anything
        and do not count.

    Returns
    -------
    SameSamples
        The same picture, where the opacity is neither 0 nor 1 with the foreground's colors.
    """
    soft = (opacity > 0) & (opacity < 1)
    result = copy(colors)
    if not soft.any():
        return result
    whole = np.float32(np.iinfo(colors.dtype).max)
    rows, columns = _around(opacity.max(axis=1)), _around(opacity.max(axis=0))
    part = np.asarray(colors[rows, columns] / whole, np.float32)
    found = _solve(part, opacity[rows, columns], sees_background=sees_background)
    inside = soft[rows, columns]
    result[rows, columns][inside] = np.rint(found[inside].clip(0, 1) * whole)
    return result


def _solve(picture: Float32, opacity: Float32, *, sees_background: bool) -> Float32:
    """Return the foreground of a picture (h, w, 3), in [0, 1], from the coarsest level to the finest."""
    known = np.ones_like(opacity) if sees_background else (opacity > 0).astype(np.float32)
    front, back = (_mean(picture, weights * known) for weights in (opacity, 1 - opacity))  # (1, 1, 3) each
    for shape in _levels(opacity.shape):
        parts = [_resize(part, shape) for part in (picture, opacity, known)]
        start = _resize(front, shape), _resize(back, shape)
        front, back = _sweep(parts[0], parts[1], parts[2], start, SWEEPS_SMALL if max(shape) <= SMALL else SWEEPS)
    return front


def _sweep(
    picture: Float32, opacity: Float32, known: Float32, start: tuple[Float32, Float32], sweeps: int
) -> tuple[Float32, Float32]:
    """Improve foreground and background, (h, w, 3) each, a few times: two equations a pixel and channel."""
    pulls = [_pull(opacity, *side) for side in _NEIGHBORS]
    total = np.sum(pulls, axis=0)
    mine, other = (opacity * known)[..., None], ((1 - opacity) * known)[..., None]
    clear = 1 - opacity[..., None]
    first, mixed, last = mine * opacity[..., None] + total, mine * clear, other * clear + total
    determinant = first * last - mixed * mixed
    front, back = start
    for _ in range(sweeps):
        right = mine * picture, other * picture
        for side, pull in zip(_NEIGHBORS, pulls, strict=True):
            right = right[0] + pull * _shift(front, *side), right[1] + pull * _shift(back, *side)
        front = ((last * right[0] - mixed * right[1]) / determinant).clip(0, 1)
        back = ((first * right[1] - mixed * right[0]) / determinant).clip(0, 1)
    return front, back


def _pull(opacity: Float32, axis: int, step: int) -> Float32:
    """Return how strongly pixels are drawn to their neighbors on one side, (h, w, 1)."""
    change = np.abs(opacity - _shift(opacity, axis, step))
    return np.asarray(REGULARIZATION + GRADIENT_WEIGHT * change, np.float32)[..., None]


def _shift(values: Float32, axis: int, step: int) -> Float32:
    """Return the neighbors of all pixels on one side; beyond the edge the edge is repeated."""
    places = np.arange(values.shape[axis]) + step
    return values.take(places.clip(0, values.shape[axis] - 1), axis)


def _mean(picture: Float32, weights: Float32) -> Float32:
    """Return the mean color, (1, 1, 3); gray where nothing has a weight."""
    total = float(weights.sum())
    mean = (picture * weights[..., None]).sum(axis=(0, 1)) / total if total else np.full(3, 0.5)
    return np.asarray(mean, np.float32)[None, None]


def _levels(shape: tuple[int, ...]) -> list[Shape]:
    """Return the shapes of all levels, from one pixel to the whole, sides about doubled each time."""
    count = max(math.ceil(math.log2(max(shape))), 1)
    return [(round(shape[0] ** (n / count)), round(shape[1] ** (n / count))) for n in range(count + 1)]


def _resize(values: Float32, shape: Shape) -> Float32:
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=cv2.INTER_NEAREST), np.float32)


def _around(line: Float32) -> slice:
    """Return from where to where a line is not 0, a little widened, so that the background beside it is seen."""
    inside = np.flatnonzero(line)
    return slice(max(int(inside[0]) - MARGIN, 0), int(inside[-1]) + MARGIN + 1)
