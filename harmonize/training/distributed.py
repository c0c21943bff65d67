"""Several processes, one run: ranks, sums over all of them, and batch norm over the whole batch.

torchrun starts the processes, on one machine or on many, and gives each its rank in the environment; without it a
run is one process. Every process takes its share of each batch and computes the same step, so their number changes the
result only by the order of sums.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from harmonize.devices import find_device


@dataclass(frozen=True)
class World:
    """The processes of a run, seen from one of them.

    Attributes
    ----------
    rank
        Which one this is, from 0; process 0 writes the files.
    processes
        How many there are.
    device
        Where this one computes.
    """

    rank: int
    processes: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and lines."""
        return self.rank == 0

    def add(self, numbers: Sequence[float]) -> list[float]:
        """Return the sums of each number over all processes."""
        if self.processes == 1:
            return list(numbers)
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return [float(value) for value in tensor.tolist()]

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process; the same answer on every process."""
        return self.add([float(flag)])[0] > 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are averaged over all processes; the module itself where there is one."""
        if self.processes == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(share_norms(module, self.device), device_ids=devices, broadcast_buffers=False)


@contextmanager
def join_world(device: str = "auto") -> Iterator[World]:
    """Join the run that torchrun started, or make a world of one process; leave it at the end.

    Parameters
    ----------
    device
        ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:<number>``.

    Yields
    ------
    World
        The processes, seen from this one.

    Raises
    ------
    SettingsError
        There is no such device.
    """
    processes, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = find_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if processes == 1:
        yield World(0, 1, chosen)
        return
    # gloo and nccl: the CPU group carries tensors that are not on the GPU.
    dist.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank, processes, chosen)
    finally:
        gc.collect()  # a wrapped network that still exists would hold gloo's threads after the group's end
        dist.destroy_process_group()


def share_norms(module: nn.Module, device: torch.device) -> nn.Module:
    """Let every batch norm of a module take its statistics over all processes.

    On a GPU this is torch's SyncBatchNorm, which exists only there; on CPU it is `SharedBatchNorm`. Names of
    parameters and buffers stay.
    """
    if device.type == "cuda":
        shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return shared
    group = dist.new_group(backend="gloo")
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, SharedBatchNorm.of(child, group))
    return module


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the pictures of all processes, on CPU: (B, C, H, W) → (B, C, H, W).

    Mean and variance are all-reduced in the forward pass, their gradients in the backward pass: what one process would
    compute with the whole batch. Every process must hold the same number of pictures. The statistics travel in a
    group of their own, apart from the gradients that are averaged meanwhile.
    """

    group: Any

    @classmethod
    def of(cls, norm: nn.BatchNorm2d, group: Any) -> SharedBatchNorm:
        """Return a shared norm that holds the parameters and buffers of `norm`."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared._parameters, shared._buffers = norm._parameters, norm._buffers
        shared.group = group
        return shared.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize `x`; with running statistics when not training."""
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1] * dist.get_world_size(self.group)
        mean = _add_all(x.sum(dim=(0, 2, 3)), self.group) / count  # (C,)
        centered = x - mean[:, None, None]
        variance = _add_all(centered.square().sum(dim=(0, 2, 3)), self.group) / count  # (C,)
        self._follow(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)  # (C,)
        return centered * scale[:, None, None] + self.bias[:, None, None]

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of this batch."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _AddAll(torch.autograd.Function):
    """Sum over processes, whose gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: Any) -> Tensor:
        ctx.group = group
        total = tensor.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone()
        dist.all_reduce(total, group=ctx.group)
        return total, None


def _add_all(tensor: Tensor, group: Any) -> Tensor:
    total: Tensor = _AddAll.apply(tensor, group)  # type: ignore[no-untyped-call]
    return total
