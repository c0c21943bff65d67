"""The edge of a mask moved and made softer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from ccharmony.arrays import Bool, Float32
from harmonize.settings import Range, Settings

_REACH = 3
"""Standard deviations that a blur reaches."""


@dataclass(frozen=True)
class Edge(Settings):
    """What is done to the edge of a mask, in pixels of the picture at full size."""

    shift: Annotated[float, Range(-100, 100)] = 0.0
    """How far it moves: outwards above 0, inwards below."""

    feather: Annotated[float, Range(0, 100)] = 0.0
    """Over how many pixels it becomes softer."""


def edit(mask: Float32, edge: Edge, scale: float = 1.0) -> Float32:
    """Move the edge of a mask, then make it softer.

    Parameters
    ----------
    mask
        Foreground (H, W), in [0, 1].
    edge
        What to do.
    scale
        Size of this mask as a part of its full size.

    Returns
    -------
    Float32
        Mask (H, W), in [0, 1]. A soft edge stays soft where the moved one does not reach.
    """
    moved = _move(mask, edge.shift * scale) if edge.shift else mask
    return _soften(moved, edge.feather * scale / 2) if edge.feather else moved


def _move(mask: Float32, pixels: float) -> Float32:
    """Raise the mask near its foreground, or lower it near its background; a half is the edge between them."""
    inside = mask >= 0.5
    if inside.all() or not inside.any():
        return mask
    if pixels > 0:
        return np.asarray(np.maximum(mask, (pixels + 1 - _distance(~inside)).clip(0, 1)), np.float32)
    return np.asarray(np.minimum(mask, (pixels + _distance(inside)).clip(0, 1)), np.float32)


def _distance(of: Bool) -> Float32:
    """Return how far each pixel is from the nearest one that is False, (H, W)."""
    return np.asarray(cv2.distanceTransform(of.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _soften(mask: Float32, sigma: float) -> Float32:
    """Blur the mask; only around its foreground, since a blur of 12 megapixels takes a second."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return mask
    reach = int(np.ceil(_REACH * sigma))
    part = tuple(slice(max(int(on[0]) - reach, 0), int(on[-1]) + reach + 1) for on in (rows, columns))
    result = mask.copy()
    side = 2 * reach + 1
    result[part] = cv2.GaussianBlur(mask[part], (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return result.clip(0, 1)
