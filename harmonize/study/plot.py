"""Strengths and their intervals as a picture."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from harmonize.study.ranking import Ranking


def draw_strengths(ranking: Ranking) -> bytes:
    """Return an SVG: one row a method, the strongest on top, a dot for its strength and a line for its interval."""
    order = ranking.order()
    found = [ranking.strength(method) for method in order]
    values = np.array([estimate.value for estimate in found])
    reach = np.array([(estimate.value - estimate.low, estimate.high - estimate.value) for estimate in found]).T
    # Text as text, and no random names or dates: the same votes give the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "study", "font.family": "sans-serif"}):
        figure = Figure(figsize=(7, 0.9 + 0.42 * len(order)), layout="constrained")
        axes = figure.subplots()
        rows = np.arange(len(order))[::-1]
        axes.axvline(0, color="#bbbbbb", linewidth=1)
        axes.errorbar(values, rows, xerr=np.nan_to_num(reach), fmt="o", color="#1d6fa5", ecolor="#1d6fa5", elinewidth=2)
        axes.set_yticks(rows, [ranking.methods[method] for method in order])
        axes.set_ylim(-0.6, len(order) - 0.4)
        axes.set_xlabel("preferred less   ←   strength, 95 % interval   →   preferred more")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
