"""docs/ablation_strip.webp: the same composites under rows 1, 5 and 8, with what they should be.

The pairs are a rendered dataset's (`ccharmony build --src demo`): pictures that may be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.table3.plan import COMPARED
from benchmarks.table3.results import Result, by_seed
from benchmarks.table3.study import Study
from ccharmony.arrays import UInt8
from ccharmony.dataset.find_pairs import find_pairs
from harmonize.data.stored_pairs import StoredPairs
from harmonize.training import validation
from harmonize.weights import checkpoint

PAIRS = 6
"""Pictures of a line, spread evenly over all of the dataset's."""

LINES = ("composite", "mask", "row 1", "row 5", "row 8", "real")

_GAP = 4


@torch.no_grad()
def draw(study: Study, found: Sequence[Result], data: Path, side: int = 160) -> UInt8 | None:
    """Draw composite, mask, the rows of `COMPARED` under their first seed, and the real picture below each other.

    The networks see the pictures at the side at which the study scores them.

    Parameters
    ----------
    study, found
        A study and its finished runs.
    data
        Dataset in iHarmony4's layout.
    side
        Of each picture in the strip.

    Returns
    -------
    UInt8 | None
        The strip (6·side, PAIRS·side, 3) with gaps between; None where one of the rows is not finished.

    Raises
    ------
    SourceError, ImageError
        The dataset is missing or broken.
    """
    runs = [by_seed(found, row) for row in COMPARED]
    if not all(runs):
        return None
    source = StoredPairs(find_pairs(data, "all", strict=True)[0], strict=True)
    batch = validation.select_pairs(source, study.budget.scored_at, PAIRS)
    outputs = []
    for entries in runs:
        trial = entries[min(entries)].trial
        network = checkpoint.load(study.folder(trial.name) / "last.safetensors").net.eval()
        outputs.append(validation.run(network, batch))
    mask = batch.mask.expand(-1, 3, -1, -1)
    return _lay_out([batch.composite, mask, *outputs, batch.real], side)


def _lay_out(lines: Sequence[torch.Tensor], side: int) -> UInt8:
    """Put pictures (B, 3, H, W) in [0, 1] side by side, line below line, with white between."""
    small = [torch.nn.functional.interpolate(line, size=(side, side), mode="area") for line in lines]
    levels = [(line * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy() for line in small]
    step = side + _GAP
    canvas = np.full((len(levels) * step - _GAP, len(levels[0]) * step - _GAP, 3), 255, np.uint8)
    for row, line in enumerate(levels):
        for column, picture in enumerate(line):
            canvas[row * step : row * step + side, column * step : column * step + side] = picture
    return canvas
