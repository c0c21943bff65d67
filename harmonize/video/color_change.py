"""One change of colors for the foreground of several frames, fitted to what a network did to each of them.

A network answers each frame by itself, and its answers differ: an object that stays as it is flickers. Here what it did
to a frame is kept as the moments of a regression of the change on the colors; those of several frames are added with
weights and solved together. The change is a quadratic function of the color alone: it knows no places, so that it stays
with an object that moves, is hidden in part, or leaves the picture.

That costs no accuracy: of 81 composites of real photos under lights never seen, giftnet_w16_kinds itself leaves an
fMSE of 411 at 256x256, and so does this (benchmarks/forms.py).

Contents: :class:`ColorChange`; :func:`measure`, :func:`fit`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Float32, Float64, Samples
from harmonize.inference.strips import Render, to_levels

TERMS = 10
"""r, g, b, their squares, their products, 1."""

RIDGE = 3e-4
"""Penalty on all terms but the constant, in squared units of [0, 1], as that of the color map."""


@dataclass(frozen=True)
class ColorChange:
    """A change of colors: a quadratic function of R, G and B.

    Attributes
    ----------
    matrix
        Coefficients (10, 3), on colors in [0, 1].
    """

    matrix: Float32

    def changed(self, colors: Float32) -> Float32:
        """Return changed colors (..., 3), in [0, 1], not clipped."""
        change = _expand(colors.reshape(-1, 3)) @ self.matrix
        return np.asarray(colors + change.reshape(colors.shape), np.float32)

    def renderer(self, picture: Samples) -> Render:
        """Return a function that renders any part of a picture (H, W, 3) of any size, in levels, not clipped."""

        def render(rows: slice, columns: slice) -> Float32:
            return self.changed(to_levels(picture[rows, columns]) / np.float32(255)) * np.float32(255)

        return render


def measure(before: Float32, after: Float32, mask: Float32) -> Float64:
    """Return the moments of what a network did to the foreground of a frame.

    Parameters
    ----------
    before, after
        The frame as the network saw it and its answer, (h, w, 3), sRGB-encoded, in [0, 1].
    mask
        Foreground (h, w), in [0, 1], with at least one pixel above 0.

    Returns
    -------
    Float64
        Sums of terms times terms and change, (10, 13), over the foreground. A soft pixel shows its mask's share of the
        foreground, so that both factors are multiplied by it.
    """
    inside = mask > 0
    share = mask[inside, None].astype(np.float64)
    terms = _expand(before[inside].astype(np.float64)) * share
    change = (after[inside] - before[inside]).astype(np.float64) * share
    return np.asarray(terms.T @ np.hstack([terms, change]), np.float64)


def fit(moments: Float64) -> ColorChange:
    """Solve the regression.

    Parameters
    ----------
    moments
        What :func:`measure` returned for a frame, or a sum over several, (10, 13).

    Returns
    -------
    ColorChange
        The change that fits best.
    """
    weight = moments[-1, TERMS - 1]  # the sum of the squared mask
    penalty = np.diag([RIDGE] * (TERMS - 1) + [0.0])
    matrix = np.linalg.solve(moments[:, :TERMS] / weight + penalty, moments[:, TERMS:] / weight)
    return ColorChange(np.asarray(matrix, np.float32))


def _expand(colors: Float32 | Float64) -> Float32 | Float64:
    """Return the terms of colors (n, 3): (n, 10), the constant last."""
    terms = np.empty((len(colors), TERMS), colors.dtype)
    terms[:, :3] = colors
    terms[:, 3:6] = colors * colors
    terms[:, 6:9] = colors * colors[:, [1, 2, 0]]
    terms[:, 9] = 1
    return terms
