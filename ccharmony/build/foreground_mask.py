"""A foreground's mask as the dataset stores it: resized to the crop, shrunk, made binary."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ccharmony.arrays import Float32, Shape
from ccharmony.build.settings import PairSettings
from ccharmony.color import transfer
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.images.headers import MAX_PIXELS, Readable
from ccharmony.sources.release.enrich import ROUNDING


def read_foreground(
    source: Readable, shape: tuple[int, ...], window: tuple[int, int, int, int], settings: PairSettings
) -> tuple[transfer.Mask, str]:
    """Read a mask of the photo or of its crop, and return it as the dataset will store it, with a note."""
    x0, y0, x1, y1 = window
    # The photo has passed the limit of pixels, so its mask passes too.
    levels, full_level = pixels.read_mask_levels(source, max_pixels=max(MAX_PIXELS, shape[0] * shape[1]))
    if levels.shape == tuple(shape):
        levels = levels[y0:y1, x0:x1] if settings.crop else levels
        if not settings.soft and not settings.size:
            return levels > full_level // 2, ""  # without floats, which would take most of the time
        mask, note = pixels.mask_of_levels(levels, full_level), ""
    else:
        mask, note = fit_mask(pixels.mask_of_levels(levels, full_level), (y1 - y0, x1 - x0))
        if not settings.crop:
            mask = np.pad(mask, ((y0, shape[0] - y1), (x0, shape[1] - x1)))
    mask = shrink(mask, settings.size)
    return (mask if settings.soft else mask >= 0.5), note


def shrink(picture: Any, size: int) -> Any:
    """Scale a picture or mask so that its longest side is `size`; 0, or a smaller picture, leaves it as it is."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if not size or longest <= size:
        return picture
    target = (max(1, round(width * size / longest)), max(1, round(height * size / longest)))
    return cv2.resize(picture, target, interpolation=cv2.INTER_AREA)


def fit_mask(mask: Float32, shape: Shape) -> tuple[Float32, str]:
    """Bring a mask to the size of the crop, if it is a scaled copy of that shape.

    Parameters
    ----------
    mask
        Mask (H, W) in [0, 1].
    shape
        Height and width of the crop.

    Returns
    -------
    mask
        Mask of `shape` in [0, 1]; its edge is soft where it was resized.
    note
        A note for the manifest if the mask was resized; empty otherwise.

    Raises
    ------
    ImageError
        The two shapes differ by more than rounding.
    """
    if mask.shape == shape:
        return mask, ""
    (height, width), (mask_height, mask_width) = shape, mask.shape
    texts = f"mask of {mask_width}x{mask_height}", f"{width}x{height}"
    if not _alike(shape, (mask_height, mask_width)):
        raise ImageError(f"{texts[0]}, wanted the photo's size or that of its crop, {texts[1]}, or a scaled copy of it")
    method = cv2.INTER_AREA if mask_width > width else cv2.INTER_LINEAR
    resized = cv2.resize(mask, (width, height), interpolation=method)
    return np.clip(resized, 0, 1).astype(np.float32), f"{texts[0]} resized to {texts[1]}"


def _alike(shape: Shape, other: Shape) -> bool:
    """Return whether one shape is a scaled copy of the other, up to rounding on both sides."""
    scales = [side / other_side for side, other_side in zip(shape, other, strict=True)]
    slack = ROUNDING * max(1.0, *scales) / min(shape)
    return abs(scales[0] / scales[1] - 1) <= slack
