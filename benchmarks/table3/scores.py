"""What a finished run scores, pair by pair, in the table that `harmonize evaluate` writes.

The weights are the running average at the last step, not those of the best validation: these pairs chose nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.table3.study import Study
from ccharmony.dataset.find_pairs import find_pairs
from harmonize.data import lights, photos
from harmonize.data.batches import Batch, Source
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.stored_pairs import StoredPairs
from harmonize.devices import find_device
from harmonize.evaluation import protocols, report
from harmonize.evaluation.scoring import ScoredPair
from harmonize.training import validation
from harmonize.training.data import DataPaths
from harmonize.training.stop import Stop
from harmonize.weights import checkpoint

_BATCH = 8


def write(study: Study, folder: Path, device: str, stop: Stop) -> bool:
    """Score the last weights in the folder of a run on every validation pair, and write its images.csv.

    Returns
    -------
    bool
        Whether it was written; False where it was asked to stop before.
    """
    place = find_device(device)
    network = checkpoint.load(folder / "last.safetensors").net.to(place).eval().requires_grad_(False)
    rows: list[ScoredPair] = []
    for name, source in open_pairs(study.places).items():
        for start in range(0, len(source), _BATCH):
            if stop.due:
                return False
            indices = range(start, min(start + _BATCH, len(source)))
            rows += score(network, source.batch(0, indices, study.budget.scored_at), name, place)
    with report.open_images(folder / "images.csv", protocols.DEFAULT) as table:
        for row in rows:
            table.write(row)
    return True


def open_pairs(places: DataPaths) -> dict[str, Source]:
    """Open the pairs that a study scores, by the name of their set; the same ones for every run.

    Raises
    ------
    CcharmonyError
        A place is missing or broken; a pair that cannot be read, too, since all runs are to have the same.
    """
    threads = min(os.cpu_count() or 1, 16)
    found: dict[str, Source] = {}
    for root in places.data:
        pairs, _ = find_pairs(root, "test", strict=True)
        found[root.name] = StoredPairs(pairs, strict=True, threads=threads)
    if places.photos is not None and places.lights is not None:
        _, held = lights.hold_out(lights.read_lights(places.lights), places.held_lights)
        val = photos.find_photos(places.photos, "val")
        found["val"] = HeldPairs(val, held, each=places.held_composites, threads=threads)
    return found


@torch.no_grad()
def score(network: nn.Module, batch: Batch, name: str, device: torch.device) -> Iterator[ScoredPair]:
    """Score a network on a batch of a set, by iSSAM's protocol but for the size; raw output, background included.

    Pairs whose mask is empty at that size have no foreground to score and are left out, as in `harmonize evaluate`.
    """
    protocol = protocols.find(protocols.DEFAULT)
    outputs = validation.run(network, batch.to(device)).cpu()
    pictures = [_levels(part) for part in (batch.composite, outputs, batch.real)]
    for row, (composite, output, real) in enumerate(zip(*pictures, strict=True)):
        mask = batch.mask[row, 0].numpy()
        if mask.any():
            before, after = (protocols.score(protocol, picture, real, mask) for picture in (composite, output))
            yield ScoredPair(name, batch.names[row], float((mask > 0.5).mean()), before, after)


def _levels(images: torch.Tensor) -> Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return pictures (B, 3, H, W) in [0, 1] as (H, W, 3) arrays in levels."""
    return list((images * 255).permute(0, 2, 3, 1).numpy())
