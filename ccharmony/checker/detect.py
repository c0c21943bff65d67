"""Find the color checker in a photo, and refuse what only looks like one.

cv2.mcc proposes (:mod:`ccharmony.checker.windows`), the corners are refined (:mod:`ccharmony.checker.corners`), and the
24 colors decide: an affine map must carry them to the standard colors, in one of the eight ways of reading a chart.
That also decides how the chart is turned, and whether it is mirrored.

Contents: :class:`Detection`, :func:`find_checker`, :func:`checker_from_corners`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ccharmony.arrays import Float64, UInt8
from ccharmony.checker.chart import Box
from ccharmony.checker.corners import median_colors, refine_corners, visible_patches
from ccharmony.checker.patches import (
    MAX_SPREAD,
    Patches,
    affine_residual,
    looks_like_spydercheckr,
    orientation_residuals,
    read_patches,
    require_image,
)
from ccharmony.checker.windows import MIN_WIDTH, Window, passes, passes_in_box, propose_charts
from ccharmony.errors import CheckerError

MAX_RESIDUAL = 25.0
"""Affine residual in 8-bit levels from which a finding is refused. In 328 photos without a chart the lowest was
44; three of the 350 published photos, under extreme casts, reach it (28 to 35)."""

EXPLAINED_RESIDUAL = 38.0
"""Below this a finding is accepted where nothing better is found, if 22 of its patches are even and its residual
without the two worst is below `MAX_RESIDUAL`. Real charts with painted patches or under blue light leave 25 to 31
levels, 13 to 18 without two patches; a SpyderCheckr 24 leaves 42.3 and 38.0; the lowest of 984 photos without a chart
47.7 and 42.7."""

NEARLY = 45.0
"""Below this residual a finding may be a chart whose corners are off, and is searched again in a window around it."""

CLEARLY_BETTER = 1.5
"""How much lower a residual must be for another orientation to be believed than the one that a person gave; the right
one is lower by this factor on all 350 published photos."""

_LEAST_SEEN = 12  # patches by which a chart that is cut off is still recognized as one
SPYDERCHECKR = "a SpyderCheckr 24, whose colors stand in another order, wanted a classic 24-patch chart"

_EXPLAINING = 2  # patches that may explain a residual beyond the limit, or be uneven
_MOST_NEAR = 3  # near misses of a pass that are searched again
_TURNS = {"upright": [0, 1, 2, 3], "turned": [2, 3, 0, 1], "left-right": [1, 0, 3, 2], "up-down": [3, 2, 1, 0]}


@dataclass(frozen=True)
class Detection:
    """The chart found in one photo, or the reason why there is none.

    Attributes
    ----------
    corners
        Corners of the chart next to dark skin, bluish green, black and white, shape (4, 2), x and y in pixels; None
        where no chart was accepted.
    patches
        Its patches; None where no chart was accepted.
    cost
        cv2.mcc's own cost, 0 is perfect; NaN where nothing was proposed or the corners were given by hand.
    residual
        Affine residual of the colors in 8-bit levels; NaN where nothing was proposed.
    reason
        Why no chart was accepted; empty where one was.
    others
        Other charts in the photo: accepted ones first, then those refused, which keep their corners. A crop must leave
        out all of them.
    closest
        Corners of the finding that came closest where none was accepted, shape (4, 2); None where nothing was proposed.
    """

    corners: Float64 | None
    patches: Patches | None
    cost: float
    residual: float
    reason: str = ""
    others: tuple[Detection, ...] = ()
    closest: Float64 | None = None

    @property
    def orientation(self) -> int | None:
        """Quarter turns of the chart in the photo as degrees, clockwise: 0, 90, 180 or 270; None without corners."""
        if self.corners is None:
            return None
        x, y = self.corners[1] - self.corners[0] + self.corners[2] - self.corners[3]
        return round(math.degrees(math.atan2(y, x)) / 90) % 4 * 90


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
        if _has_chart(findings):
            break
    return _best(findings)


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
    given = np.asarray(corners, dtype=np.float64)
    patches = read_patches(image, given)
    turned = _oriented(image, given)
    other = read_patches(image, turned)
    residual, other_residual = affine_residual(patches.colors), affine_residual(other.colors)
    if residual > CLEARLY_BETTER * other_residual:
        given, patches, residual = turned, other, other_residual
    return Detection(given, patches, float("nan"), residual)


def _refuse_empty(box: Box, height: int, width: int) -> None:
    x0, y0, x1, y1 = box
    if not (all(map(math.isfinite, box)) and x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < width and y0 < height):
        found = ", ".join(f"{edge:g}" for edge in box)
        raise CheckerError(f"box {found} encloses no part of the photo of {width}x{height}")


def _search(image: UInt8, windows: list[Window], box: Box | None) -> list[Detection]:
    """Examine proposals, window by window, up to the first chart; if there is none, search again around near misses."""
    findings: list[Detection] = []
    for window in windows:
        findings += _examine_all(image, propose_charts(image, window), box)
        if _has_chart(findings):
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
            if _has_chart(findings):
                return findings
    return findings


def _has_chart(findings: list[Detection]) -> bool:
    return any(finding.residual < MAX_RESIDUAL for finding in findings)


def _examine_all(image: UInt8, proposals: Iterable[tuple[float, Float64]], box: Box | None) -> list[Detection]:
    """Examine proposals, best first, without those that lie on a chart already found."""
    findings: list[Detection] = []
    for cost, corners in proposals:
        center = corners.mean(axis=0)
        if any(finding.residual < MAX_RESIDUAL and _holds(finding, center) for finding in findings):
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
        return Detection(corners, patches, cost, residual, _reason(corners, residual, seen))
    residual = math.inf
    if seen >= _LEAST_SEEN:
        # An affine map has four parameters a channel: with few patches it fits anything, hence the correction.
        residual = affine_residual(median_colors(image, corners)) * math.sqrt(seen / (seen - 4))
    return Detection(corners, None, cost, residual, _reason(corners, residual, seen))


def _reason(corners: Float64, residual: float, seen: int, limit: float = MAX_RESIDUAL) -> str:
    """Return why a chart cannot be used; empty where it can."""
    ahead = np.roll(corners, -1, axis=0)
    width = np.linalg.norm(ahead - corners, axis=1).max()
    if residual == math.inf:
        return "no chart found"
    if residual >= limit:
        wanted = f"a chart less than {MAX_RESIDUAL:g}"
        return f"no chart: the closest finding leaves an affine residual of {residual:.1f} levels, {wanted}"
    if seen < 24:
        return f"the chart is cut off: {24 - seen} of 24 patches outside the photo"
    if (corners[:, 0] * ahead[:, 1] - ahead[:, 0] * corners[:, 1]).sum() < 0:  # counterclockwise, y points down
        return "the chart is mirrored"
    if round(width) < MIN_WIDTH:
        return f"the chart is {width:.0f} pixels wide, wanted {MIN_WIDTH} or more"
    return ""


def _oriented(image: UInt8, corners: Float64) -> Float64:
    """Reorder corners to the reading, of the eight there are, in which the colors fit best."""
    readings: list[tuple[float, list[int]]] = []
    for quarter in ([0, 1, 2, 3], [1, 2, 3, 0]):
        residuals = orientation_residuals(median_colors(image, corners[quarter]))
        readings += [(residuals[name], [quarter[index] for index in order]) for name, order in _TURNS.items()]
    return corners[min(readings)[1]]


def _holds(finding: Detection, point: Float64) -> bool:
    """Return whether a point lies on a chart."""
    assert finding.corners is not None
    ahead = np.roll(finding.corners, -1, axis=0) - finding.corners
    to_point = point - finding.corners
    turns = ahead[:, 0] * to_point[:, 1] - ahead[:, 1] * to_point[:, 0]
    return bool((turns > 0).all() or (turns < 0).all())


def _best(findings: list[Detection]) -> Detection:
    """Choose the chart to use and report the others; without one, the reason of the finding that came closest."""
    charts = sorted((finding for finding in findings if finding.residual < MAX_RESIDUAL), key=_usable_first)
    if not charts or charts[0].reason:
        charts = sorted([*charts, *_explained(findings)], key=_usable_first)
    if charts and not charts[0].reason:
        return replace(charts[0], others=_elsewhere([charts[0]], [*charts[1:], *filter(_looks_like_one, findings)]))
    if not findings:
        return Detection(None, None, float("nan"), float("nan"), "no chart found")
    closest = min(findings, key=lambda finding: finding.residual)
    residual = closest.residual if closest.residual < math.inf else float("nan")
    return replace(
        closest, corners=None, patches=None, residual=residual, others=tuple(charts), closest=closest.corners
    )


def _usable_first(finding: Detection) -> tuple[bool, int, float]:
    return finding.reason != "", -_usable(finding), finding.residual


def _explained(findings: Iterable[Detection]) -> Iterator[Detection]:
    """Yield the findings that one or two patches keep from being charts, each with what else is against it."""
    for finding in findings:
        if not MAX_RESIDUAL <= finding.residual < EXPLAINED_RESIDUAL or not _looks_like_one(finding):
            continue
        assert finding.corners is not None
        assert finding.patches is not None
        if _without_worst(finding.patches.colors, _EXPLAINING) < MAX_RESIDUAL:
            reason = _reason(finding.corners, finding.residual, 24, limit=EXPLAINED_RESIDUAL)
            yield replace(finding, reason=reason)


def _looks_like_one(finding: Detection) -> bool:
    """Return whether nearly all patches are even and the colors are close to a chart's: it is one of another kind."""
    if finding.patches is None or finding.residual >= NEARLY:
        return False
    return int((finding.patches.spread <= MAX_SPREAD).sum()) >= 24 - _EXPLAINING


def _without_worst(colors: Float64, count: int) -> float:
    """Return the affine residual without the patches, one after the other, whose absence lowers it most."""
    left = colors.copy()
    for _ in range(count):
        trials = np.repeat(left[None], 24, axis=0)
        trials[np.arange(24), np.arange(24)] = np.nan
        left = trials[int(np.argmin([affine_residual(trial) for trial in trials]))]
    return affine_residual(left)


def _elsewhere(first: list[Detection], findings: Iterable[Detection]) -> tuple[Detection, ...]:
    """Return the findings that do not lie on one that stands before them."""
    kept = list(first)
    for finding in findings:
        assert finding.corners is not None
        if not any(_holds(one, finding.corners.mean(axis=0)) for one in kept):
            kept.append(finding)
    return tuple(kept[len(first) :])


def _usable(finding: Detection) -> int:
    return 0 if finding.patches is None else int(finding.patches.usable.sum())
