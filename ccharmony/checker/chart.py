"""The printed 24-patch chart: its standard colors, the order of its patches, and where they lie on it.

Two orders of the 24 patches are in use:

-   *chart order*: as the chart is printed, row by row from dark skin to black (Gehler's coordinates, cv2.mcc);
-   *release order*: the rows from bottom to top, white first (the published patch colors and matrices, NUS).
    Everything in this package that is called `colors` or `patches` is in release order.

Contents: :data:`STANDARD`, :data:`NAMES`, :data:`CHART_TO_RELEASE`, :data:`RELEASE_TO_CHART`;
:data:`SIZE`, :data:`MODEL_CORNERS`, :func:`model_quads`, :func:`patch_quads`, :func:`homography`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ccharmony.arrays import Float64, Indices, as_real
from ccharmony.errors import CheckerError

_LEVELS = (
    *[(245, 245, 243), (200, 202, 202), (161, 163, 163), (121, 121, 122), (82, 84, 86), (49, 49, 51)],
    *[(35, 63, 147), (67, 149, 74), (180, 49, 57), (238, 198, 20), (193, 84, 151), (0, 136, 170)],
    *[(224, 124, 47), (68, 91, 170), (198, 82, 97), (94, 58, 106), (159, 189, 63), (230, 162, 39)],
    *[(116, 81, 67), (199, 147, 129), (91, 122, 156), (90, 108, 64), (130, 128, 176), (92, 190, 172)],
)

STANDARD: Float64 = np.array(_LEVELS) / 255.0
"""The published standard colors (ColorChecker 2005, sRGB-encoded, in [0, 1]), shape (24, 3), release order."""
STANDARD.setflags(write=False)

NAMES: tuple[str, ...] = (
    *("white", "neutral 8", "neutral 6.5", "neutral 5", "neutral 3.5", "black"),
    *("blue", "green", "red", "yellow", "magenta", "cyan"),
    *("orange", "purplish blue", "moderate red", "purple", "yellow green", "orange yellow"),
    *("dark skin", "light skin", "blue sky", "foliage", "blue flower", "bluish green"),
)
"""Names of the patches, release order."""

CHART_TO_RELEASE: Indices = np.arange(24).reshape(4, 6)[::-1].ravel()
"""Index array: ``release = chart[CHART_TO_RELEASE]``. The rows change places, each from left to right."""

RELEASE_TO_CHART: Indices = np.argsort(CHART_TO_RELEASE)
"""Index array: ``chart = release[RELEASE_TO_CHART]``; swapping the rows twice leads back, so both are equal."""

PITCH, PATCH, GAP = 2.75, 2.5, 0.25
"""Distance of neighboring patches, side of a patch and distance between two, in units of cv2.mcc's model."""

SIZE = (5 * PITCH + PATCH + 2 * GAP, 3 * PITCH + PATCH + 2 * GAP)
"""Width and height of the chart, 16.75 by 11.25 units: its corners lie one gap outside the outermost patches."""

MODEL_CORNERS: Float64 = np.array([(0.0, 0.0), (SIZE[0], 0.0), SIZE, (0.0, SIZE[1])])
"""The corners next to dark skin, bluish green, black and white, shape (4, 2), in units."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 around a chart, in pixels of the upright photo."""

FARTHEST = 1_000_000
"""Pixels; a coordinate beyond this is refused, since the longest sides of photos have some 10,000."""


def model_quads(share: float = 1.0) -> Float64:
    """Place the patches on the flat chart.

    Parameters
    ----------
    share
        Share of a patch's side that the quads span, around its center, in (0, 1].

    Returns
    -------
    Float64
        Shape (24, 4, 2), in units, chart order, each clockwise from the corner that faces dark skin's.
    """
    rows, columns = np.mgrid[:4, :6].reshape(2, 24, 1)
    half = share * PATCH / 2
    x = GAP + PATCH / 2 + PITCH * columns + half * np.array([-1, 1, 1, -1])  # (24, 4)
    y = GAP + PATCH / 2 + PITCH * rows + half * np.array([-1, -1, 1, 1])  # (24, 4)
    return np.stack([x, y], axis=-1)


def patch_quads(corners: ArrayLike, share: float = 1.0) -> Float64:
    """Place the 24 patches on a chart that is seen in perspective.

    Parameters
    ----------
    corners
        Outer corners of the chart, shape (4, 2), x and y in pixels, in the order dark skin, bluish green, black, white.
    share
        Share of a patch's side that the quads span, around its center, in (0, 1].

    Returns
    -------
    Float64
        Shape (24, 4, 2), in pixels, chart order.

    Raises
    ------
    CheckerError
        The corners are not four, not finite, or are not those of a convex quadrilateral.
    """
    return project(homography(corners), model_quads(share))


def homography(corners: ArrayLike) -> Float64:
    """Map the flat chart, in units, to a photo: a matrix (3, 3). Raises CheckerError as :func:`patch_quads`."""
    points = as_real(corners, "corners", CheckerError)
    _refuse_impossible(points)
    matrix = cv2.getPerspectiveTransform(MODEL_CORNERS.astype(np.float32), points.astype(np.float32))
    return np.asarray(matrix, dtype=np.float64)


def project(matrix: Float64, points: Float64) -> Float64:
    """Apply a homography (3, 3) to points of shape (..., 2)."""
    image = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return np.asarray(image[..., :2] / image[..., 2:])


def _refuse_impossible(corners: Float64) -> None:
    if corners.shape != (4, 2):
        raise CheckerError(f"corners of shape {corners.shape}, a chart has four of x and y: (4, 2)")
    if not (np.abs(corners) <= FARTHEST).all():
        raise CheckerError(f"corners with coordinates that are not finite or beyond {FARTHEST}")
    ahead = np.roll(corners, -1, axis=0) - corners
    behind = np.roll(ahead, 1, axis=0)
    turns = behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0]
    if not ((turns > 1).all() or (turns < -1).all()):
        found = ", ".join(f"({x:g}, {y:g})" for x, y in corners)
        raise CheckerError(f"corners {found} enclose no convex area; wanted: dark skin, bluish green, black, white")
