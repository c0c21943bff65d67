"""What a search found in a photo, and which finding is its color checker.

Contents: :class:`Detection`, :func:`choose_chart`, :func:`explain_refusal`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ccharmony.arrays import Float64
from ccharmony.checker.patches import MAX_SPREAD, Patches, affine_residual
from ccharmony.checker.windows import MIN_WIDTH

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

_EXPLAINING = 2  # patches that may explain a residual beyond the limit, or be uneven


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

    @property
    def is_chart(self) -> bool:
        """Return whether the colors are a chart's; one that is cut off or mirrored has a reason all the same."""
        return self.residual < MAX_RESIDUAL

    def covers(self, point: Float64) -> bool:
        """Return whether a point (x, y) lies on the chart."""
        assert self.corners is not None
        ahead = np.roll(self.corners, -1, axis=0) - self.corners
        to_point = point - self.corners
        turns = ahead[:, 0] * to_point[:, 1] - ahead[:, 1] * to_point[:, 0]
        return bool((turns > 0).all() or (turns < 0).all())


def choose_chart(findings: list[Detection]) -> Detection:
    """Choose the chart to use and report the others; without one, the reason of the finding that came closest."""
    charts = sorted((finding for finding in findings if finding.is_chart), key=_usable_first)
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
            reason = explain_refusal(finding.corners, finding.residual, 24, limit=EXPLAINED_RESIDUAL)
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
        if not any(one.covers(finding.corners.mean(axis=0)) for one in kept):
            kept.append(finding)
    return tuple(kept[len(first) :])


def _usable(finding: Detection) -> int:
    return 0 if finding.patches is None else int(finding.patches.usable.sum())


def explain_refusal(corners: Float64, residual: float, seen: int, limit: float = MAX_RESIDUAL) -> str:
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
