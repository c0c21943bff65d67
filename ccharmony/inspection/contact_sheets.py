"""Contact sheets: the composites of a dataset, ten in a row next to the real picture and the foreground.

Pictures are placed pixel by pixel; matplotlib sets the captions, in any script that its fonts have.

Contents: :func:`write_sheets`, :func:`draw_sheet`.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from matplotlib.figure import Figure

from ccharmony import files
from ccharmony.arrays import UInt8
from ccharmony.images import pixels
from ccharmony.images.thumbnails import shrink
from ccharmony.inspection.report import FitReport, PhotoReport
from ccharmony.inspection.thumbnails import outline
from ccharmony.names import shown
from ccharmony.progress import Progress
from ccharmony.records import Pair

Item = TypeVar("Item")
Cell = tuple[UInt8, tuple[str, ...]]
"""A picture and the lines below it."""
Label = tuple[int, int, str, float, str]
"""Left end of the base line in pixels x, y; text; size in points; color."""

COMPOSITES_A_ROW = 10
ROWS_A_SHEET = 8

_CELL = 180, 135  # width and height
_GAP, _MARGIN, _HEAD, _CAPTION = 8, 24, 30, 36
_LETTERS = 27
_ROW = _HEAD + _CELL[1] + _CAPTION
_DPI = 100
_SURROUND = 110  # a neutral gray of L* 47, on which neither light nor dark pictures look wrong
_INK, _DIM = "#ffffff", "#d8d8d8"


@dataclass(frozen=True)
class SheetRow:
    """One row of a sheet: a foreground of a photo with at most ten of its composites."""

    photo: PhotoReport
    pairs: tuple[Pair, ...]


def write_sheets(
    folder: Path, content: FitReport, root: Path, *, jobs: int = 2, progress: Progress | None = None
) -> list[Path]:
    """Write the contact sheets of a dataset, ``sheet_001.png`` and so on, the worst fits first.

    Parameters
    ----------
    folder
        Folder to write into; made if it is absent.
    content
        The dataset's fits and pairs.
    root
        The dataset.
    jobs
        Rows read at a time.
    progress
        Called after each sheet.

    Returns
    -------
    list[Path]
        The sheets written, in order.

    Raises
    ------
    ImageError
        A picture of the dataset cannot be read.
    OutputError
        A sheet cannot be written.
    """
    files.make_folder(folder)
    sheets = list(_batches(list(_rows(content)), ROWS_A_SHEET))
    paths = [folder / f"sheet_{number:03d}.png" for number in range(1, len(sheets) + 1)]
    for number, (path, rows) in enumerate(zip(paths, sheets, strict=True), start=1):
        title = f"{content.title}, sheet {number} of {len(sheets)}"
        pixels.write_image(path, draw_sheet(rows, root, title, jobs))
        if progress:
            progress("sheets", number, len(sheets))
    return paths


def draw_sheet(rows: Sequence[SheetRow], root: Path, title: str, jobs: int = 1) -> UInt8:
    """Return one sheet as an image.

    Parameters
    ----------
    rows
        Rows to show, from top to bottom.
    root
        The dataset.
    title
        Written at the top.
    jobs
        Rows read at a time.

    Returns
    -------
    UInt8
        The sheet, shape (H, W, 3), RGB.
    """
    width = 2 * _MARGIN + (COMPOSITES_A_ROW + 2) * (_CELL[0] + _GAP) - _GAP
    height = 2 * _MARGIN + _HEAD + len(rows) * _ROW
    sheet = np.full((height, width, 3), _SURROUND, np.uint8)
    labels = [(_MARGIN, _MARGIN, title, 13.0, _INK)]
    with ThreadPoolExecutor(jobs) as pool:
        read = pool.map(lambda row: list(_cells(row, root)), rows)
        for number, (row, cells) in enumerate(zip(rows, read, strict=True)):
            top = _MARGIN + _HEAD + number * _ROW
            labels.append((_MARGIN, top + _HEAD - 8, _describe(row), 10.0, _INK))
            labels += _insert(sheet, cells, top + _HEAD)
    return _write_labels(sheet, labels)


def _rows(content: FitReport) -> Iterator[SheetRow]:
    for photo in content.photos:
        for _, pairs in itertools.groupby(photo.pairs, key=lambda pair: pair.foreground):
            for batch in _batches(list(pairs), COMPOSITES_A_ROW):
                yield SheetRow(photo, tuple(batch))


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _describe(row: SheetRow) -> str:
    record = row.photo.record
    about = (
        f"{record.id}  {row.pairs[0].foreground}   {record.kind} fit, ΔE there and back {row.photo.there_and_back:.1f}"
    )
    return "   ·   ".join((about, *row.photo.reasons))


def _cells(row: SheetRow, root: Path) -> Iterator[Cell]:
    """Yield the real picture, the same with the foreground outlined, and the composites, each with its caption."""
    real = _read(root / row.pairs[0].real)
    yield real, ("real",)
    yield _outlined(real, root / row.pairs[0].mask), ("foreground",)
    for pair in row.pairs:
        figures = f"ΔE {pair.delta_e:.1f}, {pair.clipped_share:.0%} clipped"
        yield _read(root / pair.composite), (_shortened(pair.donor), figures)


def _insert(sheet: UInt8, cells: Sequence[Cell], top: int) -> Iterator[Label]:
    """Put the pictures of a row on the sheet, and yield the captions below them."""
    for column, (picture, caption) in enumerate(cells):
        height, width = picture.shape[:2]
        left = _MARGIN + column * (_CELL[0] + _GAP)
        sheet[top : top + height, left : left + width] = picture
        for line, text in enumerate(caption):
            yield left, top + height + 14 + 13 * line, text, 8.0, _DIM


def _shortened(name: str) -> str:
    """Return a name that fits below a picture; of a long one the end, by which photos of one series differ."""
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"


def _read(path: Path) -> UInt8:
    image = pixels.read_preview(path, max(_CELL))
    height, width = image.shape[:2]
    return shrink(image, int(max(height, width) * min(_CELL[0] / width, _CELL[1] / height, 1)))


def _outlined(real: UInt8, mask: Path) -> UInt8:
    """Return a copy of the picture with the mask's outline: white, on a darker line that shows where white does not."""
    whole = pixels.read_mask(mask)
    scale = np.array(real.shape[1::-1]) / np.array(whole.shape[::-1])
    # OpenCV takes coordinates in sixteenths of a pixel.
    lines = [np.rint(16 * (line * scale - 0.5)).astype(np.int32) for line in outline(whole)]
    drawn = real.copy()
    cv2.polylines(drawn, lines, True, (40, 40, 40), 3, cv2.LINE_AA, 4)
    cv2.polylines(drawn, lines, True, (255, 255, 255), 1, cv2.LINE_AA, 4)
    return drawn


def _write_labels(sheet: UInt8, labels: Sequence[Label]) -> UInt8:
    """Return the sheet with labels on it."""
    height, width = sheet.shape[:2]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    figure.figimage(sheet, origin="upper")
    for x, y, text, size, color in labels:
        # A file name may hold a dollar sign: nothing is read as a formula.
        figure.text(x / width, 1 - y / height, shown(text), fontsize=size, color=color, parse_math=False)
    drawn = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # it becomes a box, which does no harm
        figure.savefig(drawn, format="rgba", dpi=_DPI)
    whole = np.frombuffer(drawn.getvalue(), np.uint8).reshape(height, width, 4)
    return np.ascontiguousarray(whole[..., :3])
