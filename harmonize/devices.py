"""Which device a network runs on, the CPU or one of the GPUs, and how numbers reach it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ccharmony.errors import SettingsError


def device_of(net: nn.Module) -> torch.device:
    """Return the device that a network is on; the CPU for one without parameters."""
    return next((parameter.device for parameter in net.parameters()), torch.device("cpu"))


def find_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device of that name, and make it the current one; raises SettingsError where it is not there."""
    if isinstance(name, str) and name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(str(name))
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"device {name}: not known, wanted auto, cpu, cuda or cuda:<number>") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SettingsError(f"device {name}: no CUDA here, wanted --device cpu or a machine with a GPU")
        device = torch.device("cuda", local_rank if device.index is None else device.index)
        if device.index >= torch.cuda.device_count():
            raise SettingsError(f"device {device}: {torch.cuda.device_count()} GPUs here")
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True  # batches keep their shape: trying the algorithms once pays
    elif device.type != "cpu":
        raise SettingsError(f"device {name}: wanted auto, cpu, cuda or cuda:<number>")
    return device


def send(numbers: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """Return numbers as a tensor on a device, without waiting for the work that the device still has to do."""
    tensor = torch.from_numpy(np.ascontiguousarray(numbers))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
