"""From linear camera counts to an sRGB photo that keeps the color of its light.

Every photo that does not arrive as a finished picture goes through this one rendering, in this order:

1. subtract the black level, scale so that the camera's saturation is 1;
2. multiply by the camera's *daylight* balance, the smallest factor being 1, and clip at 1. A neutral surface
   in daylight (D65) becomes gray; under any other light it keeps that light's cast, since the balance is a
   constant of the camera and never taken from the photo. Clipping after the balance makes blown highlights white
   instead of magenta;
3. multiply by the camera matrix (balanced camera color → linear sRGB), where one is known;
4. expose: the 99th percentile of the brightest channel, over the pixels that are not clipped, goes to 0.8. Metering
   only ever brightens, so that what is blown stays white; an exposure compensation comes on top;
5. clip to [0, 1], apply the sRGB curve, round to 8 bits.

Contents
--------
- :class:`Rendering`: the constants of a camera that steps 1 to 3 need.
- :func:`render_linear`: the rendering; :func:`meter`: the factor of its step 4.
- :func:`daylight_constants`: balance and camera matrix from a camera's published XYZ → camera matrix.

References
----------
- IEC 61966-2-1:1999, the sRGB curve and primaries.
- Adobe, *Digital Negative Specification* 1.7, chapter 6: from camera color to XYZ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ccharmony.errors import ImageError, SettingsError

Image = npt.NDArray[np.uint8]
Linear = npt.NDArray[np.uint16] | npt.NDArray[np.uint8] | npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float32]
Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

TYPICAL_DAYLIGHT: Triple = (2.57, 1.0, 1.40)
"""Daylight balance of a camera nobody knows: channel medians over ten DSLR and mirrorless cameras of 2004 to 2013."""

EXPOSURE_PERCENTILE = 99.0
EXPOSURE_TARGET = 0.8
MAX_GAIN = 32.0
"""Five stops: more would only show the noise of a photo taken with the lens cap on."""

_METERED_PIXELS = 1_000_000
_STRIP_PIXELS = 1 << 18
_CLIPPED = 0.999

# XYZ of the linear sRGB primaries (IEC 61966-2-1); its row sums are the white D65.
_SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@dataclass(frozen=True)
class Rendering:
    """What must be known of a camera to render its linear counts.

    Only plain numbers and tuples: it pickles, goes through JSON by :func:`dataclasses.asdict` and
    ``Rendering(**fields)``, and compares by value.

    Parameters
    ----------
    black
        Count that stands for no light, in the file's own counts.
    saturation
        Count at which the sensor clips, in the file's own counts; larger than `black`.
    balance
        Factors for red, green and blue that make a neutral surface in daylight (D65) gray; only their ratios
        count. ``None`` stands for :data:`TYPICAL_DAYLIGHT`; (1, 1, 1) for counts that are balanced already.
    camera_matrix
        Rows of the (3, 3) matrix from balanced camera color to linear sRGB; each row sums to 1, so that gray stays
        gray. ``None`` takes camera color for sRGB: colors are then duller than they were.
    compensation
        Stops that the photo is made brighter (or, if negative, darker) than metered.

    Raises
    ------
    SettingsError
        A number that is not finite, a saturation not above black, a factor that is not positive, a matrix of
        another shape or whose rows do not sum to 1.

    Examples
    --------
    >>> Rendering(black=1024, saturation=15279, balance=(2.47, 1.0, 1.29)).gains
    (2.47, 1.0, 1.29)
    """

    black: float = 0.0
    saturation: float = 65535.0
    balance: Triple | None = None
    camera_matrix: Matrix | None = None
    compensation: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.black) and math.isfinite(self.saturation) and self.saturation > self.black):
            found = f"black {self.black}, saturation {self.saturation}"
            raise SettingsError(f"rendering: {found}, wanted black below saturation")
        if not math.isfinite(self.compensation):
            raise SettingsError(f"rendering: compensation {self.compensation}, wanted a number of stops")
        if self.balance is not None:
            object.__setattr__(self, "balance", _checked_balance(self.balance))
        if self.camera_matrix is not None:
            object.__setattr__(self, "camera_matrix", _checked_matrix(self.camera_matrix))

    @property
    def gains(self) -> Triple:
        """Daylight factors of red, green and blue, the smallest being 1."""
        red, green, blue = self.balance or TYPICAL_DAYLIGHT
        least = min(red, green, blue)
        return red / least, green / least, blue / least


def _checked_balance(balance: npt.ArrayLike) -> Triple:
    factors = np.asarray(balance, dtype=np.float64)
    if factors.shape != (3,) or not np.isfinite(factors).all() or factors.min() <= 0:
        raise SettingsError(f"rendering: daylight balance {factors.tolist()}, wanted three positive numbers")
    return float(factors[0]), float(factors[1]), float(factors[2])


def _checked_matrix(matrix: npt.ArrayLike) -> Matrix:
    rows = np.asarray(matrix, dtype=np.float64)
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise SettingsError(f"rendering: camera matrix of shape {rows.shape}, wanted (3, 3) finite numbers")
    if np.abs(rows.sum(axis=1) - 1).max() > 0.01:
        raise SettingsError(f"rendering: rows of the camera matrix sum to {rows.sum(axis=1).round(3)}, wanted 1 each")
    red, green, blue = ((float(row[0]), float(row[1]), float(row[2])) for row in rows)
    return red, green, blue


def daylight_constants(xyz_to_camera: npt.ArrayLike) -> tuple[Triple, Matrix]:
    """Return what step 2 and step 3 need, from the matrix that DNG files and LibRaw list for a camera.

    Parameters
    ----------
    xyz_to_camera
        Matrix (3, 3) from CIE XYZ to raw camera color under D65, at any scale (a DNG's ``ColorMatrix``).

    Returns
    -------
    balance
        Factors of red, green and blue that make D65 gray; green is 1.
    camera_matrix
        Balanced camera color → linear sRGB; rows sum to 1.

    Raises
    ------
    SettingsError
        The matrix has another shape, no inverse, or sees no light in a channel.

    Examples
    --------
    A camera that sees CIE XYZ itself sees D65 as 0.950, 1, 1.089:

    >>> balance, _ = daylight_constants(np.eye(3))
    >>> [round(factor, 3) for factor in balance]
    [1.052, 1.0, 0.918]
    """
    matrix = np.asarray(xyz_to_camera, dtype=np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix) < 3:
        raise SettingsError(f"XYZ to camera matrix {matrix.tolist()}, wanted (3, 3) with an inverse")
    srgb_to_camera = matrix @ _SRGB_TO_XYZ
    white = srgb_to_camera.sum(axis=1)
    balance = _checked_balance(white[1] / white)
    return balance, _checked_matrix(np.linalg.inv(srgb_to_camera / white[:, None]))


def render_linear(linear: Linear, rendering: Rendering, gain: float | None = None) -> Image:
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
    Image
        Shape (H, W, 3), uint8, RGB, sRGB-encoded. Equal input gives equal bytes. Beside input and output it
        needs a few MB: pixels are worked on in strips of rows.

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


def _camera_to_srgb(rendering: Rendering) -> Callable[[Linear], Floats]:
    """Return steps 1 to 3 as a function: counts (h, w, 3) → linear sRGB at the camera's own exposure."""
    black = np.float32(rendering.black)
    scale = (np.array(rendering.gains) / (rendering.saturation - rendering.black)).astype(np.float32)
    matrix = None if rendering.camera_matrix is None else np.array(rendering.camera_matrix, dtype=np.float32)

    def convert(counts: Linear) -> Floats:
        balanced = np.clip((counts.astype(np.float32) - black) * scale, 0, 1)
        srgb: Floats = balanced if matrix is None else balanced @ matrix.T
        return srgb

    return convert


def _encode(linear_srgb: Floats, gain: float) -> Image:
    """Step 5. Light is rounded to 16 bits before the curve: at most 0.05 levels off, and a table does the rest."""
    levels = np.clip(linear_srgb * np.float32(gain * 65535), 0, 65535)
    encoded: Image = _SRGB_TABLE[np.rint(levels).astype(np.uint16)]
    return encoded


def _srgb_table() -> Image:
    light = np.arange(65536) / 65535
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table: Image = np.rint(255 * curve).astype(np.uint8)
    return table


_SRGB_TABLE = _srgb_table()


def _thinned(linear: Linear) -> Linear:
    """Every n-th row and column, about a million pixels: enough for a percentile."""
    step = max(1, math.isqrt(linear.shape[0] * linear.shape[1] // _METERED_PIXELS))
    return linear[::step, ::step]


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP_PIXELS // width)
    return (slice(top, top + rows) for top in range(0, height, rows))
