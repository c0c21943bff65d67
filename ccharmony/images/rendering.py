"""From linear camera counts to an sRGB photo that keeps the color of its light.

Every photo that does not arrive as a finished picture goes through this one rendering, in this order:

1. subtract the black level, scale so that the camera's saturation is 1;
2. multiply by the camera's *daylight* balance, the smallest factor being 1, and clip at 1. A neutral surface
   in daylight (D65) becomes gray; under any other light it keeps that light's cast, since the balance is a
   constant of the camera and never taken from the photo. Clipping after the balance makes blown highlights white
   instead of magenta;
3. multiply by the camera matrix (balanced camera color → linear sRGB), where one is known. Saturated colors in a
   colored light then have negative channels. A channel that lies more than 0.95 of the brightest one below it is
   drawn toward, but never to, 0: colors out of gamut stay distinct, and their patches remain usable for a fit;
4. expose: the 99th percentile of the brightest channel, over the pixels that are not clipped, goes to 0.8. Metering
   only ever brightens, so that what is blown stays white; an exposure compensation comes on top;
5. clip to [0, 1], apply the sRGB curve, round to 8 bits.

Contents
--------
- :func:`render_linear`: the rendering. The constants of the camera for steps 1 to 3 are a ``camera.Rendering``.
- :func:`meter`: the factor of step 4.

References
----------
- IEC 61966-2-1:1999, the sRGB curve and primaries.
- ACES 1.3, Reference Gamut Compression (Smith, 2020): the distance from the brightest channel as a measure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float32, UInt8, UInt16
from ccharmony.errors import ImageError
from ccharmony.images.camera import Rendering

Linear = UInt16 | UInt8 | npt.NDArray[np.floating[Any]]

EXPOSURE_PERCENTILE = 99.0
EXPOSURE_TARGET = 0.8
MAX_GAIN = 32.0
"""Five stops: more would only show the noise of a photo taken with the lens cap on."""

_METERED_PIXELS = 250_000
_STRIP_PIXELS = 1 << 18
_CLIPPED = 0.999
_CORE = np.float32(0.95)


def render_linear(linear: Linear, rendering: Rendering, gain: float | None = None) -> UInt8:
    """Render linear camera counts to sRGB, keeping the cast of the light (the steps are at the top of this file).

    Parameters
    ----------
    linear
        Camera counts, shape (H, W, 3), RGB, integers or floats; proportional to light above `rendering.black`.
    rendering
        The camera's constants.
    gain
        Factor of step 4; ``None`` meters the photo.

    Returns
    -------
    UInt8
        Shape (H, W, 3), uint8, RGB, sRGB-encoded. Equal input gives equal bytes. In addition to input and
        output it needs a few MB: pixels are processed in strips of rows.

    Raises
    ------
    ImageError
        The input is not (H, W, 3), is empty, or holds NaN or infinite values.
    """
    _check_counts(linear)
    to_linear_srgb = _camera_to_srgb(rendering)
    factor = meter(linear, rendering) if gain is None else gain
    image = np.empty(linear.shape, dtype=np.uint8)
    for rows in _strips(linear.shape[0], linear.shape[1]):
        image[rows] = _encode(to_linear_srgb(linear[rows]), factor)
    return image


def meter(linear: Linear, rendering: Rendering) -> float:
    """Return the factor that exposes a photo: the metered one, in [1, :data:`MAX_GAIN`], times the compensation.

    Parameters and errors are those of :func:`render_linear`.
    """
    _check_counts(linear)
    brightest = _camera_to_srgb(rendering)(_thinned(linear)).max(axis=-1)
    unclipped = brightest[brightest < _CLIPPED]
    metered = float(np.percentile(unclipped, EXPOSURE_PERCENTILE)) if unclipped.size else 1.0
    gain = min(max(EXPOSURE_TARGET / max(metered, 1e-9), 1.0), MAX_GAIN)
    return gain * float(2.0**rendering.compensation)


def _check_counts(linear: Linear) -> None:
    if linear.ndim != 3 or linear.shape[2] != 3 or 0 in linear.shape:
        raise ImageError(f"linear photo of shape {linear.shape}, wanted (height, width, 3)")
    if np.issubdtype(linear.dtype, np.floating) and not np.isfinite(linear).all():
        raise ImageError("linear photo holds NaN or infinite values, wanted finite counts")


def _camera_to_srgb(rendering: Rendering) -> Callable[[Linear], Float32]:
    """Return steps 1 to 3 as a function: counts (h, w, 3) → linear sRGB at the camera's own exposure."""
    black = np.float32(rendering.black)
    scale = (np.array(rendering.gains) / (rendering.saturation - rendering.black)).astype(np.float32)
    matrix = None if rendering.camera_matrix is None else np.array(rendering.camera_matrix, dtype=np.float32)

    def convert(counts: Linear) -> Float32:
        balanced = np.clip((counts.astype(np.float32) - black) * scale, 0, 1)
        return _into_gamut(balanced if matrix is None else _transform(balanced, matrix))

    return convert


def _transform(colors: Float32, matrix: Float32) -> Float32:
    """Return colors (h, w, 3) times a matrix (3, 3), in sums of one order: those of BLAS differ between processors."""
    red, green, blue = np.moveaxis(colors, -1, 0)
    result = np.empty_like(colors)
    for channel, (of_red, of_green, of_blue) in enumerate(matrix):
        result[..., channel] = red * of_red + green * of_green + blue * of_blue
    return result


def _into_gamut(linear_srgb: Float32) -> Float32:
    """Draw channels that are near 0 or negative above 0, in place; the brightest channel keeps its value."""
    flat = linear_srgb.reshape(-1, 3)
    red, green, blue = flat.T
    brightest = np.maximum(np.maximum(red, green), blue)  # a tenth of the time of max(axis=1)
    saturated = np.flatnonzero(np.minimum(np.minimum(red, green), blue) < (1 - _CORE) * brightest)
    top = np.maximum(brightest[saturated, None], np.float32(1e-9))
    excess = np.maximum((1 - flat[saturated] / top - _CORE) / (1 - _CORE), 0)
    flat[saturated] += top * (1 - _CORE) * excess * excess / (1 + excess)  # excess becomes excess / (1 + excess)
    return flat.reshape(linear_srgb.shape)


def _encode(linear_srgb: Float32, gain: float) -> UInt8:
    """Step 5. Light is rounded to 16 bits before the curve: at most 0.05 levels off, and a table does the rest."""
    levels = np.clip(linear_srgb * np.float32(gain * 65535), 0, 65535)
    encoded: UInt8 = _SRGB_TABLE[np.rint(levels).astype(np.uint16)]
    return encoded


def _srgb_table() -> UInt8:
    light = np.arange(65536) / 65535
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table: UInt8 = np.rint(255 * curve).astype(np.uint8)
    return table


_SRGB_TABLE = _srgb_table()


def _thinned(linear: Linear) -> Linear:
    """Every n-th row and column, a quarter of a million pixels at most: enough for a percentile."""
    step = math.ceil(math.sqrt(linear.shape[0] * linear.shape[1] / _METERED_PIXELS))
    return linear[::step, ::step]


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP_PIXELS // width)
    return (slice(top, top + rows) for top in range(0, height, rows))
