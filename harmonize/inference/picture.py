"""Harmonize a picture as it was in its file: gray, transparent, of 16 bits, with a color profile.

-   :func:`harmonize_picture`: picture and mask in, picture out.
-   :func:`recolor_foreground`: the same with any function that changes sRGB colors.

Below transparent pixels files hold any color, mostly black. A network sees the mean color of the visible background in
their place: on 30 composites whose upper two fifths were made transparent this left an fMSE of 443, black 620, the
opaque picture 437 (benchmarks/apply_rules.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float32, Float64, Mask, Samples
from ccharmony.errors import ImageError
from ccharmony.images import mask_rules
from ccharmony.images.picture import Picture
from harmonize.inference.image import Size, as_mask, harmonize_into
from harmonize.inference.runtimes import Weights
from harmonize.models.settings import SIDE

_ENOUGH = 2**18
"""Pixels that a mean color is taken from, about."""

Recolor: TypeAlias = Callable[[Samples, Samples, Mask], None]
"""Given a result that holds sRGB colors (H, W, 3), the colors, 8 or 16 bits, and a foreground (H, W), changes the
foreground in the result, which may be the colors themselves."""


def harmonize_picture(
    picture: Picture,
    mask: npt.NDArray[np.generic],
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
) -> Picture:
    """Give the foreground of a composite the light of its background, at its own depth and in its own profile.

    Parameters
    ----------
    picture
        Composite, of :func:`ccharmony.read_picture`.
    mask, net, strength, size, device
        As of :func:`harmonize.harmonize_image`.

    Returns
    -------
    Picture
        Where the mask is 0, or the picture transparent, it equals the composite to the bit. Gray stays gray, alpha and
        all that the file said stay as they are.

    Raises
    ------
    ImageError, SettingsError, WeightsError
        As :func:`harmonize.harmonize_image`.
    """
    if not isinstance(picture, Picture):
        raise ImageError(f"picture: {type(picture).__name__} found, a Picture of ccharmony.read_picture wanted")
    recolor = partial(harmonize_into, net=net, strength=strength, size=size, device=device)
    return recolor_foreground(picture, as_mask(mask, picture.shape), recolor)


def recolor_foreground(
    picture: Picture, mask: Mask, recolor: Recolor, *, into: Picture | None = None, in_place: bool = False
) -> Picture:
    """Change the foreground of a picture.

    Parameters
    ----------
    picture
        The composite.
    mask
        Foreground (H, W).
    recolor
        Changes sRGB colors; what it leaves as it is stays to the bit in the picture, too.
    into
        The same picture with other foregrounds changed, which is changed further; None for the picture itself.
    in_place
        Whether `picture` may be lost, without `into`: a large one then is not copied.

    Returns
    -------
    Picture
        The picture with its foreground changed.
    """
    if picture.alpha is not None:
        visible: Mask = np.where(picture.alpha > 0, mask, mask.dtype.type(0))
        mask = visible
    levels = picture.levels(mask)
    if picture.alpha is not None:
        levels = _hide(levels, picture.opacity(), mask)
    after = levels if in_place and levels is picture.colors else copy(levels)
    recolor(after, levels, mask)
    return (into or picture).recolor(levels, after, in_place=in_place)


def _hide(levels: Samples, weights: Float32, mask: Mask) -> Samples:
    """Mix the background (H, W, 3) with its mean color where its weight (H, W), in [0, 1], is less than 1."""
    hidden = (weights < 1) & (mask == 0)
    if not hidden.any():
        return levels
    mean = _mean(levels, weights * (mask == 0))
    if mean is None:  # a foreground alone: a background of its own color asks for no change of its mean
        mean = _mean(levels, weights * mask_rules.shares(mask))
    if mean is None:
        return levels
    seen: Any = levels.copy()
    share = weights[hidden][:, None]
    seen[hidden] = np.rint(mean + (levels[hidden] - mean) * share)
    return seen  # type: ignore[no-any-return]


def _mean(levels: Samples, weights: Float32) -> Float64 | None:
    """Return the mean color of evenly spread pixels, or of all where these weigh nothing; None where none does."""
    spread = max(math.isqrt(weights.size // _ENOUGH), 1)
    for step in (spread, 1):
        some = weights[::step, ::step]
        if total := float(some.sum()):
            return np.asarray(np.tensordot(some, levels[::step, ::step], axes=2) / total, np.float64)
    return None
