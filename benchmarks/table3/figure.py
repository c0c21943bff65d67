"""docs/ablation.svg: fMSE by row of Table 3, and what each row gains over row 1."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.table3 import contrasts, results
from benchmarks.table3.plan import ORDER
from benchmarks.table3.results import Result, by_seed
from benchmarks.table3.tables import describe

_BLUE, _GRAY, _ORANGE = "#2b6ca3", "#8a8a8a", "#c8641e"


def draw(found: Sequence[Result]) -> bytes:
    """Draw the figure of the finished rows as SVG; the same numbers give the same bytes.

    Left, the mean of fMSE over the validation pairs with its 95 % interval over photos, and a dot a seed. Right, the
    difference from row 1 under the same seeds, paired photo by photo, which is what tells rows apart.
    """
    shown = [row for row in sorted(ORDER) if by_seed(found, row)]
    with mpl.rc_context({"svg.hashsalt": "ablation", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(8.4, 0.6 + 0.3 * max(len(shown), 3)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _draw_means(left, found, shown)
        _draw_gains(right, found, shown)
        left.set_yticks(range(len(shown)), [f"{row}  {describe(row)}" for row in shown])
        left.invert_yaxis()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_means(axes: Axes, found: Sequence[Result], shown: Sequence[int]) -> None:
    for place, row in enumerate(shown):
        runs = list(by_seed(found, row).values())
        table = contrasts.combine([(1 / len(runs), run.table) for run in runs])
        low, high = contrasts.interval(table)
        axes.plot([low, high], [place, place], color=_GRAY, linewidth=1.5)
        axes.plot(results.means(table)["fmse"], place, "|", color=_BLUE, markersize=11, markeredgewidth=2)
        seeds = [run.means["fmse"] for run in runs]
        axes.plot(seeds, [place] * len(seeds), "o", color=_ORANGE, markersize=3)
    composites = results.means(results.read_composites(found[0]))["fmse"]
    axes.set_xlabel(f"fMSE (dots: seeds; composites: {composites:.0f})")
    axes.grid(axis="x", alpha=0.3)


def _draw_gains(axes: Axes, found: Sequence[Result], shown: Sequence[int]) -> None:
    axes.axvline(0, color=_GRAY, linewidth=1)
    for place, row in enumerate(shown):
        entry = contrasts.contrast(found, {row: 1, 1: -1}) if row != 1 else None
        if entry is not None:
            axes.plot([entry.low, entry.high], [place, place], color=_BLUE, linewidth=1.5)
            axes.plot(entry.value, place, "o", color=_BLUE, markersize=5, fillstyle="full" if entry.sign else "none")
    axes.set_xlabel("change from row 1 (filled: beyond chance)")
    axes.grid(axis="x", alpha=0.3)
