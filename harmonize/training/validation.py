"""Validation during a run: the field's metrics on a fixed set, and a strip of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor, nn

from ccharmony.arrays import Float32, UInt8
from harmonize.data.batches import Batch, Source
from harmonize.evaluation import metrics, protocols
from harmonize.models.normalization import denormalize, normalize
from harmonize.training.distributed import World

STRIP = 8
"""Pictures in a strip."""

_BATCH = 16


def validate(network: nn.Module, source: Source, size: int, world: World, *, of_real: bool = False) -> dict[str, float]:
    """Score a network on every pair of a source, each process its share.

    Parameters
    ----------
    network
        In evaluation mode, on the world's device.
    source
        The pairs.
    size
        Side at which they are scored; the protocol is iSSAM's but for that.
    world
        The processes that share the work.
    of_real
        Whether the network gets the real picture in place of the composite: the reconstruct stage.

    Returns
    -------
    dict[str, float]
        Mean of each metric, and `n`; fSSIM over the pictures that show foreground.
    """
    return _mean(_score(network, source, size, world, of_real), world)


def score_composites(source: Source, size: int, world: World) -> dict[str, float]:
    """Return the scores of the composites themselves, as :func:`validate` does: what a network has to improve on."""
    return _mean(_score(None, source, size, world, False), world)


def strip(network: nn.Module, batch: Batch, device: torch.device, *, of_real: bool = False) -> UInt8:
    """Return composite, mask, output and real picture of each pair below each other, (4·H, B·W, 3)."""
    with torch.no_grad():
        output = run(network, batch.to(device), of_real=of_real).cpu()
    rows = [batch.composite, batch.mask.expand(-1, 3, -1, -1), output, batch.real]
    picture = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)  # (3, 4·H, B·W)
    return np.asarray((picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy())


def select_pairs(source: Source, size: int, count: int = STRIP) -> Batch:
    """Return pairs spread evenly over a source, the same ones each time."""
    indices = np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int).tolist()
    return source.batch(0, indices, size)


def run(network: nn.Module, batch: Batch, *, of_real: bool = False) -> Tensor:
    """Return the output of a network for a batch on its device, (B, 3, H, W) in [0, 1]."""
    given = normalize(batch.real if of_real else batch.composite).to(memory_format=torch.channels_last)
    output: Tensor = network(given, batch.mask)
    return denormalize(output.float())


@torch.no_grad()
def _score(
    network: nn.Module | None, source: Source, size: int, world: World, of_real: bool
) -> Iterator[metrics.Scores]:
    protocol = protocols.find(protocols.DEFAULT)
    mine = list(range(world.rank, len(source), world.processes))
    with ThreadPoolExecutor(4) as pool:
        for start in range(0, len(mine), _BATCH):
            batch = source.batch(0, mine[start : start + _BATCH], size)
            output = batch.composite if network is None else run(network, batch.to(world.device), of_real=of_real).cpu()
            pictures = zip(_levels(output), _levels(batch.real), batch.mask[:, 0].numpy(), strict=True)
            yield from pool.map(lambda parts: protocols.score(protocol, *parts), pictures)


def _mean(scores: Iterator[metrics.Scores], world: World) -> dict[str, float]:
    """Return the means over all processes: sums and counts are added, not means averaged."""
    sums, counts = [0.0] * len(metrics.NAMES), [0.0] * len(metrics.NAMES)
    for row in scores:
        for column, value in enumerate(row.values()):
            if math.isfinite(value):
                sums[column] += value
                counts[column] += 1
    numbers = world.add([*sums, *counts])
    sums, counts = numbers[: len(sums)], numbers[len(sums) :]
    means = [total / count if count else math.nan for total, count in zip(sums, counts, strict=True)]
    return {**dict(zip(metrics.NAMES, means, strict=True)), "n": counts[0]}


def _levels(pictures: Tensor) -> Sequence[Float32]:
    """Return pictures (B, 3, H, W) in [0, 1] as (H, W, 3) arrays in levels."""
    return list((pictures * 255).permute(0, 2, 3, 1).numpy())
