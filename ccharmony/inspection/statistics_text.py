"""The statistics of a dataset as lines for a terminal, and as an HTML page with plots that needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccharmony import __version__, files
from ccharmony.arrays import Float64
from ccharmony.dataset.card import sheet
from ccharmony.inspection.statistics import FIGURES, NEAR, Drift, Statistics

SHOWN = 10
"""Donors and duplicates that are named."""

_QUANTILES = (0, 0.05, 0.5, 0.95, 1)
_COLORS = "#1d6fa5", "#c8553d"

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""A title, the heads of the columns, and rows."""


def tabulate(found: Statistics, against: Sequence[Drift] = ()) -> list[Table]:
    """Return all tables, in the order in which they are shown."""
    facts = found.facts
    counts = "photos", "foregrounds", "pairs"
    tables: list[Table] = [
        ("Splits", ("split", *counts), [_texts(line) for line in facts.count_splits()]),
        ("Cameras", ("source", "camera", *counts), [_texts(line) for line in facts.count_cameras()]),
        ("Figures", ("", "least", "5 %", "median", "95 %", "most"), list(_figures(found))),
        ("Donors lent most", ("donor", "composites"), [_texts(line) for line in found.lent[:SHOWN]]),
    ]
    title = f"Pictures of train and test that look alike (at most {NEAR} of 64 bits differ): {len(found.duplicates)}"
    tables.append((title, ("train", "test", "bits"), [_texts(line) for line in found.duplicates[:SHOWN]]))
    if against:
        heads = "", "median here", "median there", "distance", "p"
        lines = [
            (FIGURES[one.figure], *map(_short, one.medians), f"{one.distance:.2f}", f"{one.p_value:.1g}")
            for one in against
        ]
        tables.append(("Drift against the other dataset (Kolmogorov-Smirnov)", heads, lines))
    return tables


def print_tables(tables: Sequence[Table]) -> Iterator[str]:
    """Yield the tables as lines of text, columns side by side."""
    for title, heads, rows in tables:
        yield title
        lines = [heads, *rows] if rows else []
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        yield ""


def write_page(path: Path, title: str, root: Path, found: Statistics, tables: Sequence[Table]) -> None:
    """Write the page atomically; raises OutputError."""
    import jinja2  # here, with matplotlib below, since only the page needs them

    loader = jinja2.PackageLoader("ccharmony.inspection")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.get_template("statistics.html.j2").render(
        title=title,
        version=__version__,
        tables=tables,
        sheet=_uri(sheet.draw_sheet(root, found.facts.rows), "image/jpeg"),
        plots=[(FIGURES[name], _uri(plot, "image/svg+xml")) for name, plot in _plots(found)],
    )
    files.write_bytes(path, text.encode("utf-8", errors="replace"))


def _figures(found: Statistics) -> Iterator[list[str]]:
    for name, words in FIGURES.items():
        values = found.figures[name]
        if values.size:
            yield [words, *(_short(value) for value in np.quantile(values, _QUANTILES))]


def _plots(found: Statistics) -> Iterator[tuple[str, bytes]]:
    """Yield a histogram of each figure; those of own and donor lights share one."""
    for name in FIGURES:
        values = [found.figures[name]]
        if name.endswith("_donor") or not values[0].size:
            continue
        values += [found.figures[f"{name}_donor"]] if f"{name}_donor" in found.figures else []
        yield name, _histogram(values)


def _histogram(values: Sequence[Float64]) -> bytes:
    """Return an SVG: shares of the values, of the donors' beside them."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    every = np.concatenate(values)
    edges = np.histogram_bin_edges(every, bins=24, range=None if np.ptp(every) else (every[0], every[0] + 1))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "statistics", "font.family": "sans-serif"}):
        figure = Figure(figsize=(4.2, 2.4), layout="constrained")
        axes = figure.subplots()
        for part, color, label in zip(values, _COLORS, ("own light", "donor light"), strict=False):
            shares = np.histogram(part, edges)[0] / max(1, part.size)
            axes.stairs(shares, edges, fill=True, color=color, alpha=0.55, label=label)
        if len(values) > 1:
            axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _texts(line: Sequence[Any]) -> list[str]:
    return [str(cell) for cell in line]


def _short(value: float) -> str:
    """Return a number in four digits, at least to the fourth place: 6504, 8.712, 0.0031."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}" if abs(value) >= 0.01 or not value else f"{value:.4f}"
