"""CIE L*a*b* and CIEDE2000 of sRGB colors: the measure of every error here.

Written out, since the import of colour-science takes two seconds of the processor; equal to it within 1e-9 (tested).

Contents: :func:`delta_e`, :func:`delta_e_lab`, :func:`to_lab`.

References
----------
- IEC 61966-2-1:1999, sRGB: the transfer function, and the matrix with four decimals.
- CIE 15:2004, Colorimetry: L*a*b*.
- G. Sharma, W. Wu, E. N. Dalal: The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary Test Data,
  and Mathematical Observations. Color Research and Application 30(1), 2005.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float64

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_D65 = np.array([0.3127, 0.3290, 1 - 0.3127 - 0.3290]) / 0.3290  # of x, y = 0.3127, 0.3290; Y = 1
_LINEAR_BELOW = (24 / 116) ** 3
_GRAY_7 = 25.0**7


def delta_e(first: npt.ArrayLike, second: npt.ArrayLike) -> Float64:
    """Return CIEDE2000 between sRGB-encoded colors (..., 3) in [0, 1], shape (...); colors are clipped to the gamut."""
    return delta_e_lab(to_lab(first), to_lab(second))


def to_lab(colors: npt.ArrayLike) -> Float64:
    """Return CIE L*a*b* (..., 3) under D65 of sRGB-encoded colors (..., 3), clipped to [0, 1]; NaN stays NaN."""
    encoded = np.clip(np.asarray(colors, np.float64), 0, 1)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _D65
    root = np.where(ratio > _LINEAR_BELOW, np.cbrt(ratio), 841 / 108 * ratio + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e_lab(first: npt.ArrayLike, second: npt.ArrayLike) -> Float64:
    """Return CIEDE2000 between CIE L*a*b* colors (..., 3), shape (...); all three weights are 1."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(lab, np.float64), -1, 0) for lab in (first, second))
    stretch = 1.5 - 0.5 * _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)  # of a*, more for grays
    chroma1, chroma2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    hue1, hue2 = np.arctan2(b1, stretch * a1), np.arctan2(b2, stretch * a2)  # 0 for gray
    turn = (hue2 - hue1 + np.pi) % (2 * np.pi) - np.pi  # the shorter way around
    chroma, product = (chroma1 + chroma2) / 2, chroma1 * chroma2
    # Halfway on the shorter way; the sum stands for the mean where one color is gray.
    hue = np.where(product == 0, hue1 + hue2, hue1 + turn / 2)
    offset = ((l1 + l2) / 2 - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * offset / np.sqrt(20 + offset))
    colorful = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    hues = 2 * np.sqrt(product) * np.sin(turn / 2) / (1 + 0.015 * chroma * _hue_weight(hue))
    blue = np.degrees(hue) % 360 / 25 - 11
    rotation = -2 * _saturation(chroma) * np.sin(np.radians(60 * np.exp(-(blue**2))))
    return np.asarray(np.sqrt(lightness**2 + colorful**2 + hues**2 + rotation * colorful * hues), np.float64)


def _saturation(chroma: Float64) -> Float64:
    """Return how far a chroma lies above that of grays, 0 to 1."""
    return np.asarray(np.sqrt(chroma**7 / (chroma**7 + _GRAY_7)), np.float64)


def _hue_weight(hue: Float64) -> Float64:
    """Return T of the formula; `hue` in radians."""
    lags = np.radians([30, 0, -6, 63])
    waves = zip((-0.17, 0.24, 0.32, -0.20), (1, 2, 3, 4), lags, strict=True)
    return np.asarray(1 + sum(size * np.cos(times * hue - lag) for size, times, lag in waves), np.float64)
