"""A trained network: its weights found and loaded, pictures in, raw output out."""

from __future__ import annotations

import functools
import logging
import os

import numpy as np
import torch
from torch import nn

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import SettingsError, WeightsError
from ccharmony.files import StrPath
from harmonize import memory
from harmonize.devices import device_of, find_device
from harmonize.models import foreground
from harmonize.models.normalization import denormalize, normalize
from harmonize.models.settings import MULTIPLE
from harmonize.models.views import TwoViews
from harmonize.settings import check_integer
from harmonize.weights import bundled, checkpoint
from harmonize.weights.cards import default_weights

_logger = logging.getLogger(__name__)


def load_network(weights: StrPath | None = None, device: str = "auto", *, views: int = 1) -> nn.Module:
    """Load a network, once for several calls with the same file and device.

    Parameters
    ----------
    weights
        Name of bundled weights or a file; None for the bundled default, see `default_weights`.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    views
        2 for a network that is asked twice, see :class:`harmonize.models.views.TwoViews`.

    Returns
    -------
    nn.Module
        On its device, in evaluation mode. Calls with the same file, as long as it does not change, share it.

    Raises
    ------
    WeightsError
        No such weights, or they do not fit.
    SettingsError
        No such device, neither one view nor two, or two of a network that predicts curves.
    """
    found = str(find_device(device))
    name = default_weights() if weights is None else os.fspath(weights)
    file = bundled.find(name).stat()
    check_integer("views", views, 1, 2)
    net = _load(name, found, file.st_mtime_ns, file.st_size)
    return net if views == 1 else TwoViews(net).eval()


@torch.inference_mode()
def infer(net: nn.Module, composites: UInt8 | Float32, masks: Float32, *, background: bool = True) -> Float32:
    """Return the raw output of a network.

    Parameters
    ----------
    net
        ``net(image, mask)`` on normalized pictures, in evaluation mode; it stays on its device.
    composites
        Pictures (B, H, W, 3), RGB, levels in [0, 255], whole or not.
    masks
        Foregrounds (B, H, W), in [0, 1].
    background
        Whether the background is wanted, as of :func:`harmonize.models.foreground.ask`.

    Returns
    -------
    Float32
        Pictures (B, H, W, 3), in levels, clipped to [0, 255] but not rounded.

    Raises
    ------
    SettingsError
        There is no memory for pictures of this size: on a CPU checked before, where the network says what it needs.
    WeightsError
        The network returned another shape, or values that are not numbers.
    """
    device = device_of(net)
    _check_memory(net, device, composites.shape)
    image = torch.from_numpy(np.ascontiguousarray(composites)).to(device).permute(0, 3, 1, 2).float() / 255
    mask = torch.from_numpy(np.ascontiguousarray(masks, np.float32)).to(device)[:, None]  # (B, 1, H, W)
    try:
        image = normalize(image).contiguous(memory_format=torch.channels_last)
        output = foreground.ask(net, image, mask, background=background)
    except RuntimeError as error:
        # On a GPU a class of its own; on the CPU only the words say so.
        if not isinstance(error, torch.OutOfMemoryError) and "memory" not in str(error):
            raise
        size = f"{composites.shape[2]}x{composites.shape[1]}"
        raise SettingsError(
            f"{size}: no memory on {device} for a network at this size, wanted a smaller one"
        ) from error
    if not isinstance(output, torch.Tensor) or output.shape != image.shape:
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise WeightsError(f"the network returned {found}, wanted a picture of shape {tuple(image.shape)}")
    if not torch.isfinite(output).all():
        raise WeightsError("the network's output holds values that are not numbers, wanted sound weights")
    levels = (denormalize(output.float()) * 255).permute(0, 2, 3, 1)  # (B, H, W, 3)
    return np.asarray(levels.cpu().numpy(), np.float32)


@functools.lru_cache(maxsize=2)
def _load(name: str, device: str, _time: int, _size: int) -> nn.Module:
    """Load weights; time and size of their file are arguments so that a file that was written again is loaded again."""
    net = checkpoint.load(name).net
    _logger.info("weights %s on %s", name, device)
    # Convolutions take 0.75 of the time where their weights lie as their pictures do.
    placed: nn.Module = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed.eval().requires_grad_(False)


def _check_memory(net: nn.Module, device: torch.device, shape: tuple[int, ...]) -> None:
    """Raise SettingsError where pictures (B, H, W, 3) need more memory than the CPU has.

    Linux promises memory that it does not have, and ends the process that takes it.
    """
    need, free = getattr(net, "bytes_a_pixel", None), memory.free_bytes()
    if device.type != "cpu" or not need or free is None:
        return
    count, height, width = shape[:3]
    if (total := need * count * height * width) <= free:
        return
    side = int((free / need / count) ** 0.5) // MULTIPLE * MULTIPLE
    found = f"{width}x{height}: the network needs {total / 1e9:.1f} GB of memory at this size"
    raise SettingsError(f"{found}, {free / 1e9:.1f} are free; the largest that fits is --size {max(side, MULTIPLE)}")
