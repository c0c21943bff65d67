"""A mask as an array: as its file holds it, as levels or shares; its parts, its size, and what is odd about it.

Contents: :class:`StoredMask`, :func:`shares`, :func:`check_shares`, :func:`split`, :func:`fit_size`, :func:`remark`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Bool, Float32, Mask, Samples, Shape
from ccharmony.errors import ImageError

Real = TypeVar("Real", np.float32, np.float64)

ROUNDING = 2.0
"""Pixels that rounding, and the row or column that some published masks lack, may subtract from a mask's side."""

_MOST_STRETCH = 0.1
"""Of a mask's proportion: in a mask of few pixels rounding alone would excuse any shape."""

_MOST_FOREGROUND = 0.8  # the largest of ccHarmony's 426 masks has 0.51
_MOST_FRAME = 0.9  # of the outermost pixels
_SPECK = 0.01  # of the largest part's area
_SLACK = 1e-4  # by which resizing may leave 0 to 1


@dataclass(frozen=True, eq=False)
class StoredMask:
    """A mask as its file holds it.

    Attributes
    ----------
    levels
        Shape (H, W), 8 or 16 bits: opacity, or the number of a label, 0 being the background.
    full_level
        The level that stands for 1; of a label map 1, since each label does.
    labels
        The labels of a label map, each a foreground; empty for a mask.
    note
        What was assumed; empty for a plain mask.
    """

    levels: Samples
    full_level: int
    labels: tuple[int, ...] = ()
    note: str = ""

    def foreground(self, label: int | None = None) -> StoredMask:
        """Return a label of a label map as a mask of zeros and ones; None for all of them. A mask stays as it is."""
        if not self.labels:
            return self
        on = np.isin(self.levels, self.labels) if label is None else self.levels == label
        return replace(self, levels=on.astype(np.uint8), labels=())

    def part(self, rows: slice, columns: slice) -> StoredMask:
        """Return a window of it."""
        return replace(self, levels=self.levels[rows, columns])

    def mask(self) -> Float32:
        """Return the mask (H, W) in [0, 1]."""
        levels = self.foreground().levels
        return np.asarray(levels / np.float32(self.full_level), np.float32)

    def compact(self) -> Mask:
        """Return the same mask in one byte a pixel, where no level is above the full one, and that is 1 or 255."""
        levels = self.foreground().levels
        if self.full_level == 1:
            return levels.view(np.bool_) if levels.dtype == np.uint8 else levels > 0
        return levels.astype(np.uint8, copy=False) if self.full_level == 255 else self.mask()

    def hard(self) -> Bool:
        """Return where the mask is a half or more, (H, W), without floats, which would take most of the time."""
        return np.asarray(self.foreground().levels > self.full_level // 2)


def shares(mask: Mask) -> Float32:
    """Return a mask as floats (H, W) in [0, 1], the array itself where it is that."""
    values = mask.astype(np.float32, copy=False)
    return values / np.float32(255) if mask.dtype == np.uint8 else values


def check_shares(mask: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Return shares, in [0, 1]; where rounding left some outside, as resizing does, a copy that is clipped.

    Raises
    ------
    ImageError
        Values lie outside [0, 1] by more than rounding, or are no numbers.
    """
    least, most = (float(mask.min()), float(mask.max())) if mask.size else (0.0, 0.0)
    if not (least >= -_SLACK and most <= 1 + _SLACK):
        raise ImageError(f"mask: values {least:g} to {most:g} found, 0 to 1 wanted")
    return mask if least >= 0 and most <= 1 else mask.clip(0, 1)


def split(stored: StoredMask) -> list[StoredMask]:
    """Return the foregrounds of a mask one by one.

    Parameters
    ----------
    stored
        A mask or a label map.

    Returns
    -------
    list[StoredMask]
        Each label of a label map; of a mask each part that touches no other, with the soft edge nearest to it. Specks
        below a hundredth of the largest part go to the part nearest to them.
    """
    if stored.labels:
        return [stored.foreground(label) for label in stored.labels]
    _, numbers, figures, _ = cv2.connectedComponentsWithStats(stored.hard().astype(np.uint8))
    areas = figures[1:, cv2.CC_STAT_AREA]
    if len(areas) < 2:
        return [stored]
    large = np.flatnonzero(areas >= _SPECK * areas.max()) + 1
    elsewhere = np.isin(numbers, large, invert=True).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5)
    parts = [nearest == nearest[numbers == number][0] for number in large]
    return [replace(stored, levels=stored.levels * part.astype(stored.levels.dtype)) for part in parts]


def fit_size(mask: Mask, shape: Shape) -> tuple[Mask, str]:
    """Bring a mask to a size of the same proportion.

    Parameters
    ----------
    mask
        Mask (H, W).
    shape
        Height and width wanted.

    Returns
    -------
    mask
        The mask itself where it has that size, else floats in [0, 1] with a soft edge.
    note
        A note if the mask was resized; empty otherwise.

    Raises
    ------
    ImageError
        The two shapes differ by more than rounding.
    """
    if mask.shape == shape:
        return mask, ""
    (height, width), (mask_height, mask_width) = shape, mask.shape
    texts = f"mask of {mask_width}x{mask_height}", f"{width}x{height}"
    if not _alike(shape, (mask_height, mask_width)):
        turned = "; was it drawn before EXIF turned the photo?" if _alike(shape, (mask_width, mask_height)) else ""
        raise ImageError(f"{texts[0]}, its photo is {texts[1]}; wanted that size or a scaled copy{turned}")
    method = cv2.INTER_AREA if mask_width > width else cv2.INTER_LINEAR
    resized = cv2.resize(shares(mask), (width, height), interpolation=method)
    return np.clip(resized, 0, 1).astype(np.float32), f"{texts[0]} resized to {texts[1]}"


def _alike(shape: Shape, other: Shape) -> bool:
    """Return whether one shape is a scaled copy of the other, up to rounding on both sides."""
    scales = [side / other_side for side, other_side in zip(shape, other, strict=True)]
    slack = min(ROUNDING * max(1.0, *scales) / min(shape), _MOST_STRETCH)
    return abs(scales[0] / scales[1] - 1) <= slack


def remark(mask: Mask) -> str:
    """Return a remark on a mask (H, W) that may be inverted, or is faint; empty for others."""
    full = 255 if mask.dtype == np.uint8 else 1
    share = float(mask.mean()) / full
    frame = float(np.mean([mask[0].mean(), mask[-1].mean(), mask[:, 0].mean(), mask[:, -1].mean()])) / full
    if share > _MOST_FOREGROUND:
        return f"{100 * share:.0f} % is foreground; is it inverted?"
    if share > 0.5 and frame > _MOST_FRAME:
        return f"{100 * share:.0f} % is foreground, and nearly all of the outermost pixels; is it inverted?"
    if 0 < (most := float(mask.max()) / full) < 0.5:
        return f"{100 * most:.2g} % is its most opaque pixel; a foreground is white"
    return ""
