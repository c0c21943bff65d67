"""Harmonize one picture, given as arrays, at any resolution; the background stays as it is to the bit.

-   :func:`harmonize_image`: composite and mask in, harmonized picture out.
-   :func:`load_network`: weights by name or file, on a device.
-   :func:`infer`: what a network makes of a batch, background included (the raw output that papers score).

Networks are trained on small squares. By default they see the picture as such a square, and what they did to it is
carried to full resolution by :mod:`harmonize.carry`; a larger `size` shows them more detail, "full" shows them all.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ccharmony.errors import ImageError, SettingsError, WeightsError
from harmonize import carry, checkpoint
from harmonize.distributed import find_device
from harmonize.objective import denormalize, normalize
from harmonize.settings import check_integer, check_number

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Picture: TypeAlias = Any
"""An array as OpenCV takes it: 8-bit or float, (H, W) or (H, W, 3)."""

Size: TypeAlias = int | Literal["full"]
Weights: TypeAlias = nn.Module | str | Path | None

SIDE = 256
"""Side of the square that a network sees unless asked otherwise: what it was trained on."""

MULTIPLE = 32
"""Sides that a network takes without padding are multiples of this."""

_STRIP_PIXELS = 2**18
"""Pixels changed at a time: 60 MB of interpolated matrices, whatever the picture's size."""

_logger = logging.getLogger(__name__)


def harmonize_image(
    composite: UInt8,
    mask: npt.NDArray[np.generic],
    net: Weights = None,
    *,
    strength: float = 1.0,
    size: Size = SIDE,
    device: str = "auto",
) -> UInt8:
    """Give the foreground of a composite the light of its background.

    Parameters
    ----------
    composite
        Image (H, W, 3), RGB, sRGB-encoded, 8 bits.
    mask
        Foreground (H, W): boolean, in [0, 1], or 8-bit levels. Soft edges blend.
    net
        A network, the name of bundled weights, a file of weights, or None for the bundled default. Weights are
        loaded once and kept.
    strength
        How much of the change is made, in [0, 1]; 0 gives the composite back to the bit.
    size
        Side in pixels of the square that the network sees, a multiple of 32; "full" runs it on the picture as it is,
        which takes about 1.3 kB of memory a pixel.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N"; not used where `net` is a network.

    Returns
    -------
    UInt8
        Harmonized image (H, W, 3). Where the mask is 0 it equals the composite.

    Raises
    ------
    ImageError
        Arrays of another shape or type, a mask with values outside [0, 1] or of another size.
    SettingsError
        Strength or size out of range, no such device, no memory for the size.
    WeightsError
        Weights that cannot be loaded, or that make values that are not numbers.
    """
    picture, weights = _check_picture(composite), _check_mask(mask, composite.shape[:2])
    check_number("strength", strength, 0, 1)
    check_size(size)
    if strength == 0 or not weights.any():
        return picture.copy()
    network = net if isinstance(net, nn.Module) else load_network(net, device)
    return _blend(picture, weights * np.float32(strength), _render(network, picture, weights, size))


@functools.lru_cache(maxsize=2)
def load_network(weights: str | Path | None = None, device: str = "auto") -> nn.Module:
    """Load a network and keep it for the next call.

    Parameters
    ----------
    weights
        Name of bundled weights or a file; None for the bundled default, see `default_weights`.
    device
        As in `harmonize_image`.

    Raises
    ------
    WeightsError, SettingsError
        No such weights, weights that do not fit, no such device.
    """
    place = find_device(device)
    net = checkpoint.load(weights if weights is not None else default_weights()).net
    return net.to(place).eval().requires_grad_(False)


def default_weights() -> str:
    """Return the name of the weights that are used where none are named; raises WeightsError if none are bundled."""
    names = checkpoint.bundled()
    if not names:
        raise WeightsError("no weights are bundled with this version, wanted a file of weights (--weights FILE)")
    return next((name for name in names if name.startswith("giftnet")), names[0])


@torch.inference_mode()
def infer(net: nn.Module, composites: UInt8, masks: Float32) -> Float32:
    """Return the raw output of a network, background included.

    Parameters
    ----------
    net
        ``net(image, mask)`` on normalized pictures; it stays on its device.
    composites
        Pictures (B, H, W, 3), RGB, in [0, 255].
    masks
        Foregrounds (B, H, W), in [0, 1].

    Returns
    -------
    Float32
        Pictures (B, H, W, 3), in levels, clipped to [0, 255] but not rounded.

    Raises
    ------
    SettingsError
        There is no memory for pictures of this size.
    WeightsError
        The network made values that are not numbers.
    """
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    image = torch.from_numpy(np.ascontiguousarray(composites)).to(device).permute(0, 3, 1, 2).float() / 255
    mask = torch.from_numpy(np.ascontiguousarray(masks, np.float32)).to(device)[:, None]  # (B, 1, H, W)
    try:
        output = net(normalize(image).contiguous(memory_format=torch.channels_last), mask)
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "memory" not in str(error):
            raise
        sides = f"{composites.shape[2]}x{composites.shape[1]}"
        raise SettingsError(
            f"{sides}: no memory on {device} for the network at this size, wanted a smaller one"
        ) from error
    if not torch.isfinite(output).all():
        raise WeightsError("the network's output holds values that are not numbers, wanted sound weights")
    return (denormalize(output.float()) * 255).permute(0, 2, 3, 1).cpu().numpy()  # (B, H, W, 3)


def check_size(size: Size) -> None:
    """Raise SettingsError unless `size` is "full" or a positive multiple of 32."""
    if size != "full":
        check_integer("size", size, MULTIPLE)
        if size % MULTIPLE:
            raise SettingsError(f"size: {size} found, a multiple of {MULTIPLE} or full wanted")


def shrink(picture: Picture, side: int) -> Picture:
    """Return a picture or a mask as a square of that side; along an axis that gets shorter, areas are averaged."""
    for height, width in ((side, picture.shape[1]), (side, side)):
        shorter = height <= picture.shape[0] and width <= picture.shape[1]
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shorter else cv2.INTER_LINEAR)
    return picture


_Render: TypeAlias = Callable[[slice, slice], Float32]
"""Give the harmonized levels of a part of the picture, (rows, columns, 3)."""


def _render(net: nn.Module, picture: UInt8, mask: Float32, size: Size) -> _Render:
    if size == "full" or picture.shape[:2] == (size, size):
        whole = infer(net, picture[None], mask[None])[0]
        return lambda rows, columns: whole[rows, columns]
    small, small_mask = shrink(picture, size), shrink(mask, size)
    after = infer(net, small[None], small_mask[None])[0]
    color_map = carry.fit(small.astype(np.float32) / 255, after / np.float32(255), small_mask)

    def render(rows: slice, columns: slice) -> Float32:
        colors = picture[rows, columns].astype(np.float32) / np.float32(255)
        return color_map.change(colors, rows, columns, picture.shape[:2]) * 255

    return render


def _blend(picture: UInt8, weights: Float32, render: _Render) -> UInt8:
    """Mix the rendered foreground into the picture, strip by strip; weights of 0 leave pixels alone."""
    result = picture.copy()
    rows, columns = _extent(weights.max(axis=1)), _extent(weights.max(axis=0))
    for strip in _strips(rows, columns.stop - columns.start):
        before = picture[strip, columns].astype(np.float32)
        change = (render(strip, columns).clip(0, 255) - before) * weights[strip, columns, None]
        result[strip, columns] = np.rint(before + change).astype(np.uint8)
    return result


def _strips(rows: slice, width: int) -> Iterator[slice]:
    height = max(_STRIP_PIXELS // width, 1)
    for start in range(rows.start, rows.stop, height):
        yield slice(start, min(start + height, rows.stop))


def _extent(line: Float32) -> slice:
    places = np.flatnonzero(line)
    return slice(int(places[0]), int(places[-1]) + 1)


def _check_picture(picture: UInt8) -> UInt8:
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        found = (
            f"{picture.dtype} of shape {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        )
        raise ImageError(f"composite: {found} found, uint8 of shape (H, W, 3) wanted")
    if 0 in picture.shape:
        raise ImageError(f"composite: shape {picture.shape} found, at least one pixel wanted")
    return picture


def _check_mask(mask: npt.NDArray[np.generic], shape: tuple[int, ...]) -> Float32:
    if mask.shape != shape:
        raise ImageError(f"mask: shape {mask.shape} found, its picture has {shape}")
    values = mask.astype(np.float32)
    if mask.dtype == np.uint8 and values.max() > 1:
        values /= 255
    if not (values.min() >= 0 and values.max() <= 1):
        raise ImageError(f"mask: values {values.min():g} to {values.max():g} found, 0 to 1 wanted")
    return values
