"""A cut-out foreground put on a background: the composite and the mask that harmonizing starts from."""

from __future__ import annotations

from copy import copy

import cv2
import numpy as np

from ccharmony.arrays import Float32, SameSamples, Samples
from ccharmony.errors import ImageError, SettingsError
from harmonize.settings import check_number

MOST_PIXELS = 100_000_000
"""Of a cut-out that is scaled: 1.6 GB of floats."""


def paste_cutout(
    foreground: Samples,
    opacity: Float32,
    background: SameSamples,
    position: tuple[int, int] | None = None,
    scale: float = 1.0,
) -> tuple[SameSamples, Float32]:
    """Put a foreground on a background.

    Parameters
    ----------
    foreground
        Image (h, w, 3), RGB, 8 or 16 bits; its colors count where it is opaque.
    opacity
        Opacity of the foreground, (h, w), in [0, 1].
    background
        Image (H, W, 3), RGB, 8 or 16 bits.
    position
        x, y in pixels of the background where the upper left corner goes, None for the middle; what lies outside is cut
        off.
    scale
        Factor by which the foreground's sides grow, above 0.

    Returns
    -------
    tuple[SameSamples, Float32]
        Composite (H, W, 3) of the background's depth, equal to it where the mask is 0, and mask (H, W) in [0, 1].

    Raises
    ------
    SettingsError
        The scale is not above 0, makes more than `MOST_PIXELS`, or nothing would be on the background.
    ImageError
        The foreground is transparent everywhere.
    """
    check_number("scale", scale, 0, open_below=True)
    if not opacity.any():
        raise ImageError("the cut-out is transparent everywhere, wanted an opaque foreground")
    _check_scale(opacity.shape, scale)
    colors, alpha = _resize(foreground, opacity, scale)
    colors *= np.float32(np.iinfo(background.dtype).max / np.iinfo(foreground.dtype).max)
    (height, width), (above, beside) = background.shape[:2], alpha.shape
    left, top = position or ((width - beside) // 2, (height - above) // 2)
    target = _overlap(top, alpha.shape[0], background.shape[0]), _overlap(left, alpha.shape[1], background.shape[1])
    source = slice(target[0].start - top, target[0].stop - top), slice(target[1].start - left, target[1].stop - left)
    if target[0].start >= target[0].stop or target[1].start >= target[1].stop or not alpha[source].any():
        sides = f"{background.shape[1]}x{background.shape[0]}"
        raise SettingsError(f"position {left},{top}: no part of the foreground is on the background of {sides}")
    composite, mask = copy(background), np.zeros(background.shape[:2], np.float32)
    mask[target] = alpha[source]
    before = background[target].astype(np.float32)
    composite[target] = np.rint(before + (colors[source] - before) * mask[target][..., None])
    return composite, mask


def _check_scale(shape: tuple[int, ...], scale: float) -> None:
    """Raise SettingsError where a foreground would be scaled to more than `MOST_PIXELS`, and to more than it has."""
    height, width = (side * scale for side in shape)
    if height * width > max(MOST_PIXELS, shape[0] * shape[1]):
        raise SettingsError(f"scale: a cut-out of {width:.4g}x{height:.4g} pixels, the limit is {MOST_PIXELS}")


def _resize(foreground: Samples, opacity: Float32, scale: float) -> tuple[Float32, Float32]:
    """Scale colors and opacity; colors weigh by opacity, so that hidden ones do not seep into the edge."""
    colors = foreground.astype(np.float32)
    if scale == 1:
        return colors, opacity
    width, height = (max(round(side * scale), 1) for side in (opacity.shape[1], opacity.shape[0]))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    weighed = cv2.resize(np.dstack([colors * opacity[..., None], opacity]), (width, height), interpolation=how)
    alpha = np.asarray(weighed[..., 3:], np.float32)
    plain = np.asarray(weighed[..., :3] / np.maximum(alpha, 1e-6), np.float32)
    return plain, np.asarray(alpha[..., 0].clip(0, 1), np.float32)


def _overlap(start: int, length: int, whole: int) -> slice:
    return slice(max(start, 0), min(start + length, whole))
