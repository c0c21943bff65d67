"""Patch colors of linear camera counts, brought to colors of the kind that a photo has.

They go through the rendering of linear photos (`ccharmony.images.rendering`): the camera's daylight balance and matrix,
the sRGB curve. Its metering needs the whole photo; one gain stands in for it. Two things stay different from the
camera's own rendering: the cast is whole, since a daylight balance is a constant while the camera balanced photo by
photo, and there is no tone curve.
"""

from __future__ import annotations

import numpy as np

from ccharmony.arrays import Bool, Float64
from ccharmony.catalog import Camera
from ccharmony.images.camera import Rendering
from ccharmony.images.rendering import render_linear

GAIN = 2.0
"""Factor on the camera's exposure. The cameras' own renderings of the release's 222 Gehler photos have 1.98 in the
median; with a gain for each photo alone the patches would be ΔE2000 4.9 instead of 5.1 from the release's."""

FULL = 0.98
"""A patch whose mean count is this share of the way from black to saturation has clipped pixels."""


def render_patches(linear: Float64, camera: Camera) -> Float64:
    """Render the patches of one photo.

    Parameters
    ----------
    linear
        Linear camera colors, shape (24, 3): 0 is black, 1 a full sensor; NaN where not measured.
    camera
        The camera, for its daylight balance and matrix.

    Returns
    -------
    Float64
        Shape (24, 3), sRGB-encoded, in (0, 1), in steps of 1/255; NaN where a channel was not measured, or clips in the
        camera or in the rendering.
    """
    rendering = Rendering(0.0, 1.0, camera.daylight_balance, camera.camera_matrix)
    levels = render_linear(np.nan_to_num(linear)[None], rendering, GAIN)[0]
    outside = ~np.isfinite(linear).all(axis=1) | (levels == 0).any(axis=1) | (levels == 255).any(axis=1)
    patches = levels / 255
    patches[outside | is_full(linear)] = np.nan
    return np.asarray(patches, np.float64)


def is_full(linear: Float64) -> Bool:
    """Return which patches (..., 3) of linear camera color have clipped pixels."""
    return np.asarray((linear > FULL).any(axis=-1), bool)
