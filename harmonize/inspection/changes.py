"""How much a picture was changed: a few figures, and small pictures of before, after and the difference.

Contents: :class:`Change`; :func:`measure`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ccharmony.arrays import Float32, Float64, UInt8
from ccharmony.images import thumbnails
from ccharmony.images.thumbnails import Thumbnail

_SIDE = 512
"""Longest side of the copies that are measured."""

_GAIN = 2
"""Of the difference, which is shown around a middle gray."""


@dataclass(frozen=True)
class Change:
    """What harmonizing did to a picture.

    Attributes
    ----------
    name
        The composite's, below the folder.
    share
        Of its pixels that are foreground, in [0, 1].
    levels
        Mean absolute change of the foreground, in levels of 255.
    shift
        Mean change of R, G and B.
    pictures
        Composite, result, and their difference around a middle gray.
    """

    name: str
    share: float
    levels: float
    shift: tuple[float, float, float]
    pictures: tuple[Thumbnail, Thumbnail, Thumbnail]


def measure(name: str, composite: UInt8, result: UInt8, mask: Float32, share_of_bytes: int) -> Change:
    """Measure a change.

    Parameters
    ----------
    name
        The picture's.
    composite, result
        Before and after, (H, W, 3), sRGB.
    mask
        Foreground (H, W), in [0, 1].
    share_of_bytes
        What the three pictures may take together.

    Returns
    -------
    Change
        Figures and pictures.
    """
    before, after = (thumbnails.shrink(picture, _SIDE) for picture in (composite, result))
    weights = np.asarray(cv2.resize(mask, before.shape[1::-1], interpolation=cv2.INTER_AREA), np.float64)
    difference = after.astype(np.float64) - before
    shown = np.rint((128 + _GAIN * difference).clip(0, 255)).astype(np.uint8)
    pictures = tuple(thumbnails.within(picture, share_of_bytes // 3) for picture in (before, after, shown))
    red, green, blue = _mean(difference, weights).tolist()
    levels = float(_mean(np.abs(difference), weights).mean())
    return Change(name, float(mask.mean()), levels, (red, green, blue), (pictures[0], pictures[1], pictures[2]))


def _mean(values: Float64, weights: Float64) -> Float64:
    """Return the mean of (h, w, 3) under weights (h, w); 0 where they are 0."""
    return np.asarray(np.tensordot(weights, values, axes=2) / max(float(weights.sum()), 1e-6), np.float64)
