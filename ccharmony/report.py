"""What `inspect` tells about fits: figures and reasons, worst first, patch by patch, and all fit kinds side by side.

Contents: :class:`PhotoReport`, :class:`Direction`, :class:`Report`, :func:`make_report`; :func:`fitted_kinds`,
:func:`examine`, :func:`compare_kinds`, :func:`findings`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ccharmony import checker, lights, polynomial, residuals
from ccharmony.errors import FitError
from ccharmony.manifest import Pair
from ccharmony.polynomial import Float, Kind
from ccharmony.residuals import Residuals
from ccharmony.store import FitRecord

WORST = 6
"""How many photos the summary names as the worst."""

GRAY_CHROMA = 5.0
"""Chroma C*ab below which a color has no hue to speak of; the chart's own grays stay below 2."""

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

_UNKNOWN = float("nan")


@dataclass(frozen=True, eq=False)
class Direction:
    """What one of the two polynomials makes of the checker, release order.

    Attributes
    ----------
    source, wanted, carried
        Colors that go in, that should come out, and that do; shape (24, 3), in [0, 1], not clipped.
    delta_e
        CIEDE2000 between carried and wanted, shape (24,).
    left_out
        The same for the fit of the other patches, shape (24,); NaN where the matrix was not fitted by a known kind.
    hue_shift
        Hue angle h_ab of carried minus that of wanted, degrees in [-180, 180), shape (24,); NaN for grays.
    """

    source: Float
    wanted: Float
    carried: Float
    delta_e: Float
    left_out: Float
    hue_shift: Float


@dataclass(frozen=True, eq=False)
class PhotoReport:
    """One photo's fit, as a person looks at it.

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
        """Return the fit's figures by name; what the record does not hold is measured."""
        known = dict(self.record.residuals)
        if set(known) >= set(Residuals.__dataclass_fields__):
            return known
        record = self.record
        measured = residuals.measure(
            record.patches, record.used, record.to_standard, record.from_standard, fitted_kinds(record)
        )
        return measured.as_dict() | known

    @property
    def there_and_back(self) -> float:
        """Return the mean ΔE2000 of the checker carried to standard plus that of the standard carried back.

        The order of the report: one number, in units of perception, that both polynomials answer for.
        """
        return self.figures["delta_e"] + self.figures["delta_e_inverse"]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why a person should look at this fit, in words; empty if nothing is conspicuous."""
        origin = {"affine": "published matrix is an affine fit", "unexplained": "published matrix is no known fit"}
        words = [origin[self.record.kind]] if self.causes & {"affine", "unexplained"} else []
        return (*words, *self.record.flags)

    @functools.cached_property
    def causes(self) -> frozenset[str]:
        """Return which of `CAUSES` apply."""
        return frozenset(name for name, (_, applies) in CAUSES.items() if applies(self))

    @functools.cached_property
    def forward(self) -> Direction:
        """Return what T_a makes of the photo's patches."""
        record = self.record
        return examine(record.patches, checker.STANDARD, record.to_standard, record.used)

    @functools.cached_property
    def inverse(self) -> Direction:
        """Return what T'_a makes of the standard colors."""
        record = self.record
        return examine(checker.STANDARD, record.patches, record.from_standard, record.used)

    @functools.cached_property
    def kinds(self) -> Mapping[Kind, Mapping[str, float]]:
        """Return the figures that each fit kind has on this photo's patches; a kind that cannot be fitted is absent."""
        return compare_kinds(self.record)


@dataclass(frozen=True, eq=False)
class Report:
    """All photos of a report.

    Attributes
    ----------
    title
        What was looked at.
    photos
        Worst first.
    problems
        One line for each photo that has no fit, and whatever else went wrong.
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
) -> Report:
    """Put fits in the order in which they should be looked at: by `PhotoReport.there_and_back`, then by id."""
    by_photo: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_photo.setdefault(pair.photo, []).append(pair)
    photos = [PhotoReport(record, tuple(by_photo.get(record.id, ()))) for record in records]
    return Report(title, tuple(sorted(photos, key=_worst_first)), tuple(problems))


def fitted_kinds(record: FitRecord) -> tuple[Kind | None, Kind | None]:
    """Return the kinds by which T_a and T'_a of a record were fitted; None where no kind gives the matrix."""
    measured, standard = record.patches[record.used], checker.STANDARD[record.used]
    there = lights.recognize(measured, standard, record.to_standard)
    return there, lights.recognize(standard, measured, record.from_standard)


def examine(source: Float, wanted: Float, matrix: Float, used: npt.NDArray[np.bool_]) -> Direction:
    """Return what a matrix makes of the patches.

    Parameters
    ----------
    source, wanted
        Colors that go in and that should come out, shape (24, 3), in [0, 1], release order, NaN where not measured.
    matrix
        Shape (3, 11), on [0, 1].
    used
        Which patches the fit used, shape (24,).
    """
    carried = polynomial.apply(matrix, source)
    known = np.isfinite(source).all(axis=1) & np.isfinite(wanted).all(axis=1)
    difference, hue_shift, left_out = (np.full(24, _UNKNOWN) for _ in range(3))
    difference[known] = residuals.delta_e(carried[known], wanted[known])
    hue_shift[known] = _hue_shift(residuals.to_lab(wanted[known]), residuals.to_lab(carried[known]))
    if kind := lights.recognize(source[used], wanted[used], matrix):
        left_out[used] = residuals.left_out(source[used], wanted[used], kind)
    return Direction(source, wanted, carried, difference, left_out, hue_shift)


def compare_kinds(record: FitRecord) -> dict[Kind, Mapping[str, float]]:
    """Return the figures of every fit kind on a record's patches; a kind that cannot be fitted to them is absent."""
    measured, standard = record.patches[record.used], checker.STANDARD[record.used]
    found: dict[Kind, Mapping[str, float]] = {}
    for kind in polynomial.KINDS:
        try:
            there, back = polynomial.fit(measured, standard, kind), polynomial.fit(standard, measured, kind)
            found[kind] = residuals.measure(record.patches, record.used, there, back, (kind, kind)).as_dict()
        except FitError:
            continue
    return found


def findings(report: Report) -> Iterator[Finding]:
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


def _hue_shift(wanted: Float, carried: Float) -> Float:
    """Return the difference of hue angles of two sets of L*a*b* colors (n, 3), degrees; NaN where one is gray."""
    shift = np.degrees(np.arctan2(carried[:, 2], carried[:, 1]) - np.arctan2(wanted[:, 2], wanted[:, 1]))
    chroma = np.minimum(np.hypot(wanted[:, 1], wanted[:, 2]), np.hypot(carried[:, 1], carried[:, 2]))
    return np.where(chroma < GRAY_CHROMA, np.nan, (shift + 180) % 360 - 180)


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
