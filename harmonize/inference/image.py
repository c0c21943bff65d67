"""Harmonize one picture, given as arrays, at any resolution; the background stays as it is to the bit.

-   :func:`harmonize_image`: composite and mask in, harmonized picture out.
-   :func:`harmonize_levels`: the same before it is rounded to 8 bits.
-   :func:`harmonize_into`: the same written into an array, so that no copy of a large picture is made.
-   :func:`find_change`: the change by itself, to be rendered on copies of the picture, too.

Networks are trained on small squares. By default they see the picture as such a square, and what they did to it is
repeated at full resolution by :mod:`harmonize.inference.color_map`; a larger `size` shows them more detail, "full"
shows them all.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float32, Indices, Mask, SameSamples, Samples, UInt8, as_real
from ccharmony.errors import ImageError, SettingsError
from ccharmony.images import mask_channels, mask_rules
from ccharmony.images.stored import to_8_bits
from harmonize import memory
from harmonize.inference import adjustment, runtimes
from harmonize.inference.color_map import fit
from harmonize.inference.defringe import estimate_foreground
from harmonize.inference.runtimes import Weights
from harmonize.inference.strips import STRIP_PIXELS, Render, blend, to_levels
from harmonize.models.settings import MULTIPLE, SIDE
from harmonize.settings import check_integer, check_number

Picture: TypeAlias = Any
"""An array as OpenCV takes it: 8-bit or float, (H, W) or (H, W, 3)."""

Size: TypeAlias = int | Literal["full"]
Change: TypeAlias = Callable[[Samples], Render]
"""Of a picture of 8 or 16 bits, gives what renders its harmonized levels."""

_MOST_LEVEL = 65535

MOST_SIDE = 2**14
"""Of the square that a network sees: a copy of 0.8 GB, of which it would need 0.5 TB."""


def harmonize_image(
    composite: SameSamples,
    mask: npt.NDArray[np.generic],
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
    defringe: bool = False,
) -> SameSamples:
    """Give the foreground of a composite the light of its background.

    Parameters
    ----------
    composite
        Image (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits. The network sees 8; the change is made at the picture's depth.
    mask
        Foreground (H, W) or (H, W, 1): boolean, floats in [0, 1], or integers, which are levels or labels as in files
        (docs/own_photos.md). Soft edges blend.
    net
        A network, the name of bundled weights, a file of weights, or None for the bundled default. Weights are
        loaded once and stay in memory.
    strength
        How much of the change is made, in [0, 1]; 0 gives the composite back to the bit.
    size
        Side in pixels of the square that the network sees, a multiple of 32; "full" runs it on the picture as it is,
        which takes about 2 kB of memory a pixel.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N"; not used where `net` is a network.
    defringe
        Whether the change at soft edges is that of the foreground's own colors, estimated, and not of the mixture with
        the background that the composite shows there.

    Returns
    -------
    SameSamples
        Harmonized image (H, W, 3) of the composite's depth. Where the mask is 0 it equals the composite.

    Raises
    ------
    ImageError
        Arrays of another shape or type, a mask with values outside [0, 1] or of another size.
    SettingsError
        Strength or size out of range, no such device, no memory for the size.
    WeightsError
        Weights that cannot be loaded, or that make values that are not numbers.
    """
    result = copy(check_picture(composite))
    weights = as_mask(mask, composite.shape[:2])
    harmonize_into(result, composite, weights, net, strength=strength, size=size, device=device, defringe=defringe)
    return result


def harmonize_levels(
    composite: Samples,
    mask: npt.NDArray[np.generic],
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
) -> Float32:
    """Harmonize without rounding: for scores that count fractions of a level.

    Parameters
    ----------
    composite, mask, net, strength, size, device
        As of :func:`harmonize_image`.

    Returns
    -------
    Float32
        Levels (H, W, 3), in [0, 255]. Where the mask is 0 they equal the composite.

    Raises
    ------
    ImageError, SettingsError, WeightsError
        As :func:`harmonize_image`.
    """
    result = to_levels(check_picture(composite))
    weights = as_mask(mask, composite.shape[:2])
    harmonize_into(result, composite, weights, net, strength=strength, size=size, device=device)
    return result


def harmonize_into(
    result: Samples | Float32,
    picture: Samples,
    mask: Mask,
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
    defringe: bool = False,
) -> None:
    """Write a harmonized foreground into an array that holds the composite.

    Parameters
    ----------
    result
        Holds the composite, and may be `picture` itself: samples of the same depth, or levels in [0, 255] of floats.
    picture
        Composite (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits.
    mask
        Foreground (H, W). Soft edges blend.
    net, strength, size, device, defringe
        As of :func:`harmonize_image`.

    Raises
    ------
    SettingsError, WeightsError
        As :func:`harmonize_image`.
    """
    check_number("strength", strength, 0, 1)
    check_size(size)
    if strength and mask.any():
        make_change(result, picture, mask, find_change(net, picture, mask, size, device), strength, defringe=defringe)


def make_change(
    result: Samples | Float32, picture: Samples, mask: Mask, change: Change, strength: float, *, defringe: bool = False
) -> None:
    """Make a change that was found; parameters are those of :func:`harmonize_into`."""
    own = estimate_foreground(picture, mask_rules.shares(mask), sees_background=True) if defringe else picture
    blend(own, mask, strength, change(own), result)


def check_size(size: Size) -> None:
    """Raise SettingsError unless `size` is "full" or a positive multiple of 32, not above `MOST_SIDE`."""
    if not isinstance(size, str) or size != "full":
        check_integer("size", size, MULTIPLE, MOST_SIDE)
        if size % MULTIPLE:
            raise SettingsError(f"size: {size} found, a multiple of {MULTIPLE} or full wanted")


def find_change(net: Weights, picture: Samples, mask: Mask, size: Size = SIDE, device: str = "auto") -> Change:
    """Ask a network what it changes; the answer can be rendered on the picture and on copies of other sizes.

    Parameters
    ----------
    net
        As of :func:`harmonize_image`.
    picture
        Composite (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits; shrunk, a network sees 8.
    mask
        Foreground (H, W), with a pixel above 0.
    size
        As of :func:`harmonize_image`. Where the network saw the picture as it is, the change is for this size alone.
    device
        As of :func:`harmonize_image`.

    Returns
    -------
    Change
        Of a copy of the picture, gives what renders its harmonized levels, the background's too.

    Raises
    ------
    SettingsError
        There is no memory for the size.
    WeightsError
        The network made values that are not numbers.
    """
    network = runtimes.find(net, device)
    if network.parametric:  # curves and map hold at any size
        return partial(adjustment.renderer, network.predict(to_8_bits(picture), mask_rules.shares(mask)))
    if size == "full" or picture.shape[:2] == (size, size):
        levels = to_levels(picture)
        return partial(_whole_renderer, network.infer(levels[None], mask_rules.shares(mask)[None])[0] - levels)
    small, small_mask = shrink(_seen_at_8_bits(picture, size), size), shrink_mask(mask, size)
    after = network.infer_foreground(small[None], small_mask[None])[0]
    return fit(small.astype(np.float32) / 255, after / np.float32(255), small_mask).renderer


def _whole_renderer(difference: Float32, picture: Samples) -> Render:
    """Return what adds a network's difference (H, W, 3), in levels, to a picture of the same size."""
    return lambda rows, columns: to_levels(picture[rows, columns]) + difference[rows, columns]


def shrink(picture: Picture, side: int) -> Picture:
    """Resize a picture or a mask to the square that the network sees: bilinear, without antialiasing.

    So do training and the protocols of the field, and networks expect it: on 36 pairs of larger
    photos averaged areas leave an fMSE of 526 where this leaves 478 (giftnet_w16_kinds, `benchmarks.sides`).

    Parameters
    ----------
    picture
        Picture (H, W, 3) or mask (H, W), 8 bits or floats.
    side
        Height and width of the result in pixels.

    Returns
    -------
    Picture
        Of shape (side, side, 3) or (side, side), of the same type.
    """
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)


def shrink_mask(mask: Mask, side: int) -> Float32:
    """Resize a mask (H, W) as :func:`shrink` does; a foreground thinner than the distance of its samples is kept."""
    small = shrink(_narrow(mask, side), side)
    found = small if small.any() else cv2.resize(mask_rules.shares(mask), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(found, np.float32)


def _seen_at_8_bits(picture: Samples, side: int) -> UInt8:
    """Return a picture (H, W, 3) at 8 bits, zeros in the rows that :func:`shrink` does not look at."""
    if picture.dtype == np.uint8:
        return to_8_bits(picture)
    seen = memory.sparse_zeros(picture.shape)
    for row in _rows_seen(len(picture), side):
        seen[row] = to_8_bits(picture[row])
    return seen


def _narrow(mask: Mask, side: int) -> Float32:
    """Return a mask as floats (H, side), zeros in the rows that :func:`shrink` does not look at."""
    narrow, rows = np.zeros((len(mask), side), np.float32), _rows_seen(len(mask), side)
    for part in np.array_split(rows, -(-rows.size * mask.shape[1] // STRIP_PIXELS)):  # else as large as its picture
        narrow[part] = cv2.resize(mask_rules.shares(mask[part]), (side, len(part)), interpolation=cv2.INTER_LINEAR)
    return narrow


def _rows_seen(height: int, side: int) -> Indices:
    """Return the rows that a side of `side` pixels is interpolated from: of a large picture a few."""
    above = np.floor((np.arange(side) + 0.5) * height / side - 0.5).astype(np.intp)
    return np.unique(np.clip([above, above + 1], 0, height - 1))


def check_picture(picture: SameSamples) -> SameSamples:
    """Return a picture of 8 or 16 bits, (H, W, 3); raises ImageError for anything else."""
    if not isinstance(picture, np.ndarray):
        raise ImageError(f"composite: {type(picture).__name__} found, uint8 or uint16 of shape (H, W, 3) wanted")
    if picture.shape[2:] != (3,) or picture.dtype not in (np.uint8, np.uint16):
        found = f"{picture.dtype} of shape {picture.shape}"
        raise ImageError(f"composite: {found} found, uint8 or uint16 of shape (H, W, 3) wanted")
    if 0 in picture.shape:
        raise ImageError(f"composite: shape {picture.shape} found, at least one pixel wanted")
    return picture


def as_mask(mask: npt.NDArray[np.generic], shape: tuple[int, ...]) -> Mask:
    """Return any array that a caller takes for a mask as one (H, W); raises ImageError for what is none.

    Booleans and floats mean what they are; integers are levels or labels by the rule that holds for files
    (:mod:`ccharmony.images.mask_channels`). A last axis of one channel may stand behind H and W.
    """
    if not isinstance(mask, np.ndarray):
        raise ImageError(f"mask: {type(mask).__name__} found, an array of shape {shape} wanted")
    if mask.shape not in (shape, (*shape, 1)):
        raise ImageError(f"mask: shape {mask.shape} found, its picture has {shape}")
    values = mask.reshape(shape)
    if values.dtype == np.bool_:
        return values  # type: ignore[return-value]
    if values.dtype.kind not in "fiu":
        return mask_rules.check_shares(as_real(values, "mask", ImageError).astype(np.float32))
    if values.dtype.kind == "f":
        return mask_rules.check_shares(values.astype(np.float32, copy=False))
    least, most = values.min(), values.max()
    if least < 0 or most > _MOST_LEVEL:
        raise ImageError(f"mask: values {least} to {most} found, levels of 0 to {_MOST_LEVEL} wanted")
    is_deep = most > 255 or values.dtype == np.uint16
    levels: Samples = values.astype(np.uint16) if is_deep else values.astype(np.uint8)
    return mask_channels.judge(levels).compact()
