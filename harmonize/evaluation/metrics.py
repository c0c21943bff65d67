"""How far a picture is from the real one: functions on NumPy arrays, then running means over a set.

Pictures are arrays (H, W, 3), sRGB-encoded, in 8-bit levels: 0 to 255, as uint8 or as floats. Multiply a float picture
in [0, 1] by 255 first. Masks are (H, W): boolean, in [0, 1], or 8-bit levels. All arithmetic is in double precision.
What differs from paper to paper (resizing, rounding, the peak of PSNR) is in `harmonize.evaluation.protocols`, not
here.

Contents
--------
mse, fmse, psnr
    Squared error over the picture or its foreground, and its logarithm.
ssim
    Structural similarity [1]_.
decibels, Window, ssim_map, mean_similarity, foreground_similarity
    Their parts, with every choice open; the SSIM of the foreground is from [2]_.
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
import numpy.typing as npt

from ccharmony.arrays import Float64, as_real
from ccharmony.errors import ImageError, SettingsError
from ccharmony.images import mask_rules
from harmonize.settings import check_integer, check_number

EPSILON = 1e-6
"""Added to a mean squared error before the logarithm and to a foreground's area, as iSSAM does."""

_WIDEST = 1001
"""Side of a window: 11 is Wang's."""

MIN_PEAK = 1.0
"""Smallest peak in levels: a flat prediction has no range, and the logarithm of 0 would end every mean."""


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

    def __post_init__(self) -> None:
        check_integer("size of the window", self.size, 1, _WIDEST)
        if self.size % 2 == 0:
            raise SettingsError(f"size of the window: {self.size} found, an odd number wanted")
        check_number("sigma", self.sigma, 0, open_below=True)

    def blur(self, values: Float64) -> Float64:
        """Return the local mean of (H, W, 3) values under the window, same shape."""
        kernel = cv2.getGaussianKernel(self.size, self.sigma, cv2.CV_64F)
        border = cv2.BORDER_CONSTANT if self.border == "zero" else cv2.BORDER_REFLECT
        return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, kernel, kernel, borderType=border), np.float64)


WANG_WINDOW = Window(11, "mirror")
"""The window of Wang et al. and of scikit-image."""


def mse(prediction: npt.ArrayLike, real: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean squared error over all pixels and channels.

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels, 0 to 255.
    weights
        Mask (H, W) in [0, 1] that the squared error is multiplied by before the mean over *all* pixels (PCT-Net's MSE).

    Returns
    -------
    float
        Mean squared error, levels squared.

    Raises
    ------
    ImageError
        Arrays of shapes that do not fit each other.

    Examples
    --------
    >>> mse(np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 13, np.uint8))
    9.0
    """
    error = np.square(np.subtract(*_read_pictures(prediction, real)))
    return float(np.mean(error if weights is None else error * _read_mask(weights, error)[..., None]))


def fmse(prediction: npt.ArrayLike, real: npt.ArrayLike, mask: npt.ArrayLike) -> float:
    """Return the mean squared error within the foreground: the sum of m·e² over 3·(sum of m).

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels, 0 to 255.
    mask
        Foreground (H, W), boolean or in [0, 1]; soft values weigh.

    Returns
    -------
    float
        Mean squared error of the foreground, levels squared; 0 for an empty mask.

    Raises
    ------
    ImageError
        Arrays of shapes that do not fit each other.
    """
    error = np.square(np.subtract(*_read_pictures(prediction, real)))
    weights = _read_mask(mask, error)
    return float((error * weights[..., None]).sum() / (error.shape[2] * weights.sum() + EPSILON))


def psnr(prediction: npt.ArrayLike, real: npt.ArrayLike, *, peak: float = 255.0) -> float:
    """Return the peak signal-to-noise ratio of a picture.

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels, 0 to 255.
    peak
        The largest value of the signal, in levels.

    Returns
    -------
    float
        Ratio in decibels; 108.1 for an exact picture, see `decibels`.

    Raises
    ------
    ImageError
        Pictures of different shapes.
    """
    return decibels(mse(prediction, real), _read_peak(peak))


def ssim(prediction: npt.ArrayLike, real: npt.ArrayLike, *, window: Window = WANG_WINDOW, peak: float = 255.0) -> float:
    """Return the mean structural similarity of a picture.

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels, 0 to 255.
    window
        Where the local statistics are taken; by default Wang's.
    peak
        Range of the values, in levels.

    Returns
    -------
    float
        Similarity in [-1, 1], mean over channels and pixels; 1 for an exact picture.

    Raises
    ------
    ImageError
        Pictures of different shapes.
    """
    return mean_similarity(ssim_map(prediction, real, window, _read_peak(peak)), window)


def decibels(error: float, peak: float) -> float:
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
    >>> round(decibels(30.035, 200), 3)
    31.244
    """
    return 10 * math.log10(max(peak, MIN_PEAK) ** 2 / (error + EPSILON))


def ssim_map(prediction: npt.ArrayLike, real: npt.ArrayLike, window: Window, peak: float) -> Float64:
    """Return the structural similarity around each pixel, with K1 = 0.01 and K2 = 0.03.

    Parameters
    ----------
    prediction, real
        Pictures (H, W, 3), in levels, 0 to 255.
    window
        Where the local statistics are taken.
    peak
        Range of the values, in levels; at least `MIN_PEAK` is taken.

    Returns
    -------
    Float64
        Similarity (H, W, 3) in [-1, 1], channel by channel.

    Raises
    ------
    ImageError
        Pictures of different shapes.
    """
    p, r = _read_pictures(prediction, real)
    c1, c2 = (0.01 * max(peak, MIN_PEAK)) ** 2, (0.03 * max(peak, MIN_PEAK)) ** 2
    mean_p, mean_r = window.blur(p), window.blur(r)
    square_p, square_r, product = mean_p * mean_p, mean_r * mean_r, mean_p * mean_r
    variances = window.blur(p * p + r * r) - square_p - square_r
    covariance = window.blur(p * r) - product
    similarity: Float64 = (2 * product + c1) * (2 * covariance + c2) / ((square_p + square_r + c1) * (variances + c2))
    return similarity


def mean_similarity(similarity: Float64, window: Window) -> float:
    """Return the mean of a similarity map over the picture.

    Parameters
    ----------
    similarity
        Map (H, W, 3), as `ssim_map` gives it.
    window
        The window of that map; one that mirrors leaves out the rim of the picture.

    Returns
    -------
    float
        Similarity in [-1, 1].
    """
    rim = window.size // 2 if window.border == "mirror" else 0
    height, width = similarity.shape[:2]
    inside = similarity[rim : height - rim, rim : width - rim] if min(height, width) > 2 * rim else similarity
    return float(inside.mean())


def foreground_similarity(similarity: Float64, mask: npt.ArrayLike) -> float:
    """Return the mean of a similarity map over the foreground (fSSIM).

    Parameters
    ----------
    similarity
        Map (H, W, 3), as `ssim_map` gives it.
    mask
        Foreground (H, W), boolean or in [0, 1]; soft values weigh.

    Returns
    -------
    float
        Similarity in [-1, 1]; NaN for an empty mask.

    Raises
    ------
    ImageError
        A mask of another size than the map.
    """
    weights = _read_mask(mask, similarity)
    area = float(weights.sum())
    return float((similarity.mean(axis=2) * weights).sum() / area) if area > 0 else math.nan


def _read_peak(peak: float) -> float:
    """Return the largest value of a signal; raises SettingsError where it is no finite number above 0."""
    try:
        value = float(peak)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    check_number("peak", value, 0, open_below=True)
    return value


def _read_pictures(prediction: npt.ArrayLike, real: npt.ArrayLike) -> tuple[Float64, Float64]:
    """Return two pictures in double precision; raises ImageError unless both are (H, W, 3)."""
    first, second = as_real(prediction, "prediction", ImageError), as_real(real, "real", ImageError)
    if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3 or not first.size:
        raise ImageError(f"pictures: shapes {first.shape} and {second.shape} found, wanted the same (H, W, 3)")
    return first, second


def _read_mask(mask: npt.ArrayLike, picture: Float64) -> Float64:
    """Return a mask in [0, 1], double precision; raises ImageError unless it is one of the picture's (H, W, 3) size."""
    weights = as_real(mask, "mask", ImageError)
    if np.asarray(mask).dtype == np.uint8 and weights.max(initial=0) > 1:
        weights = weights / 255
    if weights.shape != picture.shape[:2]:
        raise ImageError(f"mask: shape {weights.shape} found, wanted {picture.shape[:2]} as the picture has")
    return mask_rules.check_shares(weights)


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
        """Add the scores of one picture."""
        self.count += 1
        self._sums = [total + value for total, value in zip(self._sums, scores.values(), strict=True)]

    def row(self) -> dict[str, float]:
        """Return the mean of each metric and `n`, the number of pictures; empty sets have no means, only n = 0."""
        means = {name: total / self.count for name, total in zip(NAMES, self._sums, strict=True)} if self.count else {}
        return {**means, "n": self.count}
