"""Which channel of a picture carries a mask, and which level stands for foreground: the one rule of every reader.

The rule is in docs/own_photos.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from ccharmony.arrays import Bool, Samples, UInt8
from ccharmony.errors import ImageError
from ccharmony.images.mask_rules import StoredMask

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
