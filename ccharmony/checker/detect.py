"""Find the color checker in a photo, and refuse what only looks like one.

cv2.mcc proposes (:mod:`ccharmony.checker.windows`), the corners are refined (:mod:`ccharmony.checker.corners`), and the
24 colors decide: an affine map must carry them to the standard colors, in one of the eight ways of reading a chart.
That also decides how the chart is turned, and whether it is mirrored.

Contents: :func:`find_checker`, :func:`checker_from_corners`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from numpy.typing import ArrayLike

from ccharmony.arrays import Float64, UInt8, as_real
from ccharmony.checker.chart import Box
from ccharmony.checker.corners import median_colors, refine_corners, visible_patches
from ccharmony.checker.findings import MAX_RESIDUAL, NEARLY, Detection, choose_chart, explain_refusal
from ccharmony.checker.patches import (
    affine_residual,
    looks_like_spydercheckr,
    orientation_residuals,
    read_patches,
    require_image,
)
from ccharmony.checker.windows import Window, passes, passes_in_box, propose_charts
from ccharmony.errors import CheckerError

CLEARLY_BETTER = 1.5
"""How much lower a residual must be for another orientation to be believed than the one that a person gave; the right
one is lower by this factor on all 350 published photos."""

_LEAST_SEEN = 12  # patches by which a chart that is cut off is still recognized as one
SPYDERCHECKR = "a SpyderCheckr 24, whose colors stand in another order, wanted a classic 24-patch chart"

_MOST_NEAR = 3  # near misses of a pass that are searched again
_TURNS = {"upright": [0, 1, 2, 3], "turned": [2, 3, 0, 1], "left-right": [1, 0, 3, 2], "up-down": [3, 2, 1, 0]}


def find_checker(image: UInt8, *, box: Box | None = None) -> Detection:
    """Find the color checker in a photo.

    The search stops at the first window that shows a chart: the whole photo at a moderate size, at full resolution,
    then tile by enlarged tile. The same photo gives the same answer every time.

    Parameters
    ----------
    image
        Photo, uint8 (H, W, 3), sRGB-encoded RGB.
    box
        Box that holds the chart, x0, y0, x1, y1 in pixels; the chart's center must lie inside. Then small charts are
        found more surely, and quickly.

    Returns
    -------
    Detection
        The chart with the most usable patches, the lowest residual among equals; or the reason why there is none.

    Raises
    ------
    CheckerError
        The image is not 8-bit RGB, or the box encloses no part of the photo.
    """
    require_image(image)
    height, width = image.shape[:2]
    if box is None:
        search = passes(height, width)
    else:
        _refuse_empty(box, height, width)
        search = passes_in_box(height, width, box)
    findings: list[Detection] = []
    for windows in search:
        findings += _search(image, windows, box)
        if any(finding.is_chart for finding in findings):
            break
    return choose_chart(findings)


def checker_from_corners(image: UInt8, corners: ArrayLike) -> Detection:
    """Read a chart whose corners a person gave; they are neither moved nor refused.

    Parameters
    ----------
    image
        Photo, uint8 (H, W, 3), sRGB-encoded RGB.
    corners
        Four corners around the chart, shape (4, 2), in pixels, from the one next to dark skin on. Another
        first corner or direction is corrected where the colors show it clearly.

    Returns
    -------
    Detection
        The corners, in the order given here or corrected, and the patches; its cost is NaN.

    Raises
    ------
    CheckerError
        The corners are impossible, or a patch lies outside the photo.
    """
    given = as_real(corners, "corners", CheckerError)
    patches = read_patches(image, given)
    turned = _oriented(image, given)
    other = read_patches(image, turned)
    residual, other_residual = affine_residual(patches.colors), affine_residual(other.colors)
    if residual > CLEARLY_BETTER * other_residual:
        given, patches, residual = turned, other, other_residual
    return Detection(given, patches, float("nan"), residual)


def _refuse_empty(box: Box, height: int, width: int) -> None:
    if (edges := as_real(box, "box", CheckerError)).shape != (4,):
        raise CheckerError(f"box of shape {edges.shape}, wanted x0, y0, x1, y1")
    x0, y0, x1, y1 = box = tuple(edges.tolist())
    if not (all(map(math.isfinite, box)) and x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < width and y0 < height):
        found = ", ".join(f"{edge:g}" for edge in box)
        raise CheckerError(f"box {found} encloses no part of the photo of {width}x{height}")


def _search(image: UInt8, windows: list[Window], box: Box | None) -> list[Detection]:
    """Examine proposals, window by window, up to the first chart; if there is none, search again around near misses."""
    findings: list[Detection] = []
    for window in windows:
        findings += _examine_all(image, propose_charts(image, window), box)
        if any(finding.is_chart for finding in findings):
            return findings
    if box is not None:
        return findings
    near = sorted((finding for finding in findings if finding.residual < NEARLY), key=lambda finding: finding.residual)
    height, width = image.shape[:2]
    for finding in near[:_MOST_NEAR]:
        assert finding.corners is not None
        (x0, y0), (x1, y1) = finding.corners.min(axis=0), finding.corners.max(axis=0)
        around = float(x0), float(y0), float(x1), float(y1)
        for closer in passes_in_box(height, width, around):
            findings += _search(image, closer, around)
            if any(finding.is_chart for finding in findings):
                return findings
    return findings


def _examine_all(image: UInt8, proposals: Iterable[tuple[float, Float64]], box: Box | None) -> list[Detection]:
    """Examine proposals, best first, without those that lie on a chart already found."""
    findings: list[Detection] = []
    for cost, corners in proposals:
        center = corners.mean(axis=0)
        if any(finding.is_chart and finding.covers(center) for finding in findings):
            continue
        if box is not None and not (box[0] <= center[0] <= box[2] and box[1] <= center[1] <= box[3]):
            continue
        try:
            findings.append(_examine(image, cost, corners))
        except CheckerError:  # corners that no chart can have, or all of it outside the photo
            continue
    return findings


def _examine(image: UInt8, cost: float, corners: Float64) -> Detection:
    """Refine a proposal, turn it the right way round and decide; the corners stay even where it is refused."""
    corners = _oriented(image, refine_corners(image, corners))
    seen = int(visible_patches(image, corners).sum())
    if seen == 24:
        patches = read_patches(image, corners)
        residual = affine_residual(patches.colors)
        if residual >= MAX_RESIDUAL and looks_like_spydercheckr(patches.colors):
            return Detection(corners, patches, cost, residual, SPYDERCHECKR)
        return Detection(corners, patches, cost, residual, explain_refusal(corners, residual, seen))
    residual = math.inf
    if seen >= _LEAST_SEEN:
        # An affine map has four parameters a channel: with few patches it fits anything, hence the correction.
        residual = affine_residual(median_colors(image, corners)) * math.sqrt(seen / (seen - 4))
    return Detection(corners, None, cost, residual, explain_refusal(corners, residual, seen))


def _oriented(image: UInt8, corners: Float64) -> Float64:
    """Reorder corners to the reading, of the eight there are, in which the colors fit best."""
    readings: list[tuple[float, list[int]]] = []
    for quarter in ([0, 1, 2, 3], [1, 2, 3, 0]):
        residuals = orientation_residuals(median_colors(image, corners[quarter]))
        readings += [(residuals[name], [quarter[index] for index in order]) for name, order in _TURNS.items()]
    return corners[min(readings)[1]]
