"""How far a picture is from the real one: pure functions for one picture, then running means over a set.

Values are 8-bit levels (0 to 255) held in float64; a picture is (H, W, 3), a mask (H, W) in [0, 1]. What differs
from paper to paper (resizing, rounding, the peak of PSNR) is in `harmonize.evaluation.protocols`, not here.

Contents
--------
mse, fmse, psnr
    Squared error over the picture or its foreground, and its logarithm.
Window, ssim_map, ssim, fssim
    Structural similarity [1]_, over the picture or its foreground [2]_.
Scores, Means
    The six numbers of one picture; their means over a set of any length.

References
----------
.. [1] Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli. Image quality assessment: from error visibility to structural
   similarity. IEEE Transactions on Image Processing, 2004.
.. [2] W. Cong et al. High-resolution image harmonization via collaborative dual transformations. CVPR, 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

import cv2
import numpy as np

from ccharmony.arrays import Float64

EPSILON = 1e-6
"""Added to a mean squared error before the logarithm and to a foreground's area, as iSSAM does."""

MIN_PEAK = 1.0
"""Smallest peak in levels: a flat prediction has no range, and the logarithm of 0 would end every mean."""


def mse(prediction: Float64, real: Float64, weights: Float64 | None = None) -> float:
    """Return the mean squared error over all pixels and channels.

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels.
    weights
        Mask (H, W) that the squared error is multiplied by before the mean over *all* pixels (PCT-Net's MSE).

    Returns
    -------
    float
        Mean squared error, levels squared.
    """
    error = np.square(prediction - real)
    return float(np.mean(error if weights is None else error * weights[..., None]))


def fmse(prediction: Float64, real: Float64, mask: Float64) -> float:
    """Return the mean squared error within the foreground: the sum of m·e² over 3·(sum of m).

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels.
    mask
        Foreground (H, W) in [0, 1]; soft values weigh.

    Returns
    -------
    float
        Mean squared error of the foreground, levels squared; 0 for an empty mask.
    """
    error = np.square(prediction - real) * mask[..., None]
    return float(error.sum() / (prediction.shape[2] * mask.sum() + EPSILON))


def psnr(error: float, peak: float) -> float:
    """Return the peak signal-to-noise ratio of a mean squared error.

    Parameters
    ----------
    error
        Mean squared error, levels squared; `EPSILON` is added, so that an exact picture is finite.
    peak
        The largest value of the signal, in levels; at least `MIN_PEAK` is taken.

    Returns
    -------
    float
        Ratio in decibels.

    Examples
    --------
    >>> round(psnr(30.035, 200), 3)
    31.244
    """
    return 10 * math.log10(max(peak, MIN_PEAK) ** 2 / (error + EPSILON))


@dataclass(frozen=True, slots=True)
class Window:
    """The Gaussian window of SSIM and what it sees beyond the picture's border.

    Attributes
    ----------
    size
        Side in pixels, odd.
    border
        "zero": black surrounds the picture and the whole map counts (CDTNet). "mirror": the picture is mirrored, and
        the mean over the picture leaves out the rim that the window does not fit in (Wang et al., scikit-image).
    sigma
        Standard deviation in pixels.
    """

    size: int
    border: Literal["zero", "mirror"]
    sigma: float = 1.5

    def blur(self, values: Float64) -> Float64:
        """Return the local mean of (H, W, 3) values under the window, same shape."""
        kernel = cv2.getGaussianKernel(self.size, self.sigma, cv2.CV_64F)
        border = cv2.BORDER_CONSTANT if self.border == "zero" else cv2.BORDER_REFLECT
        return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel, borderType=border), np.float64)


def ssim_map(prediction: Float64, real: Float64, window: Window, peak: float) -> Float64:
    """Return the structural similarity around each pixel, with K1 = 0.01 and K2 = 0.03.

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels.
    window
        Where the local statistics are taken.
    peak
        Range of the values, in levels; at least `MIN_PEAK` is taken.

    Returns
    -------
    Float64
        Similarity (H, W, 3) in [-1, 1], channel by channel.
    """
    c1, c2 = (0.01 * max(peak, MIN_PEAK)) ** 2, (0.03 * max(peak, MIN_PEAK)) ** 2
    mean_p, mean_r = window.blur(prediction), window.blur(real)
    square_p, square_r, product = mean_p * mean_p, mean_r * mean_r, mean_p * mean_r
    variances = window.blur(prediction * prediction + real * real) - square_p - square_r
    covariance = window.blur(prediction * real) - product
    similarity: Float64 = (2 * product + c1) * (2 * covariance + c2) / ((square_p + square_r + c1) * (variances + c2))
    return similarity


def ssim(similarity: Float64, window: Window) -> float:
    """Return the mean of a similarity map (H, W, 3) over the picture, without the rim where the window asks so."""
    rim = window.size // 2 if window.border == "mirror" else 0
    height, width = similarity.shape[:2]
    inside = similarity[rim : height - rim, rim : width - rim] if min(height, width) > 2 * rim else similarity
    return float(inside.mean())


def fssim(similarity: Float64, mask: Float64) -> float:
    """Return the mean of a similarity map (H, W, 3) weighted by a mask (H, W) in [0, 1]; NaN for an empty mask."""
    area = float(mask.sum())
    return float((similarity.mean(axis=2) * mask).sum() / area) if area > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Scores:
    """What one picture scores.

    Attributes
    ----------
    mse, fmse
        Mean squared error of the picture and of its foreground, levels squared; lower is better.
    psnr, fpsnr
        Their peak signal-to-noise ratios, decibels; higher is better.
    ssim, fssim
        Structural similarity of the picture and of its foreground, in [-1, 1]; higher is better.
    """

    mse: float
    fmse: float
    psnr: float
    fpsnr: float
    ssim: float
    fssim: float

    def values(self) -> tuple[float, ...]:
        """Return the six numbers in the order of `NAMES`."""
        return tuple(getattr(self, name) for name in NAMES)


NAMES = tuple(field.name for field in fields(Scores))
"""The metrics' names, in the order of every table."""

LOWER_IS_BETTER = frozenset({"mse", "fmse"})


class Means:
    """Running means of scores; memory does not grow with the set.

    Examples
    --------
    >>> means = Means()
    >>> means.add(Scores(1, 2, 3, 4, 0.5, 0.5))
    >>> means.add(Scores(3, 2, 3, 4, 0.5, 1.0))
    >>> means.row()["mse"], means.row()["fssim"], means.count
    (2.0, 0.75, 2)
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums = [0.0] * len(NAMES)

    def add(self, scores: Scores) -> None:
        """Take in one picture."""
        self.count += 1
        self._sums = [total + value for total, value in zip(self._sums, scores.values(), strict=True)]

    def row(self) -> dict[str, float]:
        """Return the mean of each metric and `n`, the number of pictures; empty sets have no means, only n = 0."""
        means = {name: total / self.count for name, total in zip(NAMES, self._sums, strict=True)} if self.count else {}
        return {**means, "n": self.count}
