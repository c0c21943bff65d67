"""A foreground carried from its photo's light to standard colors, and on to a donor's light; masked pixels only.

Two arithmetics. ``float``: single precision, the intermediate neither clipped nor rounded, the result rounded.
``published``: the authors' own, double precision, clipped and truncated to 8 bits after each of the two steps.
Pixels pass in strips, so that the work space does not grow with the photo.

References
----------
Niu et al., 2023 (see `polynomial`), figure 2(c): I_a^f → I_o^f by T_a, I_o^f → I_b^f by T'_b.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ccharmony import polynomial
from ccharmony.errors import ImageError
from ccharmony.pixels import Float32, UInt8

Arithmetic = Literal["float", "published"]
Mask = npt.NDArray[np.bool_] | Float32

STRIP = 16_384
"""Pixels a strip: its eleven terms in single precision, 0.7 MB, stay in a core's cache."""


@dataclass(frozen=True, eq=False)
class Foreground:
    """The masked pixels of a photo, with their standard colors.

    Attributes
    ----------
    index
        Flat positions of the pixels in the photo, shape (n,).
    weight
        Mask values, shape (n,), in (0, 1]; None where the mask is hard.
    original
        Colors in the photo, shape (n, 3), uint8.
    standard
        Colors in standard light, planes (3, n): float32 on [0, 1], or uint8 in the published arithmetic.
    clipped
        Whether a pixel left [0, 1] on the way, shape (n,); all False in the float arithmetic, which clips only once.
    """

    index: npt.NDArray[np.intp]
    weight: Float32 | None
    original: UInt8
    standard: npt.NDArray[Any]
    clipped: npt.NDArray[np.bool_]

    @functools.cached_property
    def runs(self) -> list[tuple[int, int, int]]:
        """Return where each run of neighbors begins in the photo, and where it begins and ends among these pixels."""
        cuts = np.flatnonzero(np.diff(self.index) != 1) + 1
        firsts, lasts = np.append(0, cuts), np.append(cuts, len(self.index))
        return list(zip(self.index[firsts].tolist(), firsts.tolist(), lasts.tolist(), strict=True))

    def sample(self, count: int) -> Foreground:
        """Return at most `count` of the pixels, evenly drawn in reading order."""
        step = max(1, -(-len(self.index) // count))
        weight = None if self.weight is None else self.weight[::step]
        standard = np.ascontiguousarray(self.standard[:, ::step])
        return Foreground(self.index[::step], weight, self.original[::step], standard, self.clipped[::step])


@dataclass(frozen=True, eq=False)
class Relit:
    """A foreground in a donor's light.

    Attributes
    ----------
    colors
        Shape (n, 3), uint8, in the order of the foreground's pixels.
    clipped_share
        Share of the pixels of which a channel fell outside the 8-bit range.
    """

    colors: UInt8
    clipped_share: float


def take(image: UInt8, mask: Mask, to_standard: npt.ArrayLike, arithmetic: Arithmetic = "float") -> Foreground:
    """Take the masked pixels of a photo to standard colors.

    Parameters
    ----------
    image
        Photo (H, W, 3).
    mask
        Mask (H, W), boolean or in [0, 1].
    to_standard
        T_a on [0, 1], shape (3, 11).
    arithmetic
        See the module.

    Raises
    ------
    ImageError
        The mask has another size than the photo, or is empty.
    """
    if mask.shape != image.shape[:2]:
        raise ImageError(f"mask of shape {mask.shape}, its photo has {image.shape[:2]}")
    inside = mask if mask.dtype == np.bool_ else mask != 0  # four times as fast to search as floats
    index = np.flatnonzero(inside)
    if not len(index):
        raise ImageError("mask is empty, wanted a foreground")
    weight = None if mask.dtype == np.bool_ else mask.ravel()[index].astype(np.float32)
    original = np.take(image.reshape(-1, 3), index, axis=0)
    standard, clipped = _carry(np.ascontiguousarray(original.T), np.asarray(to_standard, np.float64), arithmetic)
    if weight is not None and (weight == 1).all():
        weight = None
    return Foreground(index, weight, original, standard, clipped)


def relight(foreground: Foreground, from_standard: npt.ArrayLike) -> Relit:
    """Carry a foreground from standard colors into a donor's light.

    Parameters
    ----------
    foreground
        From `take`; its arithmetic goes on.
    from_standard
        T'_b on [0, 1], shape (3, 11).
    """
    matrix = np.asarray(from_standard, np.float64)
    if foreground.standard.dtype == np.uint8:
        planes, clipped = _carry(foreground.standard, matrix, "published")
    else:
        planes, clipped = _carry_to_levels(foreground.standard, matrix)
    clipped_share = float(np.mean(clipped | foreground.clipped))
    return Relit(np.ascontiguousarray(planes.T), clipped_share)


def paste(image: UInt8, foreground: Foreground, relit: Relit) -> UInt8:
    """Return a copy of the photo with its foreground replaced; pixels outside the mask keep every bit."""
    composite = np.array(image, order="C")
    composite.reshape(-1, 3)[foreground.index] = blend(foreground, relit)
    return composite


def blend(foreground: Foreground, relit: Relit) -> UInt8:
    """Return the colors that replace the foreground's, shape (n, 3): the relit ones, by the weight of a soft mask."""
    if foreground.weight is None:
        return relit.colors
    difference = relit.colors.astype(np.float32) - foreground.original
    return np.rint(foreground.original + foreground.weight[:, None] * difference).astype(np.uint8)


def _carry(
    planes: UInt8, matrix: npt.NDArray[np.float64], arithmetic: Arithmetic
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Apply a matrix to 8-bit planes (3, n); return planes, and whether a pixel was clipped."""
    count = planes.shape[1]
    clipped = np.zeros(count, bool)
    if arithmetic == "published":
        levels = polynomial.to_levels(matrix)
        whole = np.empty((3, count), np.uint8)
        for part in _strips(count):
            carried = _apply(planes[:, part].astype(np.float64), levels)
            clipped[part] = ((carried < 0) | (carried >= 256)).any(axis=0)
            whole[:, part] = np.clip(carried, 0, 255).astype(np.uint8)
        return whole, clipped
    result = np.empty((3, count), np.float32)
    single = matrix.astype(np.float32)
    for part in _strips(count):
        result[:, part] = _apply(planes[:, part] * np.float32(1 / 255), single)
    return result, clipped


def _carry_to_levels(planes: Float32, matrix: npt.NDArray[np.float64]) -> tuple[UInt8, npt.NDArray[np.bool_]]:
    """Apply a matrix to planes (3, n) on [0, 1]; return rounded 8-bit planes, and whether a pixel was clipped."""
    count = planes.shape[1]
    result, clipped = np.empty((3, count), np.uint8), np.empty(count, bool)
    single = (255 * matrix).astype(np.float32)
    for part in _strips(count):
        carried = np.rint(_apply(planes[:, part], single))
        clipped[part] = ((carried < 0) | (carried > 255)).any(axis=0)
        result[:, part] = np.clip(carried, 0, 255)
    return result, clipped


def _apply(planes: npt.NDArray[Any], matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    terms = np.empty((len(polynomial.TERMS), planes.shape[1]), planes.dtype)
    return np.asarray(matrix @ polynomial.expand_planes(planes, terms))


def _strips(count: int) -> list[slice]:
    return [slice(start, min(start + STRIP, count)) for start in range(0, count, STRIP)]
