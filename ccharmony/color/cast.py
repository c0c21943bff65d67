"""The cast of a light: the color that it gives to the chart's gray patches, as correlated color temperature and Duv.

References
----------
Y. Ohno: Practical use and calculation of CCT and Duv. LEUKOS 10(1), 2014.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float64

GRAYS = slice(0, 5)
"""The chart's gray patches in release order, without black, whose color is mostly noise."""

MOST_DUV = 0.05
"""Beyond this distance from the Planckian locus a color temperature means nothing (CIE 15)."""

RANGE = 1_000, 100_000
"""Kelvin within which the Planckian locus is known; 26 of the release's 350 lights are bluer than its end."""


def measure_casts(patches: npt.ArrayLike) -> tuple[Float64, Float64]:
    """Return the casts that lights leave in their photos: 6500 K and 0.003 for none, less for yellow, more for blue.

    A camera balances its photos, so this is what is left of a light's color, not the color of the light.

    Parameters
    ----------
    patches
        Colors of the chart under each light, shape (N, 24, 3), sRGB-encoded, in [0, 1], release order; NaN where not
        measured. Patches with a channel at 0 or 1 do not count.

    Returns
    -------
    cct
        Correlated color temperatures in kelvin, shape (N,); NaN where no gray patch counts, Duv is beyond 0.05, or the
        light is bluer or redder than the locus.
    duv
        Distances from the Planckian locus in CIE 1960 uv, shape (N,): positive for green, negative for magenta;
        NaN likewise, but for large ones.
    """
    import colour  # here, since it takes a second

    grays = np.array(patches, np.float64).reshape(-1, 24, 3)[:, GRAYS]
    grays[((grays <= 0) | (grays >= 1)).any(axis=2)] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a light without a gray patch stays NaN
        linear = np.nanmean(colour.eotf(grays, "sRGB"), axis=1)  # (N, 3)
    known = np.isfinite(linear).all(axis=1)
    cct, duv = np.full(len(linear), np.nan), np.full(len(linear), np.nan)
    if known.any():
        xyz = colour.RGB_to_XYZ(linear[known], "sRGB")
        found = np.reshape(colour.temperature.uv_to_CCT_Ohno2013(colour.UCS_to_uv(colour.XYZ_to_UCS(xyz))), (-1, 2))
        cct[known], duv[known] = found.T
    outside = ~((cct >= RANGE[0]) & (cct <= RANGE[1])) & (np.abs(duv) <= MOST_DUV)
    duv[outside] = np.nan
    cct[outside | ~(np.abs(duv) <= MOST_DUV)] = np.nan
    return cct, duv
