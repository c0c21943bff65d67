"""The casts of sampled lights against those of the recorded ones, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from ccharmony.color.cast import measure_casts
from ccharmony.records import FitRecord


def draw_casts(recorded: Sequence[FitRecord], sampled: Sequence[FitRecord]) -> bytes:
    """Return a PNG: color temperature to the right, on a scale of equal steps of its inverse, and Duv upwards."""
    from matplotlib.figure import Figure  # here, since it takes a second

    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for lights, color, size, label in ((sampled, "#c8553d", 8, "sampled"), (recorded, "#1d6fa5", 14, "recorded")):
        cct, duv = measure_casts(np.array([light.patches for light in lights]))
        axes.scatter(1e6 / cct, duv, s=size, c=color, alpha=0.6, linewidths=0, label=f"{label} ({len(lights)})")
    marks = np.array([2500, 3000, 4000, 5000, 6500, 10000, 20000])
    low, high = axes.get_xlim()
    shown = marks[(1e6 / marks >= low) & (1e6 / marks <= high)]
    axes.set_xticks(1e6 / shown, [str(mark) for mark in shown.tolist()])
    axes.set_xlim(high, low)  # yellow on the left
    axes.set_xlabel("correlated color temperature, K")
    axes.set_ylabel("Duv: magenta below, green above")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
