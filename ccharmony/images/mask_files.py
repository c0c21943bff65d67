"""The masks in a file as it holds them: one, or each label of a label map; `mask_channels` says what is a mask."""

from __future__ import annotations

import logging
from typing import IO, Any

import numpy as np
from PIL import Image

from ccharmony.arrays import Mask, UInt16
from ccharmony.errors import ImageError
from ccharmony.files import StrPath
from ccharmony.images import headers, mask_channels, mask_rules, readable, tiff
from ccharmony.images.headers import MAX_PIXELS, Header
from ccharmony.images.mask_rules import StoredMask
from ccharmony.images.readable import Readable
from ccharmony.images.stored import decode_stored, turn

_logger = logging.getLogger(__name__)


def read_compact_masks(
    path: StrPath | Readable,
    *,
    shape: tuple[int, int] | None = None,
    each: bool = False,
    max_pixels: int | None = MAX_PIXELS,
) -> list[Mask]:
    """Read a mask as `pixels.read_mask` does, or its foregrounds, in a quarter of the memory: levels stay levels.

    Parameters
    ----------
    path, shape, max_pixels
        As in `pixels.read_mask`.
    each
        Whether the foregrounds are wanted one by one: each label of a label map, or each part that touches no other.

    Returns
    -------
    list[Mask]
        Masks (H, W): one, or with `each` one or more, no pixel in two of them.

    Raises
    ------
    ImageError
        As in `pixels.read_mask`.
    """
    path = readable.as_readable(path)
    stored = read_stored_mask(path, max_pixels=max_pixels)
    masks, note = [part.compact() for part in (mask_rules.split(stored) if each else [stored])], ""
    if shape is not None:
        try:
            fitted = [mask_rules.fit_size(mask, shape) for mask in masks]
        except ImageError as error:
            raise ImageError(f"{path}: {error}") from error
        masks, note = [mask for mask, _ in fitted], fitted[0][1]
    if notes := "; ".join(filter(None, (stored.note, note))):
        _logger.warning("%s: %s", path, notes)
    return masks


def read_stored_mask(path: Readable, *, max_pixels: int | None = MAX_PIXELS) -> StoredMask:
    """Read a foreground mask or a label map as it is stored, in a quarter of the memory of floats.

    Parameters
    ----------
    path, max_pixels
        As in `pixels.read_mask`.

    Returns
    -------
    StoredMask
        Levels, upright, and what they mean.

    Raises
    ------
    ImageError
        The file cannot be read, or is a color picture.
    """
    with readable.open_picture(path) as file:
        header = headers.read_header(file, path, max_pixels)
        colors, alpha, palette = _mask_channels(file, header, path)
    turned = header.orientation
    if turned != 1:
        colors, alpha = turn(colors, turned), None if alpha is None else turn(alpha, turned)
    try:
        return mask_channels.judge(colors, alpha, palette)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def _mask_channels(file: IO[bytes], header: Header, path: Readable) -> tuple[Any, Any, Any]:
    """Return the samples of a picture, its alpha or None, and its palette or None, not turned.

    Pillow decodes palettes, since OpenCV replaces indices by colors.
    """
    if header.format == "TIFF" and header.mode in ("F", "I"):
        return _whole_levels(_numbers(file, path), path), None, None
    if header.format != "GIF" and header.mode not in ("P", "I"):
        stored = decode_stored(file, header, path, orient=False)
        return stored.colors, stored.alpha, None
    try:
        with Image.open(file) as image:
            samples = np.array(image)
            alpha = np.array(image.convert("RGBA"))[..., 3] if "transparency" in image.info else None
            palette = image.getpalette("RGB") if image.mode == "P" else None
    except Exception as error:  # each of Pillow's plugins has its own
        raise ImageError(f"{path}: cannot be decoded ({error})") from error
    if palette is not None:
        return samples, alpha, np.array(palette, np.uint8).reshape(-1, 3)
    return (_whole_levels(samples, path), None, None) if header.mode == "I" else (samples, alpha, None)


def _numbers(file: IO[bytes], path: Readable) -> Any:
    try:
        return tiff.decode_numbers(file)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def _whole_levels(values: Any, path: Readable) -> UInt16:
    """Return floats in [0, 1], or whole numbers of 32 bits, as levels of 16 bits."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # so that NaN is refused, too
        raise ImageError(f"{path}: values {low:g} to {high:g}, a mask of {values.dtype} has 0 to 1, or levels")
    whole = bool((values == np.rint(values)).all())
    return np.asarray(np.rint(values if whole or high > 1 else values * 65535), np.uint16)
