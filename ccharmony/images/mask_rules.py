"""Which channel of a picture carries a mask, and which level stands for foreground: the one rule of every reader.

Contents: :class:`StoredMask`, :func:`judge`, :func:`shares`, :func:`check_shares`, :func:`split`, :func:`fit_size`,
:func:`remark`. The rule is in docs/own_photos.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Bool, Float32, Mask, Samples, Shape, UInt8
from ccharmony.errors import ImageError

Real = TypeVar("Real", np.float32, np.float64)

ROUNDING = 2.0
"""Pixels that rounding, and the row or column that some published masks lack, may subtract from a mask's side."""

_MOST_STRETCH = 0.1
"""Of a mask's proportion: in a mask of few pixels rounding alone would excuse any shape."""

# Channels of a JPEG are a few levels apart; a colored edge (ClearType, resampling) covers little beside the foreground.
_GRAY_TOLERANCE = 16
_COLORED_EDGE = 0.02
_MOST_BLACK_OR_WHITE = 0.95
_EDGE_TO_WHITE = 0.25
_MOST_LABELS = 64  # a photo in palette colors has some 250
_FLAT = 16  # pixels that a color of a label map has at least, in the mean
_VOID = 255
_VOID_TO_LABELS = 10
_VOC_VOID = 0xE0E0C0
_MOST_FOREGROUND = 0.8  # the largest of ccHarmony's 426 masks has 0.51
_MOST_FRAME = 0.9
_SPECK = 0.01
_SLACK = 1e-4


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


def judge(colors: Samples, alpha: Samples | None = None, palette: UInt8 | None = None) -> StoredMask:
    """Find the mask in a picture.

    Parameters
    ----------
    colors
        Shape (H, W) if gray or indices of a palette, (H, W, 3) RGB if color; 8 or 16 bits.
    alpha
        Opacity (H, W) of the same depth, or None.
    palette
        Colors (N, 3) of the indices, or None.

    Returns
    -------
    StoredMask
        The mask or the label map.

    Raises
    ------
    ImageError
        It is a color picture: no channel is a mask.
    """
    full = int(np.iinfo(colors.dtype).max)
    if palette is not None:
        looked_up = _look_up(colors, palette)
        if alpha is None or not _is_shape(alpha):
            return _of_palette(colors, looked_up)
        colors = looked_up
    if alpha is None or not _is_shape(alpha):
        return _of_gray(colors) if colors.ndim == 2 else _of_colors(colors, full)
    gray, visible = _luminance(colors), alpha > full // 2
    seen = gray[visible]
    plain = _black_or_white(seen, full) >= _MOST_BLACK_OR_WHITE and not _is_colored(colors, full)[visible].any()
    if plain and int(np.ptp(seen)) > full // 2:
        product: Any = np.rint(gray.astype(np.float32) * alpha / full).astype(colors.dtype)
        return StoredMask(product, full, note="black and white and alpha: their product is the mask")
    return StoredMask(alpha, full, note="the alpha channel is the mask")


def _is_shape(alpha: Samples) -> bool:
    """Return whether alpha lies on both sides of a half; the outermost pixels, half after resampling, do not count."""
    inner = alpha[1:-1, 1:-1] if min(alpha.shape) > 2 else alpha
    half = int(np.iinfo(alpha.dtype).max) // 2
    return bool(inner.min() <= half < inner.max())


def _luminance(colors: Samples) -> Samples:
    """Return the gray of colors (H, W, 3), as it is where they are gray; gray itself stays."""
    if colors.ndim == 2:
        return colors
    gray: Any = cv2.cvtColor(np.ascontiguousarray(colors), cv2.COLOR_RGB2GRAY)
    return np.asarray(gray)


def _is_colored(colors: Samples, full: int) -> Bool:
    """Return which pixels are colored beyond what JPEG does to gray; gray has none."""
    if colors.ndim == 2:
        return np.zeros(colors.shape, bool)
    spread = colors.max(axis=2) - colors.min(axis=2)
    return np.asarray(spread > _GRAY_TOLERANCE * (full // 255))


def _black_or_white(values: Samples, full: int) -> float:
    """Return the share of values that are nearly 0 or nearly full."""
    near = _GRAY_TOLERANCE * (full // 255)
    return float(((values <= near) | (values >= full - near)).mean())


def _of_colors(colors: Samples, full: int) -> StoredMask:
    """Take colors for gray with a colored edge, or for a label map in flat colors on black."""
    colored, gray = _is_colored(colors, full), _luminance(colors)
    if not (count := int(colored.sum())):
        return _of_gray(gray)
    if _is_edge(colored, gray, full):
        return StoredMask(gray, full, note=f"{count} colored pixels of its edge count by their gray")
    if full == 255:
        packed = colors.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
        found = np.unique(packed)
        if len(found) <= min(_MOST_LABELS, gray.size // _FLAT) and found[0] == 0:
            numbers = np.searchsorted(found, packed).astype(np.uint16)
            return _label_map(numbers, [n for n, color in enumerate(found) if color not in (0, _VOC_VOID)])
    raise _no_mask(colored)


def _is_edge(colored: Bool, gray: Samples, full: int) -> bool:
    white = int(((gray > full // 2) & ~colored).sum())
    count = int(colored.sum())
    return count <= _COLORED_EDGE * gray.size and count <= _EDGE_TO_WHITE * white


def _of_palette(indices: Samples, colors: Samples) -> StoredMask:
    """Take a palette of grays for a gray picture, any other for a label map whose background is index 0."""
    colored, gray = _is_colored(colors, 255), _luminance(colors)
    if not colored.any():
        return _of_gray(gray) if int(gray.max()) == 255 else _of_gray(indices)
    if _is_edge(colored, gray, 255):
        return StoredMask(gray, 255, note=f"{int(colored.sum())} colored pixels of its edge count by their gray")
    labels = [n for n in _count_levels(indices) if n not in (0, _VOID)]
    if len(labels) > _MOST_LABELS:
        raise _no_mask(colored)
    return _label_map(indices, labels)


def _of_gray(levels: Samples) -> StoredMask:
    """Take gray for opacity, zeros and ones, two levels, or the numbers of labels."""
    full = int(np.iinfo(levels.dtype).max)
    counts = _count_levels(levels)
    found = [level for level in counts if level]
    if len(found) == 1 and found[0] != full and 0 in counts:
        return StoredMask(levels, found[0], note="" if found[0] == 1 else f"level {found[0]} is its foreground")
    if levels.dtype == np.uint16 and found and found[-1] <= 255:
        found_small = _of_gray(levels.astype(np.uint8))
        return replace(found_small, note=found_small.note or "16 bits of 8-bit levels, 255 is its foreground")
    labels = [level for level in found if level != _VOID]
    # A mask that stays below a half everywhere has no foreground, so that its levels can be labels.
    if not 0 < len(labels) <= _MOST_LABELS or labels[-1] > full // 2:
        return StoredMask(levels, full)
    void, area = counts.get(_VOID, 0), sum(counts[level] for level in labels)
    if void and area * _VOID_TO_LABELS < void:
        return StoredMask(levels, full)  # a hard mask with a few stray levels
    return _label_map(levels, labels)


def _no_mask(colored: Bool) -> ImageError:
    share = f"{colored.mean():.0%} of its pixels are colored"
    return ImageError(f"a color picture, a mask needs one channel ({share})")


def _count_levels(levels: Samples) -> dict[int, int]:
    """Return the pixels of each level that occurs, in order; OpenCV takes a twentieth of the time of np.unique."""
    bins = int(np.iinfo(levels.dtype).max) + 1
    counts = cv2.calcHist([np.ascontiguousarray(levels)], [0], None, [bins], [0, bins]).ravel()
    return {int(level): int(counts[level]) for level in np.flatnonzero(counts)}


def _label_map(numbers: Samples, labels: list[int]) -> StoredMask:
    several = f"a label map of {len(labels)} labels" if len(labels) != 1 else f"label {labels[0]} is its foreground"
    return StoredMask(numbers, 1, tuple(labels), several)


def _look_up(indices: Samples, palette: UInt8) -> UInt8:
    whole = np.zeros((int(indices.max(initial=0)) + 1, 3), np.uint8)
    whole[: len(palette)] = palette[: len(whole)]
    return np.asarray(whole[indices], np.uint8)


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
