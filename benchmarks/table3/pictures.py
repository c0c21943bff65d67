"""The pictures of docs/results.md.

-   :func:`draw_figure`: docs/ablation.svg, fMSE by row of Table 3, and what each row gains over row 1.
-   :func:`draw_strip`: docs/ablation_strip.webp, the same composites under rows 1, 5 and 8, with the real pictures. The
    pairs are a rendered dataset's (`ccharmony build --src demo`), which may be shown.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.table3 import results
from benchmarks.table3.plan import COMPARED, ORDER, describe_row
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

_BLUE, _GRAY, _ORANGE = "#2b6ca3", "#8a8a8a", "#c8641e"


def draw_figure(found: Sequence[Result]) -> bytes:
    """Draw the figure of the finished rows as SVG; the same numbers give the same bytes.

    Left, the mean of fMSE over the validation pairs with its 95 % interval over photos, and a dot a seed. Right, the
    difference from row 1 under the same seeds, paired photo by photo, which is what distinguishes rows.
    """
    shown = [row for row in sorted(ORDER) if by_seed(found, row)]
    with mpl.rc_context({"svg.hashsalt": "ablation", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(8.4, 0.6 + 0.3 * max(len(shown), 3)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _draw_means(left, found, shown)
        _draw_gains(right, found, shown)
        left.set_yticks(range(len(shown)), [f"{row}  {describe_row(row)}" for row in shown])
        left.invert_yaxis()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_means(axes: Axes, found: Sequence[Result], shown: Sequence[int]) -> None:
    for line, row in enumerate(shown):
        runs = list(by_seed(found, row).values())
        table = results.combine([(1 / len(runs), run.table) for run in runs])
        low, high = results.interval(table)
        axes.plot([low, high], [line, line], color=_GRAY, linewidth=1.5)
        axes.plot(results.means(table)["fmse"], line, "|", color=_BLUE, markersize=11, markeredgewidth=2)
        seeds = [run.means["fmse"] for run in runs]
        axes.plot(seeds, [line] * len(seeds), "o", color=_ORANGE, markersize=3)
    composites = results.means(results.read_composites(found[0]))["fmse"]
    axes.set_xlabel(f"fMSE (dots: seeds; composites: {composites:.0f})")
    axes.grid(axis="x", alpha=0.3)


def _draw_gains(axes: Axes, found: Sequence[Result], shown: Sequence[int]) -> None:
    axes.axvline(0, color=_GRAY, linewidth=1)
    for line, row in enumerate(shown):
        entry = results.contrast(found, {row: 1, 1: -1}) if row != 1 else None
        if entry is not None:
            axes.plot([entry.low, entry.high], [line, line], color=_BLUE, linewidth=1.5)
            axes.plot(entry.value, line, "o", color=_BLUE, markersize=5, fillstyle="full" if entry.sign else "none")
    axes.set_xlabel("change from row 1 (filled: beyond chance)")
    axes.grid(axis="x", alpha=0.3)


@torch.no_grad()
def draw_strip(study: Study, found: Sequence[Result], data: Path, side: int = 160) -> UInt8 | None:
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
