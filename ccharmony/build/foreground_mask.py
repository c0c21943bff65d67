"""A foreground's mask as the dataset stores it: resized to the crop, shrunk, made binary."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ccharmony.arrays import Shape, SoftMask
from ccharmony.build.settings import PairSettings
from ccharmony.errors import ImageError
from ccharmony.images import mask_files, mask_rules
from ccharmony.images.headers import MAX_PIXELS
from ccharmony.images.mask_rules import StoredMask
from ccharmony.images.readable import Readable


def read_foregrounds(source: Readable, shape: Shape) -> list[tuple[str, StoredMask]]:
    """Read a mask of a photo or of its crop.

    Parameters
    ----------
    source
        The mask's file.
    shape
        Height and width of the photo.

    Returns
    -------
    list[tuple[str, StoredMask]]
        What the foreground's name ends in, and its mask; a label map of several labels has a foreground for each, whose
        name ends in the label.

    Raises
    ------
    ImageError
        The file cannot be read or is no mask.
    """
    # The photo has passed the limit of pixels, so its mask passes too.
    stored = mask_files.read_stored_mask(source, max_pixels=max(MAX_PIXELS, shape[0] * shape[1]))
    if len(stored.labels) < 2:
        return [("", stored.foreground())]
    return [(str(label), stored.foreground(label)) for label in stored.labels]


def cut_foreground(
    stored: StoredMask, shape: Shape, window: tuple[int, int, int, int], settings: PairSettings
) -> tuple[SoftMask, str]:
    """Bring a mask to the crop, as the dataset will store it.

    Parameters
    ----------
    stored
        Mask of the photo, or of its crop, or a scaled copy of one of the two.
    shape, window
        Height and width of the photo; x0, y0, x1, y1 of its crop.
    settings
        Settings of the pairs.

    Returns
    -------
    tuple[SoftMask, str]
        The mask, and a note for the manifest: what was assumed, and whether it may be inverted.

    Raises
    ------
    ImageError
        It has another size, or nothing or everything of the crop is foreground.
    """
    x0, y0, x1, y1 = window
    resized = ""
    if stored.levels.shape == shape:
        part = stored.part(slice(y0, y1), slice(x0, x1)) if settings.crop else stored
        plain = not settings.soft and not settings.size
        mask: SoftMask = part.hard() if plain else shrink(part.mask(), settings.size)
    else:
        fitted, resized = _fit(stored, shape, window)
        padding = (y0, shape[0] - y1), (x0, shape[1] - x1)
        mask = shrink(fitted if settings.crop else np.pad(fitted, padding), settings.size)
    mask = mask if settings.soft else mask >= 0.5
    _refuse_all_or_nothing(mask, stored)
    return mask, "; ".join(filter(None, (stored.note, resized, mask_rules.remark(mask))))


def _fit(stored: StoredMask, shape: Shape, window: tuple[int, int, int, int]) -> tuple[Any, str]:
    """Resize a mask to the crop, of which it is a scaled copy, or else to the photo, which is then cropped."""
    x0, y0, x1, y1 = window
    mask = stored.mask()
    try:
        return mask_rules.fit_size(mask, (y1 - y0, x1 - x0))
    except ImageError as error:
        try:
            fitted, note = mask_rules.fit_size(mask, shape)
        except ImageError as second:
            raise ImageError(f"{second} (its crop has {x1 - x0}x{y1 - y0})") from error
    return fitted[y0:y1, x0:x1], note


def _refuse_all_or_nothing(mask: SoftMask, stored: StoredMask) -> None:
    if mask.all():
        raise ImageError("mask selects the whole picture, wanted a foreground and a background")
    if mask.any():
        return
    if stored.hard().any():
        cut = "mask lies in the part that the crop cuts away with the chart"
        raise ImageError(f"{cut}, wanted a foreground beside it, or --no-crop")
    levels = f"{stored.levels.min()} to {stored.levels.max()} of {stored.full_level}"
    raise ImageError(f"mask is empty (levels {levels}), wanted a foreground")


def shrink(picture: Any, size: int) -> Any:
    """Scale a picture or mask so that its longest side is `size`; 0, or a smaller picture, leaves it as it is."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if not size or longest <= size:
        return picture
    target = (max(1, round(width * size / longest)), max(1, round(height * size / longest)))
    return cv2.resize(picture, target, interpolation=cv2.INTER_AREA)
