"""A foreground carried from its photo's light to standard colors, and on to a donor's light; masked pixels only.

Two arithmetics. ``float``: single precision, the intermediate neither clipped nor rounded, the result rounded.
``published``: the authors' own, double precision, clipped and truncated to 8 bits after each of the two steps.
Each color is carried once, however many pixels have it: a real foreground has a tenth as many colors as pixels.

References
----------
Niu et al., 2023 (see `polynomial`), figure 2(c): I_a^f → I_o^f by T_a, I_o^f → I_b^f by T'_b.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Bool, Float32, Float64, Indices, SoftMask, UInt8
from ccharmony.color import carry
from ccharmony.errors import ImageError

Arithmetic = Literal["float", "published"]

TOGETHER = 2**24
"""Bytes of the results of donors that are processed together, unless one alone has more."""

_MOST_TOGETHER = 4
"""Donors: a composite's arithmetic takes two thirds of the time that it takes alone, and more donors gain little."""


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
    which
        Position of each pixel's color among the k distinct ones, shape (n,).
    standard
        Distinct colors in standard light, planes (3, k): float32 on [0, 1], or uint8 in the published arithmetic.
    clipped
        Whether a color left [0, 1] on the way, shape (k,); all False in the float arithmetic, which clips only once.
    """

    index: Indices
    weight: Float32 | None
    original: UInt8
    which: Indices
    standard: npt.NDArray[Any]
    clipped: Bool

    @functools.cached_property
    def counts(self) -> Indices:
        """Return how many pixels have each of the distinct colors, shape (k,)."""
        return np.bincount(self.which, minlength=len(self.clipped))

    @functools.cached_property
    def runs(self) -> list[tuple[int, int, int]]:
        """Return where each run of neighbors begins in the photo, and where it begins and ends among these pixels."""
        cuts = np.flatnonzero(np.diff(self.index) != 1) + 1
        firsts, lasts = np.append(0, cuts), np.append(cuts, len(self.index))
        return list(zip(self.index[firsts].tolist(), firsts.tolist(), lasts.tolist(), strict=True))

    def sample(self, count: int) -> Foreground:
        """Return at most `count` of the pixels, evenly spread in reading order."""
        step = max(1, -(-len(self.index) // count))
        weight = None if self.weight is None else self.weight[::step]
        which = self.which[::step]
        standard, clipped = np.take(self.standard, which, axis=1), self.clipped[which]
        return Foreground(self.index[::step], weight, self.original[::step], np.arange(len(which)), standard, clipped)


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


def standardize(
    image: UInt8, mask: SoftMask, to_standard: npt.ArrayLike, arithmetic: Arithmetic = "float"
) -> Foreground:
    """Bring the masked pixels of a photo to standard colors.

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

    Returns
    -------
    Foreground
        The masked pixels with their original and their standard colors.

    Raises
    ------
    ImageError
        The mask has another size than the photo, or is empty.
    """
    flat = np.ascontiguousarray(image).reshape(-1, 3)
    return standardize_pixels(
        lambda index: np.take(flat, index, axis=0), image.shape[:2], mask, to_standard, arithmetic
    )


def standardize_pixels(
    read: Callable[[Indices], UInt8],
    shape: tuple[int, ...],
    mask: SoftMask,
    to_standard: npt.ArrayLike,
    arithmetic: Arithmetic,
) -> Foreground:
    """Bring pixels to standard colors as `standardize` does, of a photo (H, W) = `shape` whose colors `read` gives.

    Parameters
    ----------
    read
        Flat positions (n,) to RGB colors (n, 3).
    shape, mask, to_standard, arithmetic
        As in `standardize`.

    Returns
    -------
    Foreground
        As `standardize` returns it.
    """
    if mask.shape != shape:
        raise ImageError(f"mask of shape {mask.shape}, its photo has {shape}")
    inside = mask if mask.dtype == np.bool_ else mask != 0  # four times as fast to search as floats
    index = np.flatnonzero(inside)
    if not len(index):
        raise ImageError("mask is empty, wanted a foreground")
    weight = None if mask.dtype == np.bool_ else mask.ravel()[index].astype(np.float32)
    if weight is not None and (weight == 1).all():
        weight = None
    original = read(index)
    planes, which = carry.find_distinct(original)
    standard, clipped = _to_standard(planes, np.asarray(to_standard, np.float64), arithmetic)
    return Foreground(index, weight, original, which, standard, clipped)


def _to_standard(planes: UInt8, matrix: Float64, arithmetic: Arithmetic) -> tuple[UInt8 | Float32, Bool]:
    """Return colors (3, k) in standard light, and whether each was clipped on the way, shape (k,)."""
    if arithmetic == "published":
        return carry.carry_published(planes, matrix)
    return carry.carry(planes, matrix), np.zeros(planes.shape[1], bool)


def relight_foreground(foreground: Foreground, from_standard: npt.ArrayLike) -> Relit:
    """Carry a foreground from standard colors into a donor's light.

    Parameters
    ----------
    foreground
        From `standardize`, whose arithmetic is used here as well.
    from_standard
        T'_b on [0, 1], shape (3, 11).

    Returns
    -------
    Relit
        Colors of the foreground's pixels, 8 bits, and the share of them that clipped.
    """
    return next(relight_each(foreground, [from_standard]))


def relight_each(foreground: Foreground, matrices: Sequence[npt.ArrayLike]) -> Iterator[Relit]:
    """Yield a foreground in the light of one donor after the other, as `relight_foreground` does.

    A few donors are processed together, so that the eleven terms of a pixel are computed once for them.

    Parameters
    ----------
    foreground
        As in `relight_foreground`.
    matrices
        T'_b of each donor, shape (3, 11).

    Yields
    ------
    Relit
        As `relight_foreground` returns it, in the order of `matrices`.
    """
    if foreground.standard.dtype == np.uint8:
        for matrix in matrices:
            yield _relit(foreground, *carry.carry_published(foreground.standard, np.asarray(matrix, np.float64)))
        return
    together = min(max(TOGETHER // foreground.standard.size, 1), _MOST_TOGETHER)
    for start in range(0, len(matrices), together):
        stack = np.asarray(matrices[start : start + together], np.float64)
        for donor in zip(*carry.carry_to_levels(foreground.standard, stack), strict=True):
            yield _relit(foreground, *donor)


def _relit(foreground: Foreground, planes: UInt8, clipped: Bool) -> Relit:
    share = foreground.counts[clipped | foreground.clipped].sum() / len(foreground.which)
    return Relit(carry.look_up(planes, foreground.which), float(share))


def paste(image: UInt8, foreground: Foreground, relit: Relit) -> UInt8:
    """Return a copy of the photo with its foreground replaced; pixels outside the mask are unchanged to the bit."""
    composite = np.array(image, order="C")
    composite.reshape(-1, 3)[foreground.index] = blend(foreground, relit)
    return composite


def blend(foreground: Foreground, relit: Relit) -> UInt8:
    """Return the colors that replace the foreground's, shape (n, 3): the relit ones, by the weight of a soft mask."""
    if foreground.weight is None:
        return relit.colors
    difference = relit.colors.astype(np.float32) - foreground.original
    return np.rint(foreground.original + foreground.weight[:, None] * difference).astype(np.uint8)
