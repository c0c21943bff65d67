"""The state of a run on disk: everything that is needed to resume it as if it had never stopped.

The file is written by `torch.save` and read only with ``weights_only=True``: tensors and plain values, never code.
"""

from __future__ import annotations

import copy
import io
import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ccharmony import files
from ccharmony.errors import WeightsError
from harmonize.models.network import Network
from harmonize.training.settings import StageName

VERSION = 1

Tensors = dict[str, Tensor]


@dataclass
class RunState:
    """A moment between two steps.

    Attributes
    ----------
    settings
        `TrainSettings.to_dict()`.
    stage
        The present stage.
    step
        Steps done in it.
    epoch, done
        The present epoch, and how many of its steps are done.
    pictures
        Pictures seen in this stage.
    seconds
        Time spent in this stage.
    best
        Lowest fMSE on the validation set so far; infinite before the first.
    window
        Sums of the losses since the last line of the log, and their count.
    network, average
        Weights as they are trained, and their running average (empty where it is off).
    optimizer, scaler
        States of Adam and of the scaler of fp16.
    random
        State of torch's random numbers on CPU.
    """

    settings: dict[str, Any]
    stage: StageName
    step: int
    epoch: int
    done: int
    pictures: int
    seconds: float
    best: float
    window: list[float]
    network: Tensors
    average: Tensors
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    random: Tensor

    def write(self, path: Path) -> None:
        """Write atomically; raises OutputError and leaves the file as it was."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        buffer = io.BytesIO()
        torch.save({"version": VERSION, **values}, buffer)
        files.write_bytes(path, buffer.getvalue())


def read_state(path: Path) -> RunState:
    """Read the state of a run.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    RunState
        Tensors on the CPU.

    Raises
    ------
    WeightsError
        The file is absent, damaged, of another version, or holds more than tensors and plain values.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file, nothing to resume") from error
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        problem = f"{type(error).__name__}: {error}".splitlines()[0]
        raise WeightsError(f"{path}: damaged, or not the state of a run ({problem})") from error
    names = {entry.name for entry in fields(RunState)}
    if not isinstance(values, dict) or values.get("version") != VERSION or set(values) != names | {"version"}:
        raise WeightsError(f"{path}: not the state of a run of version {VERSION}")
    return RunState(**{name: values[name] for name in names})


class Average:
    """Exponential moving average of a network's weights and running statistics.

    The decay rises to its value over the first steps, (1 + t) / (10 + t), so that the start is soon forgotten.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def follow(self, network: Network, step: int) -> None:
        """Move towards the network as it is after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        old, new = self.network.state_dict(), network.state_dict()
        floats = [name for name, tensor in new.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([old[name] for name in floats], [new[name] for name in floats], 1 - decay)
        for name in new.keys() - floats:
            old[name].copy_(new[name])
