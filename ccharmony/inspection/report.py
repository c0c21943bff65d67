"""What `inspect` reports about fits: figures and reasons, worst first, and what stands out.

Contents: :data:`FIGURES`, :data:`CAUSES`; :class:`PhotoReport`, :class:`FitReport`, :func:`make_report`;
:class:`Finding`, :func:`findings`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ccharmony.checker.chart import STANDARD
from ccharmony.color import residuals
from ccharmony.color.polynomial import FitKind
from ccharmony.color.residuals import Residuals
from ccharmony.inspection import patch_errors
from ccharmony.inspection.patch_errors import Direction
from ccharmony.records import FitRecord, Pair

WORST = 6
"""How many photos the summary names as the worst."""

FIGURES: Mapping[str, tuple[str, str]] = {
    "rmse": ("RMSE", "levels"),
    "rmse_inverse": ("RMSE, back", "levels"),
    "delta_e": ("ΔE2000, mean", ""),
    "delta_e_max": ("ΔE2000, largest", ""),
    "delta_e_inverse": ("ΔE2000, mean, back", ""),
    "left_out": ("left-out ΔE2000, mean", ""),
    "left_out_inverse": ("left-out ΔE2000, mean, back", ""),
    "cube_clipped": ("color cube that clips", "share"),
    "cube_folded": ("color cube that folds", "share"),
    "clipped_patches": ("clipped patches", "count"),
    "unused_patches": ("patches left out of the fit", "count"),
    "orientation_ratio": ("next best orientation over this one", "ratio"),
    "condition": ("condition number of the fit", "ratio"),
    "refit": ("published matrix against its refit, largest", "levels"),
}
"""Name of a figure -> its words, and its unit: levels, share, count, ratio, or nothing for ΔE."""


@dataclass(frozen=True, eq=False)
class PhotoReport:
    """The report on one photo's fit.

    Attributes
    ----------
    record
        The row of fits.h5.
    pairs
        Its rows of the manifest; empty without a dataset.
    """

    record: FitRecord
    pairs: tuple[Pair, ...] = ()

    @functools.cached_property
    def figures(self) -> Mapping[str, float]:
        """Return the fit's figures by name; figures that the record lacks are measured."""
        known = dict(self.record.residuals)
        if set(known) >= set(Residuals.__dataclass_fields__):
            return known
        record = self.record
        kinds = patch_errors.fitted_kinds(record)
        measured = residuals.measure_fit(record.patches, record.used, record.to_standard, record.from_standard, kinds)
        return measured.as_dict() | known

    @property
    def there_and_back(self) -> float:
        """Return the mean ΔE2000 of the checker carried to standard plus that of the standard carried back.

        The order of the report: one number, in units of perception, that measures both polynomials.
        """
        return self.figures["delta_e"] + self.figures["delta_e_inverse"]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why a person should look at this fit; empty if nothing is conspicuous."""
        origin = {"affine": "published matrix is an affine fit", "unexplained": "published matrix is no known fit"}
        words = [origin[self.record.kind]] if self.causes & {"affine", "unexplained"} else []
        return (*words, *self.record.flags)

    @functools.cached_property
    def causes(self) -> frozenset[str]:
        """Return which of `CAUSES` apply."""
        return frozenset(name for name, (_, applies) in CAUSES.items() if applies(self))

    @functools.cached_property
    def forward(self) -> Direction:
        """Return the photo's patches under T_a."""
        record = self.record
        return patch_errors.examine(record.patches, STANDARD, record.to_standard, record.used)

    @functools.cached_property
    def inverse(self) -> Direction:
        """Return the standard colors under T'_a."""
        record = self.record
        return patch_errors.examine(STANDARD, record.patches, record.from_standard, record.used)

    @functools.cached_property
    def kinds(self) -> Mapping[FitKind, Mapping[str, float]]:
        """Return the figures that each fit kind has on this photo's patches; a kind that cannot be fitted is absent."""
        return patch_errors.compare_kinds(self.record)


@dataclass(frozen=True, eq=False)
class FitReport:
    """The report on the fits of all photos.

    Attributes
    ----------
    title
        Name of what was inspected.
    photos
        Worst first.
    problems
        One line for each photo that has no fit, and for each other problem.
    """

    title: str
    photos: tuple[PhotoReport, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def flagged(self) -> int:
        """Return how many photos have a reason to be looked at."""
        return sum(bool(photo.reasons) for photo in self.photos)


@dataclass(frozen=True)
class Finding:
    """A group of photos that the summary names.

    Attributes
    ----------
    text
        What they have in common.
    photos
        Their ids, worst first.
    """

    text: str
    photos: tuple[str, ...]


def make_report(
    title: str, records: Sequence[FitRecord], pairs: Sequence[Pair] = (), problems: Sequence[str] = ()
) -> FitReport:
    """Put fits in the order in which they should be looked at: by `PhotoReport.there_and_back`, then by id."""
    by_photo: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_photo.setdefault(pair.photo, []).append(pair)
    photos = [PhotoReport(record, tuple(by_photo.get(record.id, ()))) for record in records]
    return FitReport(title, tuple(sorted(photos, key=_worst_first)), tuple(problems))


def findings(report: FitReport) -> Iterator[Finding]:
    """Yield what the summary says: the worst, then the photos of each cause."""
    if report.photos:
        worst = report.photos[: min(WORST, len(report.photos))]
        yield Finding("the worst, by ΔE2000 there and back", tuple(photo.record.id for photo in worst))
    for name, (text, _) in CAUSES.items():
        if photos := tuple(photo.record.id for photo in report.photos if name in photo.causes):
            yield Finding(text, photos)


def _worst_first(photo: PhotoReport) -> tuple[float, str]:
    score = photo.there_and_back
    return (-score if np.isfinite(score) else np.inf), photo.record.id


def _is_published(photo: PhotoReport) -> bool:
    return bool(np.isfinite(photo.figures["refit"]))


def _above(name: str, limit: float) -> Callable[[PhotoReport], bool]:
    return lambda photo: photo.figures[name] > limit


CAUSES: Mapping[str, tuple[str, Callable[[PhotoReport], bool]]] = {
    "affine": (
        "published matrix is an affine fit",
        lambda photo: photo.record.kind == "affine" and _is_published(photo),
    ),
    "unexplained": ("published matrix is no known fit", lambda photo: photo.record.kind == "unexplained"),
    "rmse": (f"more than {residuals.RMSE_LIMIT:g} levels left", _above("rmse", residuals.RMSE_LIMIT)),
    "left_out": (
        f"left-out patches missed by more than ΔE {residuals.LEFT_OUT_LIMIT:g}",
        _above("left_out", residuals.LEFT_OUT_LIMIT),
    ),
    "cube_clipped": (
        f"clips more than {residuals.CLIPPED_LIMIT:.0%} of the color cube",
        _above("cube_clipped", residuals.CLIPPED_LIMIT),
    ),
    "cube_folded": (
        f"folds more than {residuals.FOLDED_LIMIT:.0%} of the color cube",
        _above("cube_folded", residuals.FOLDED_LIMIT),
    ),
    "clipped_patches": ("clipped patches", _above("clipped_patches", 0)),
    "unused_patches": ("patches left out of the fit", _above("unused_patches", 0)),
    "orientation": (
        "another orientation of the chart fits nearly as well",
        lambda photo: photo.figures["orientation_ratio"] < residuals.ORIENTATION_LIMIT,
    ),
}
"""Name of a cause -> its words, and whether it applies to a photo."""
