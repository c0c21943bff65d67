"""The color checker in a photo: its 24 patches read, and how far their colors are from those of a chart.

The chart itself (standard colors, order, geometry) is in :mod:`ccharmony.checker.chart`.

Contents: :class:`Patches`, :func:`read_patches`, :func:`read_quads`; :func:`affine_residual`,
:func:`orientation_residuals`, :func:`orientation_ratio`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ccharmony.arrays import Bool, Float64, Int64, UInt8
from ccharmony.checker.chart import CHART_TO_RELEASE, NAMES, RELEASE_TO_CHART, STANDARD, patch_quads
from ccharmony.errors import CheckerError

INNER_SHARE = 0.55
"""Share of a patch's side that is read, around its center: corners may be off by a fifth of a patch unnoticed."""

INNER_SHARE_OF_QUADS = 0.8
"""The same for outlines given patch by patch, which were drawn inside the patch (Gehler's span two thirds of it)."""

TRIM = 0.2
"""Share of the sorted values that a trimmed mean leaves out at either end."""

MIN_PIXELS = 15
"""Fewer pixels than this make no trustworthy mean: about the area that users of such tools ask for."""

MAX_CLIPPED = TRIM
"""Up to this share, clipped pixels fall into the trimmed end and do not move the mean."""

MAX_SPREAD = 10.0
"""Standard deviation in 8-bit levels above which a patch is uneven: on 18 real photos even patches reach 7.0 with
all their noise, patches with the edge of a shadow begin at 12."""

_LEAST_PATCHES = 5  # patches: an affine map has four parameters a channel
_SPYDER_RESIDUAL = 20.0  # levels; a classic chart so read leaves 42 and more
_MAX_SAMPLES_PER_SIDE = 64
# A larger patch is read every n-th pixel: 4,096 pixels fix a mean to a sixtieth of their spread.


@dataclass(frozen=True)
class Patches:
    """The colors read from the 24 patches of one photo, and how reliable they are, release order.

    Attributes
    ----------
    colors
        Robust mean of each patch as it is, shape (24, 3), sRGB-encoded, in [0, 1]; NaN where nothing was measured.
    spread
        Standard deviation inside each patch, shape (24,), in 8-bit levels (quadratic mean of the channels).
    count
        Pixels that were read, shape (24,).
    clipped
        Share of those pixels with any channel at 0 or 255, shape (24,), in [0, 1].
    misfit
        Patches that the others contradict, shape (24,); see `ccharmony.color.misfits`, which marks them.
    """

    colors: Float64
    spread: Float64
    count: Int64
    clipped: Float64
    misfit: Bool = field(default_factory=lambda: np.zeros(24, bool))

    def flags(self) -> tuple[str, ...]:
        """Return for each patch why it should not be trusted; an empty string where it can be."""
        return tuple(self._flag(patch) for patch in range(24))

    def _flag(self, patch: int) -> str:
        if not np.isfinite(self.colors[patch]).all():
            return "not measured"
        if self.count[patch] < MIN_PIXELS:
            return f"{self.count[patch]} pixels, fewer than {MIN_PIXELS}"
        if self.clipped[patch] > MAX_CLIPPED:
            return f"{self.clipped[patch]:.0%} clipped"
        if self.spread[patch] > MAX_SPREAD:
            return f"uneven, spread {self.spread[patch]:.1f} levels"
        return "does not fit the others" if self.misfit[patch] else ""

    @property
    def usable(self) -> Bool:
        """Patches without a flag, shape (24,)."""
        return np.array([flag == "" for flag in self.flags()])

    @property
    def gray_ramp_falls(self) -> bool:
        """Whether the six grays get darker from white to black, in the mean of their channels.

        Where they do not, a shadow or a reflection lies on the chart, or the patches are not those of a chart.
        """
        return bool((np.diff(self.colors[:6].mean(axis=1)) < 0).all())


def read_patches(image: UInt8, corners: ArrayLike) -> Patches:
    """Read the 24 patches of a chart by its four corners.

    Parameters
    ----------
    image
        Photo, uint8 (H, W, 3), sRGB-encoded RGB.
    corners
        Outer corners of the chart, shape (4, 2), x and y in pixels, in the order dark skin, bluish green, black,
        white: those of the outermost patches, or a gap further out. A fifth of a patch more goes unnoticed, the edge
        of a card with a wide frame does not: refine such corners first (:mod:`ccharmony.checker.corners`).

    Returns
    -------
    Patches
        Colors in [0, 1], spread, count and clipped share of each patch, release order.

    Raises
    ------
    CheckerError
        The corners are not four, not finite, enclose no area or put a patch outside the photo.
    """
    return _read(image, patch_quads(corners, INNER_SHARE))


def read_quads(image: UInt8, quads: ArrayLike) -> Patches:
    """Read the 24 patches from an outline each, as Gehler's coordinates give them.

    Parameters
    ----------
    image
        Photo, uint8 (H, W, 3), sRGB-encoded RGB.
    quads
        Four corners a patch, shape (24, 4, 2), x and y in pixels (may be fractional), in chart order; the four
        may come in any order around or across the patch.

    Returns
    -------
    Patches
        As in :func:`read_patches`.

    Raises
    ------
    CheckerError
        There are not 24 quads of four corners, or one lies outside the photo.
    """
    outlines = np.asarray(quads, dtype=np.float64)
    if outlines.ndim != 3 or outlines.shape[1:] != (4, 2) or len(outlines) != 24:
        raise CheckerError(f"quads of shape {outlines.shape}, a checker has 24 of four corners: (24, 4, 2)")
    if not np.isfinite(outlines).all():
        raise CheckerError("quads with coordinates that are not finite")
    centers = outlines.mean(axis=1, keepdims=True)
    return _read(image, centers + INNER_SHARE_OF_QUADS * (outlines - centers))


def affine_residual(colors: ArrayLike, target: ArrayLike = STANDARD) -> float:
    """Root mean square, in 8-bit levels, of what an affine map leaves between patches and their standard colors.

    The map absorbs exposure, cast and a camera's matrix, so the rest distinguishes a chart from other colored squares:
    at most 15.6 levels on 17 true findings of cv2.mcc in 20 photos, 53 on the three false ones. Patches with NaN are
    left out; fewer than five fit anything, and the result is infinity.
    """
    measured = np.asarray(colors, dtype=np.float64)
    known = np.isfinite(measured).all(axis=1)
    if known.sum() < _LEAST_PATCHES:
        return float("inf")
    terms = np.column_stack([measured[known], np.ones(known.sum())])
    wanted = np.asarray(target, dtype=np.float64)[known]
    coefficients = np.linalg.lstsq(terms, wanted, rcond=None)[0]
    return float(255 * np.sqrt(np.mean((terms @ coefficients - wanted) ** 2)))


def orientation_residuals(colors: ArrayLike) -> dict[str, float]:
    """Affine residual of patches in each orientation in which a chart of 4 by 6 can be read.

    Parameters
    ----------
    colors
        Patches, shape (24, 3), release order, in [0, 1]; rows with NaN are left out.

    Returns
    -------
    dict
        Residuals in 8-bit levels of the patches as given (``"upright"``), read from the chart turned by half a turn
        (``"turned"``), and from its mirror images (``"left-right"``, ``"up-down"``). Patches handed over in chart
        order instead of release order show as ``"up-down"``.
    """
    grid = np.asarray(colors, dtype=np.float64).reshape(4, 6, 3)
    readings = {
        "upright": grid,
        "turned": grid[::-1, ::-1],
        "left-right": grid[:, ::-1],
        "up-down": grid[::-1],
    }
    return {name: affine_residual(reading.reshape(24, 3)) for name, reading in readings.items()}


def looks_like_spydercheckr(colors: ArrayLike) -> bool:
    """Return whether patches (24, 3), release order, in any orientation, are those of a SpyderCheckr 24.

    It has the classic chart's colors, with the first and the third printed row from right to left. So read, one from
    the wild leaves 6.2 levels, and 42.3 as a classic chart.
    """
    grid = np.array(colors, dtype=np.float64).reshape(4, 6, 3)
    grid[1::2] = grid[1::2, ::-1]
    return min(orientation_residuals(grid).values()) < _SPYDER_RESIDUAL


def orientation_ratio(colors: ArrayLike) -> float:
    """Affine residual of the best other orientation over that of the patches as given.

    At least 1.5 on the 350 published photos (IMG_0614), at least 1.7 on the 349 others; below 1 the patches are in
    the wrong order.
    """
    residuals = orientation_residuals(colors)
    upright = residuals.pop("upright")
    return min(residuals.values()) / max(upright, np.finfo(np.float64).eps)


def require_image(image: UInt8) -> None:
    """Raise CheckerError unless the photo is uint8 (H, W, 3) and not empty."""
    if not isinstance(image, np.ndarray):
        raise CheckerError(f"image: {type(image).__name__} found, uint8 of shape (H, W, 3) wanted")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise CheckerError(f"image of {image.dtype} {image.shape}, patches are read from uint8 (H, W, 3)")


def _read(image: UInt8, quads: Float64) -> Patches:
    """Read the pixels inside 24 quads, chart order, and put the findings in release order."""
    require_image(image)
    _refuse_quads_outside(quads, image.shape[0], image.shape[1])
    readings = [_read_one(_pixels_inside(image, quads[index])) for index in CHART_TO_RELEASE]
    colors, spread, count, clipped = zip(*readings, strict=True)
    return Patches(np.array(colors), np.array(spread), np.array(count, dtype=np.int64), np.array(clipped))


def _refuse_quads_outside(quads: Float64, height: int, width: int) -> None:
    low, high = quads.min(axis=1), quads.max(axis=1)  # (24, 2)
    outside = (low < -0.5).any(axis=1) | (high > np.array([width, height]) - 0.5).any(axis=1)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        name = NAMES[int(RELEASE_TO_CHART[first])]
        where = f"x {low[first, 0]:.0f} to {high[first, 0]:.0f}, y {low[first, 1]:.0f} to {high[first, 1]:.0f}"
        raise CheckerError(f"{outside.sum()} of 24 patches outside the photo of {width}x{height}: {name} at {where}")


def _pixels_inside(image: UInt8, quad: Float64) -> UInt8:
    """Pixels whose centers lie in a convex quad, shape (n, 3)."""
    center = quad.mean(axis=0)
    around = quad[np.argsort(np.arctan2(*(quad - center).T[::-1]))]
    low = np.maximum(np.floor(quad.min(axis=0)), 0).astype(int)
    high = np.ceil(quad.max(axis=0)).astype(int) + 1
    step = max(1, int((high - low).max()) // _MAX_SAMPLES_PER_SIDE)
    window = image[low[1] : high[1] : step, low[0] : high[0] : step]
    x = low[0] + step * np.arange(window.shape[1])[None, :]
    y = low[1] + step * np.arange(window.shape[0])[:, None]
    inside = np.ones(window.shape[:2], dtype=bool)
    for (ax, ay), (bx, by) in zip(around, np.roll(around, -1, axis=0), strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0
    return window[inside]


def _read_one(pixels: UInt8) -> tuple[Float64, float, int, float]:
    """Trimmed mean in [0, 1], spread in levels, count and clipped share of a patch's pixels."""
    count = len(pixels)
    if count == 0:
        return np.full(3, np.nan), float("nan"), 0, 0.0
    drop = int(TRIM * count)
    middle = np.sort(pixels, axis=0)[drop : count - drop]
    spread = float(np.sqrt(pixels.var(axis=0).mean()))
    clipped = float(((pixels == 0) | (pixels == 255)).any(axis=1).mean())
    return middle.mean(axis=0) / 255.0, spread, count, clipped
