"""contact_sheet.jpg: some foregrounds of a dataset, each in its real picture and in the light of its donors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from ccharmony.arrays import UInt8
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.records import Pair

Item = TypeVar("Item")

NAME = "contact_sheet.jpg"
ROWS, COMPOSITES = 6, 5
CELL = 240, 180
"""Width and height of a picture's place."""

_GAP = 8
_SURROUND = 110  # a neutral gray of L* 47, as in the contact sheets of `inspect`
_QUALITY = 88


def draw_sheet(root: Path, rows: Sequence[Pair]) -> bytes:
    """Return the sheet as a JPEG: a row a foreground, its real picture with the outline of the mask, and composites.

    Foregrounds are taken evenly from the manifest, composites evenly from each. A picture that cannot be read leaves
    its place gray: other checks name it.

    Parameters
    ----------
    root
        The dataset.
    rows
        Its pairs, in the manifest's order.

    Returns
    -------
    bytes
        The JPEG, the same for the same pictures.
    """
    groups = [list(group) for _, group in itertools.groupby(rows, key=lambda row: row.mask)]
    chosen = [_spread(group, COMPOSITES) for group in _spread(groups, ROWS)]
    width = (max(map(len, chosen), default=0) + 1) * (CELL[0] + _GAP) + _GAP
    sheet = np.full((len(chosen) * (CELL[1] + _GAP) + _GAP, width, 3), _SURROUND, np.uint8)
    for number, group in enumerate(chosen):
        top = _GAP + number * (CELL[1] + _GAP)
        for column, picture in enumerate(_pictures(root, group)):
            _insert(sheet, picture, top, _GAP + column * (CELL[0] + _GAP))
    return pixels.encode(sheet, ".jpg", _QUALITY)


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most so many items, evenly spread."""
    places = np.linspace(0, len(items) - 1, min(count, len(items)))
    return [items[round(place)] for place in places.tolist()]


def _pictures(root: Path, rows: Sequence[Pair]) -> Iterator[UInt8]:
    yield _outlined(root / rows[0].real, root / rows[0].mask)
    for row in rows:
        yield _read(root / row.composite)


def _read(path: Path) -> UInt8:
    """Return a picture that fits into its place; an empty one where it cannot be read."""
    try:
        image = pixels.read_preview(path, max(CELL))
    except ImageError:
        return np.empty((0, 0, 3), np.uint8)
    height, width = image.shape[:2]
    scale = min(CELL[0] / width, CELL[1] / height, 1)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _outlined(real: Path, mask: Path) -> UInt8:
    """Return the real picture with the edge of the mask: white, on a darker line that shows where white does not."""
    drawn = _read(real)
    try:
        whole = pixels.read_mask(mask)
    except ImageError:
        return drawn
    if drawn.size:
        small = cv2.resize(whole, drawn.shape[1::-1], interpolation=cv2.INTER_AREA)
        lines, _ = cv2.findContours((small > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, (40, 40, 40), 3, cv2.LINE_AA)
        cv2.drawContours(drawn, lines, -1, (255, 255, 255), 1, cv2.LINE_AA)
    return drawn


def _insert(sheet: UInt8, picture: UInt8, top: int, left: int) -> None:
    """Put a picture into the middle of its place."""
    height, width = picture.shape[:2]
    top, left = top + (CELL[1] - height) // 2, left + (CELL[0] - width) // 2
    sheet[top : top + height, left : left + width] = picture
