"""The state of a run on disk: everything that is needed to resume it as if it had never stopped.

The file is written by `torch.save` and read only as plain tensors and values, whose checksums and structure are checked
before anything is resumed. The one before it is kept beside it.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ccharmony import files
from ccharmony.errors import WeightsError
from harmonize.models.network import Network
from harmonize.training.settings import STAGES, StageName
from harmonize.weights import torch_files

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
        """Write atomically, and keep the file before as `previous_of`; raises OutputError and leaves it as it was."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        buffer = io.BytesIO()
        torch.save({"version": VERSION, **values}, buffer)
        _keep(path)
        files.write_bytes(path, buffer.getvalue())


_WAYS = ("foreach", "fused", "capturable", "differentiable")
"""Settings of Adam that are this machine's."""

_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
"""What Adam keeps of each weight."""

_NAMES = tuple(entry.name for entry in fields(RunState))


def _keep(path: Path) -> None:
    """Give a file its second name, the one of the state before; a copy where the file system has no hard links."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{files.UNFINISHED}")
    with contextlib.suppress(OSError):
        try:
            _copy(path, temporary)
            temporary.replace(previous_of(path))
        finally:
            temporary.unlink(missing_ok=True)


def _copy(path: Path, other: Path) -> None:
    """Give a file a second name, or copy it; raises OSError where it is not there."""
    try:
        os.link(path, other)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, other)


def read_state(path: Path) -> RunState:
    """Read the state of a run, and check all of it.

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
        values = torch_files.read(path)
        if not isinstance(values, dict) or type(values.get("version")) is not int or values["version"] != VERSION:
            raise ValueError(f"not the state of a run of version {VERSION}")
        state = RunState(**{name: values[name] for name in _NAMES})
        _check(state)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file, nothing to resume") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    return state


def damaged(path: Path, error: Exception) -> WeightsError:
    """Return the error of a state that cannot be resumed from, with what to do."""
    found = f"no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
    previous = previous_of(path)
    copy = f"{previous.name}, the state before it" if previous.is_file() else "a copy"
    return WeightsError(f"{path}: damaged ({found}); begin again, or restore {copy}")


def previous_of(path: Path) -> Path:
    """Return where the state before this one is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Resume an optimizer; raises ValueError, or what torch raises, where its state is another's.

    torch takes moments of any shape and settings of any kind, and fails at the first step.
    """
    before = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, own in zip(optimizer.param_groups, before, strict=True):
        if _kinds(group) != _kinds(own) or not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError("optimizer: settings of another kind")
        group.update({name: own[name] for name in _WAYS if name in own})
    for weight, moments in optimizer.state.items():
        if moments.keys() != _MOMENTS:
            raise ValueError(f"optimizer: moments {', '.join(map(str, moments))}, wanted {', '.join(sorted(_MOMENTS))}")
        for name, value in moments.items():
            shape = torch.Size() if name == "step" else weight.shape
            if not isinstance(value, Tensor) or value.shape != shape or not value.is_floating_point():
                raise ValueError(f"optimizer: {name} that does not fit a weight of shape {tuple(weight.shape)}")
            if not torch.isfinite(value).all() or (name != "exp_avg" and bool((value < 0).any())):
                raise ValueError(f"optimizer: {name} is not finite, or below 0")


def _kinds(group: Mapping[str, Any]) -> list[Any]:
    """Return what no run changes of what Adam computes with, and the kinds of what it may change."""
    fixed = [group[name] for name in ("eps", "weight_decay", "amsgrad", "maximize")]
    return [type(group["lr"]), *map(type, group["betas"]), *fixed]


def _check(state: RunState) -> None:
    """Refuse what no run writes; raises ValueError."""
    for name in ("step", "epoch", "done", "pictures"):
        value = getattr(state, name)
        if type(value) is not int or not 0 <= value < 2**53:
            raise ValueError(f"{name} {value!r}")
    if type(state.seconds) is not float or not 0 <= state.seconds < math.inf:
        raise ValueError(f"seconds {state.seconds!r}")
    if type(state.best) is not float or math.isnan(state.best):
        raise ValueError(f"best {state.best!r}")
    if state.stage not in STAGES:
        raise ValueError(f"stage {state.stage!r}")
    if not all(type(value) is float and math.isfinite(value) for value in state.window):
        raise ValueError(f"window {state.window!r}")
    for name in ("settings", "optimizer", "scaler", "network", "average"):
        if not isinstance(getattr(state, name), dict):
            raise ValueError(f"{name}: {type(getattr(state, name)).__name__}")
    _check_tensors("network", state.network)
    _check_tensors("average", state.average)
    if state.step and not _has_moments(state.optimizer):
        raise ValueError("optimizer: nothing of the steps before")
    wanted = torch.get_rng_state()
    if not isinstance(state.random, Tensor) or (state.random.dtype, state.random.shape) != (wanted.dtype, wanted.shape):
        raise ValueError("random: not the state of torch's random numbers")


def _check_tensors(name: str, values: Mapping[Any, Any]) -> None:
    for key, value in values.items():
        if not isinstance(value, Tensor) or not torch.isfinite(value).all():
            raise ValueError(f"{name} {key!r}: not a tensor of finite numbers")


def _has_moments(values: Any) -> bool:
    """Return whether an optimizer's state, or one in it, knows of steps."""
    if not isinstance(values, dict):
        return False
    state = values.get("state")
    return (isinstance(state, dict) and bool(state)) or any(map(_has_moments, values.values()))


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
