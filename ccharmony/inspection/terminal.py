"""The report as lines for a terminal: all photos worst first, one photo patch by patch, the fit kinds compared.

Contents: :func:`worst_first`, :func:`detail`, :func:`comparison`.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from ccharmony.arrays import Float64
from ccharmony.checker.chart import NAMES, RELEASE_TO_CHART
from ccharmony.color import polynomial
from ccharmony.color.polynomial import FitKind
from ccharmony.inspection.patch_errors import Direction
from ccharmony.inspection.report import FIGURES, FitReport, PhotoReport
from ccharmony.names import shown

Cells = Sequence[str]
Swatch = Callable[[tuple[int, int, int]], str]
"""Draws a small patch of an 8-bit color; returns an empty string where colors cannot be shown."""

_COMPARED = {
    "left out": "left_out",
    "left out, back": "left_out_inverse",
    "ΔE": "delta_e",
    "ΔE, back": "delta_e_inverse",
    "RMSE": "rmse",
    "clips": "cube_clipped",
    "folds": "cube_folded",
}
_BETWEEN = "  "
_NARROWEST = 30
"""Columns that reasons need beside their row; where a terminal leaves fewer, they stand below it."""

_BELOW = 4
_SHARES = ("cube_clipped", "cube_folded")

LEGEND = (
    "there+back: mean ΔE2000 of the checker carried to standard, plus that of the standard carried back",
    "RMSE: error on the patches, 8-bit levels; ΔE, max: ΔE2000 on the patches, mean and largest",
    "left out: mean ΔE2000 of each patch under the fit of the others",
    "clips, folds: share of the color cube that leaves the range, on which colors change their order",
)
"""What the columns of :func:`worst_first` mean, at most 100 columns a line."""


def worst_first(report: FitReport, top: int, width: int = 0) -> Iterator[str]:
    """Yield the table of the worst photos, and what is left out of it.

    Parameters
    ----------
    report
        The fits.
    top
        Rows; 0 for all.
    width
        Columns of the terminal, into which the reasons are wrapped; 0 leaves each row on one line.

    Yields
    ------
    str
        One line.
    """
    photos = report.photos[: top or None]
    header = ("photo", "camera", "split", "fit", "there+back", "RMSE", "ΔE", "max", "left out", "clips", "folds", "why")
    rows = [_row(photo) for photo in photos]
    yield f"{shown(report.title)}: {len(report.photos)} photos, {report.flagged} flagged; worst first"
    yield ""
    yield from _aligned(header, rows, left=(0, 1, 2, 3, 11), width=width)
    if rest := report.photos[len(photos) :]:
        flagged = sum(bool(photo.reasons) for photo in rest)
        yield f"... and {len(rest)} more{f', {flagged} of them flagged' if flagged else ''} (--top 0 shows all)"
    yield ""
    yield from LEGEND


def detail(photo: PhotoReport, swatch: Swatch) -> Iterator[str]:
    """Yield everything on one photo: reasons, figures, each patch in both directions, every fit kind."""
    record = photo.record
    about = [record.camera, record.source, record.split, f"{record.kind} fit"]
    yield f"{shown(record.id)}: {', '.join(shown(text) for text in about if text)}"
    yield from (f"  {shown(reason)}" for reason in photo.reasons or ("nothing conspicuous",))
    yield ""
    rows = [(words, show_figure(photo.figures[name], unit)) for name, (words, unit) in FIGURES.items()]
    yield from _aligned(("figure", ""), rows, left=(0,))
    for title, direction in (("photo to standard", photo.forward), ("standard to photo", photo.inverse)):
        yield ""
        yield title
        yield from _patches(direction, record.notes, swatch)
    yield ""
    yield from _kinds_of(photo)


def comparison(report: FitReport) -> Iterator[str]:
    """Yield the fit kinds side by side over all photos: median and 95th percentile, and where each is the best."""
    photos = [photo for photo in report.photos if len(photo.kinds) == len(polynomial.KINDS)]
    best = [_best(photo) for photo in photos]
    rest = len(report.photos) - len(photos)
    without = f" ({rest} more have too few patches for some kind)" if rest else ""
    yield f"fit kinds over {len(photos)} photos, median / 95th percentile{without}"
    rows = []
    for kind in polynomial.KINDS if photos else ():
        figures = [photo.kinds[kind] for photo in photos]
        cells = [_spread([figure[name] for figure in figures], FIGURES[name][1]) for name in _COMPARED.values()]
        rows.append((kind, *cells, str(best.count(kind))))
    yield from _aligned(("fit", *_COMPARED, "best"), rows, left=(0,))
    yield "best: photos on which the left-out patches are met best, there and back together"


def show_figure(value: float, unit: str) -> str:
    """Return a figure in the digits that its unit deserves; a dash where it is unknown."""
    if not np.isfinite(value):
        return "-"
    return {"share": f"{value:.0%}", "count": f"{value:.0f}", "ratio": f"{value:.3g}"}.get(unit, f"{value:.2f}")


def _row(photo: PhotoReport) -> Cells:
    record, figures = photo.record, photo.figures
    texts = [shown(text) for text in (record.id, record.camera, record.split, record.kind)]
    values = [photo.there_and_back, *(figures[name] for name in ("rmse", "delta_e", "delta_e_max", "left_out"))]
    shares = [show_figure(figures[name], "share") for name in _SHARES]
    return (*texts, *(show_figure(value, "") for value in values), *shares, shown("; ".join(photo.reasons)))


def _patches(direction: Direction, notes: Sequence[str], swatch: Swatch) -> Iterator[str]:
    header = ("patch", "from", "carried", "wanted", "ΔE", "left out", "hue", "")
    rows = []
    for patch in RELEASE_TO_CHART:
        colors = [direction.source[patch], direction.carried[patch], direction.wanted[patch]]
        numbers = [direction.delta_e[patch], direction.left_out[patch]]
        shift = direction.hue_shift[patch]
        rows.append(
            (
                NAMES[patch],
                *(_color(color, swatch) for color in colors),
                *(show_figure(number, "") for number in numbers),
                f"{shift:+.0f}°" if np.isfinite(shift) else "",
                shown(notes[patch]) if notes else "",
            )
        )
    yield from _aligned(header, rows, left=(0, 1, 2, 3, 7))


def _kinds_of(photo: PhotoReport) -> Iterator[str]:
    rows = [
        (kind, *(show_figure(figures[name], FIGURES[name][1]) for name in _COMPARED.values()))
        for kind, figures in photo.kinds.items()
    ]
    yield from _aligned(("fit", *_COMPARED), rows, left=(0,))


def _best(photo: PhotoReport) -> FitKind | None:
    """Return the kind that meets the left-out patches best, there and back together."""

    def missed(figures: Mapping[str, float]) -> float:
        return figures["left_out"] + figures["left_out_inverse"]

    return min(photo.kinds, key=lambda kind: missed(photo.kinds[kind]), default=None)


def _color(color: Float64, swatch: Swatch) -> str:
    """Return an 8-bit color as three columns; values outside [0, 255] are shown as they are."""
    if not np.isfinite(color).all():
        return "not measured"
    levels = np.rint(255 * color).astype(int)
    red, green, blue = np.clip(levels, 0, 255).tolist()
    return swatch((red, green, blue)) + " ".join(f"{level:4d}" for level in levels)


def _spread(values: Sequence[float], unit: str) -> str:
    known = np.array([value for value in values if np.isfinite(value)] or [np.nan])
    return " / ".join(show_figure(float(np.percentile(known, share)), unit) for share in (50, 95))


def _aligned(header: Cells, rows: Sequence[Cells], left: Sequence[int], width: int = 0) -> Iterator[str]:
    """Yield a table whose columns stand under each other; numbers flush right, the columns in `left` flush left.

    With a width, the last column is wrapped: beside its row, or below it where `_NARROWEST` columns are not left.
    """
    table = [header, *rows]
    widths = [max(_columns(row[column]) for row in table) for column in range(len(header))]
    start = sum(widths[:-1]) + len(_BETWEEN) * (len(widths) - 1)
    for row in table:
        cells = []
        for column, cell in enumerate(row):
            blank = " " * (widths[column] - _columns(cell))
            cells.append(cell + blank if column in left else blank + cell)
        if not width:
            yield _BETWEEN.join(cells).rstrip()
        elif width - start >= _NARROWEST:
            first, *more = textwrap.wrap(row[-1], width - start) or [""]
            yield _BETWEEN.join([*cells[:-1], first]).rstrip()
            yield from (" " * start + line for line in more)
        else:
            yield _BETWEEN.join(cells[:-1]).rstrip()
            below = row[-1] if row is not header else ""
            yield from textwrap.wrap(below, width, initial_indent=" " * _BELOW, subsequent_indent=" " * _BELOW)


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide letters take two, marks and color codes none."""
    plain = "".join(part.partition("m")[2] if number else part for number, part in enumerate(text.split("\x1b[")))
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in plain)
    return len(plain) + wide - sum(bool(unicodedata.combining(letter)) for letter in plain)
