"""Batches: what a training step gets, where it comes from, and in which order.

A source gives the same batch for the same epoch and indices, whichever process or thread asks: all randomness comes
from `augment.generator`. So a resumed run and a run on several processes see what an unbroken run on one sees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ccharmony.arrays import Int64
from ccharmony.errors import SettingsError
from harmonize.data import shard_order

_MIX = 3
"""Third number of the seed of how the orders of several sources are mixed."""


@dataclass(frozen=True)
class Batch:
    """Composites, their masks and the real pictures.

    Attributes
    ----------
    composite, real
        Pictures (B, 3, H, W), RGB, sRGB-encoded, in [0, 1], float32.
    mask
        Foreground (B, 1, H, W), in [0, 1], float32.
    names
        One name a picture, for messages.
    """

    composite: Tensor
    mask: Tensor
    real: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True), self.names)

    def select(self, rows: Sequence[int]) -> Batch:
        """Return the pictures of these rows, in this order."""
        return self._each(lambda tensor: tensor[list(rows)], tuple(self.names[row] for row in rows))

    def _each(self, change: Callable[[Tensor], Tensor], names: tuple[str, ...]) -> Batch:
        return Batch(change(self.composite), change(self.mask), change(self.real), names)


@dataclass(frozen=True)
class BatchRequest:
    """What one step asks of a source: samples of an epoch, as squares of `size` pixels, pairs or unpaired."""

    epoch: int
    indices: Sequence[int]
    size: int
    unpaired: bool = False


def join(batches: Sequence[Batch]) -> Batch:
    """Return several batches of one picture size as one."""
    return Batch(
        composite=torch.cat([batch.composite for batch in batches]),
        mask=torch.cat([batch.mask for batch in batches]),
        real=torch.cat([batch.real for batch in batches]),
        names=tuple(name for batch in batches for name in batch.names),
    )


class Source(Protocol):
    """Where batches come from: a fixed number of samples, each with new random choices in every epoch."""

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        ...

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return the samples of these indices as they are in that epoch, size x size pixels."""
        ...


@runtime_checkable
class TwoStreams(Source, Protocol):
    """A source that also gives composites without an answer."""

    def unpaired(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return composites of that epoch without an answer, one an index, size x size pixels."""
        ...


@runtime_checkable
class Streamed(Source, Protocol):
    """A source that may be read faster in some orders than in others."""

    def stream_order(self, seed: int, epoch: int, batch: int) -> Int64 | None:
        """Return an order of an epoch that suits the source, for batches of a size; None where any is as good."""
        ...


def prepare(source: Source, request: BatchRequest) -> Batch:
    """Return what a step asks for; raises SettingsError where a source has no unpaired composites."""
    if not request.unpaired:
        return source.batch(request.epoch, request.indices, request.size)
    if not isinstance(source, TwoStreams):
        raise SettingsError("unpaired stream: the source has pairs only, wanted photos, or a supervised run")
    return source.unpaired(request.epoch, request.indices, request.size)


@dataclass(frozen=True)
class Data:
    """What a run trains on and is validated on.

    Attributes
    ----------
    train
        Pairs to learn from.
    check
        Pairs to validate on, or None.
    ahead
        Batches that a thread prepares in advance; 0 where they are made on the network's device.
    summarize
        Returns a line on the pictures so far, such as how many were left out; empty if there is nothing to report.
    """

    train: Source
    check: Source | None = None
    ahead: int = 2
    summarize: Callable[[], str] = lambda: ""


class Joined:
    """Several sources as one; the indices run through the first, then the second, and so on."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self._starts = np.cumsum([0, *map(len, sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def stream_order(self, seed: int, epoch: int, batch: int) -> Int64 | None:
        """Return the orders that suit the parts, mixed at random; None where any is as good for all of them."""
        found = [part.stream_order(seed, epoch, batch) if isinstance(part, Streamed) else None for part in self.sources]
        if all(part is None for part in found):
            return None
        random = np.random.default_rng((seed, epoch, _MIX))
        orders = [
            start + (random.permutation(len(source)) if part is None else part)
            for start, source, part in zip(self._starts, self.sources, found, strict=False)  # the last is the end
        ]
        return shard_order.interleave(orders, random)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return the samples in the order of their indices, whichever source each is from."""
        owners = np.searchsorted(self._starts, np.asarray(indices), side="right") - 1
        parts: list[Batch] = []
        order: list[int] = []
        for owner, source in enumerate(self.sources):
            rows = np.flatnonzero(owners == owner).tolist()
            if rows:
                parts.append(source.batch(epoch, [indices[row] - int(self._starts[owner]) for row in rows], size))
                order += rows
        return join(parts).select(np.argsort(order).tolist())


def order(seed: int, epoch: int, source: Source | int, batch: int) -> Int64:
    """Return the order in which an epoch visits the samples of a source, or a number of samples."""
    found = source.stream_order(seed, epoch, batch) if isinstance(source, Streamed) else None
    if found is not None:
        return found
    return np.random.default_rng((seed, epoch)).permutation(source if isinstance(source, int) else len(source))


def schedule_epoch(
    seed: int, epoch: int, source: Source | int, batch: int, *, rank: int = 0, processes: int = 1
) -> list[list[int]]:
    """Return which samples each step of an epoch takes.

    Parameters
    ----------
    seed, epoch
        What all random choices depend on.
    source
        What is visited, or the number of its samples: at random, but in an object store shard by shard.
    batch
        Pictures a step, over all processes; what is left at the end of the epoch is not used.
    rank, processes
        Which part of each batch is this process's, of how many.

    Returns
    -------
    list[list[int]]
        Indices of the samples of each step, for this process.

    Raises
    ------
    SettingsError
        The batch is larger than the set, or cannot be shared evenly.
    """
    count = source if isinstance(source, int) else len(source)
    if batch > count:
        raise SettingsError(f"batch {batch} is larger than the set: {count} samples, wanted --batch {count} or less")
    if batch % processes:
        raise SettingsError(
            f"batch {batch} cannot be shared by {processes} processes, wanted a multiple of {processes}"
        )
    visits = order(seed, epoch, source, batch)
    visits = visits[: len(visits) // batch * batch].reshape(-1, batch)  # (steps, batch)
    share = batch // processes
    return [row.tolist() for row in visits[:, rank * share : (rank + 1) * share]]


def read_ahead(source: Source, requests: Iterable[BatchRequest], ahead: int) -> Iterator[tuple[BatchRequest, Batch]]:
    """Give requests and their batches in order, up to `ahead` of them prepared in a thread while one is used.

    With `ahead` 0 each is prepared when it is asked for, which is right where preparing needs the network's device.
    """
    if ahead == 0:
        yield from ((request, prepare(source, request)) for request in requests)
        return
    waiting: deque[tuple[BatchRequest, Future[Batch]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        try:
            for request in requests:
                waiting.append((request, pool.submit(prepare, source, request)))
                if len(waiting) > ahead:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def to_unit(images: Tensor) -> Tensor:
    """Return 8-bit images (B, H, W, 3) as a tensor (B, 3, H, W) of floats in [0, 1]."""
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)
