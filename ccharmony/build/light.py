"""The light of one photo: patches are read, both polynomials fitted, and fits that cannot be trusted refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccharmony.arrays import Bool, Float64, UInt8
from ccharmony.checker.chart import NAMES, STANDARD, Box
from ccharmony.checker.crop import bounding_box
from ccharmony.checker.detect import checker_from_corners, find_checker
from ccharmony.checker.patches import MIN_PIXELS, Patches, orientation_ratio, read_quads
from ccharmony.color import polynomial, residuals
from ccharmony.color.misfits import mark_misfits
from ccharmony.color.polynomial import FitKind, apply_polynomial, fit_polynomial
from ccharmony.errors import CheckerError, FitError
from ccharmony.records import FIT_ARRAYS, FitRecord, Photo

_SAME = 1e-6
"""Levels on the patches: a published matrix within this of a fit is that fit."""


@dataclass(frozen=True, eq=False)
class RecordedLight:
    """The light that a photo's checker recorded, and where the checker is.

    Attributes
    ----------
    record
        The row of fits.h5.
    box
        Box around the chart, for the crop; None if the photo shows none.
    others
        Boxes around the other charts in the photo, which the crop leaves out, too.
    inputs
        See `fingerprint.digest_files`; empty where they were not asked for.
    """

    record: FitRecord
    box: Box | None
    others: tuple[Box, ...] = ()
    inputs: tuple[str, ...] = ()


def record_light(
    image: UInt8 | None,
    photo: Photo | None = None,
    kind: FitKind = "ridge",
    *,
    drop_flagged: bool = False,
    keep_flagged: bool = False,
) -> RecordedLight:
    """Read a photo's patches and fit its two polynomials.

    Parameters
    ----------
    image
        The photo, shape (H, W, 3), uint8, RGB, sRGB-encoded; None where its patches are known already.
    photo
        The photo's row: its chart or patches and matrices, where known. None for a picture of which nothing is known:
        its checker is searched for, and its id is "photo".
    kind
        Fit kind. Published matrices that the photo brings along are used as they are where it is ``published``.
    drop_flagged
        Whether eleven plain terms may be fitted to fewer than 24 patches.
    keep_flagged
        Whether the fit uses flagged patches, too: clipped, uneven, and those that the others contradict. Only patches
        that are read from a picture are flagged.

    Returns
    -------
    RecordedLight
        Patches, both matrices and their residuals, and the chart's box.

    Raises
    ------
    CheckerError
        No checker is found, or its coordinates are impossible.
    FitError
        The patches are too few, turned, alike, or not finite.
    """
    photo = photo or Photo(id="photo", source="", camera="", path=Path())
    patches, box, others = _patches_of(image, photo)
    measured = np.asarray(np.isfinite(patches.colors).all(axis=1))
    used = measured if keep_flagged or photo.patches is not None else patches.usable
    try:
        _refuse(patches, used, kind, drop_flagged)
        record = _record(patches.colors, used, photo, kind)
    except FitError as error:
        raise FitError(f"{photo.id}: {error}") from error
    flags = (*record.flags, *_remarks(patches, used)) if photo.patches is None else record.flags
    return RecordedLight(dataclasses.replace(record, notes=_notes(patches, used), flags=flags), box, others)


def _patches_of(image: UInt8 | None, photo: Photo) -> tuple[Patches, Box | None, tuple[Box, ...]]:
    if photo.patches is not None:
        known = Patches(photo.patches, np.zeros(24), np.full(24, MIN_PIXELS), np.zeros(24))
        return known, photo.chart.box if photo.chart else None, photo.chart.others if photo.chart else ()
    if image is None:
        raise CheckerError(f"{photo.id}: neither patches nor a picture to read them from")
    try:
        patches, box, others = _locate(image, photo)
    except CheckerError as error:
        raise CheckerError(f"{photo.id}: {error}") from error
    return mark_misfits(patches), box, others


def _locate(image: UInt8, photo: Photo) -> tuple[Patches, Box, tuple[Box, ...]]:
    """Read the patches where the source says the chart is, or where it is found; with the boxes of all charts."""
    chart = photo.chart
    if chart is not None and chart.quads is not None:
        return read_quads(image, chart.quads), chart.box, chart.others
    if chart is not None and chart.corners is not None:
        found = checker_from_corners(image, chart.corners)
    else:
        found = find_checker(image, box=chart.box if chart else None)
    if found.patches is None or found.corners is None:
        raise CheckerError(found.reason)
    if chart is not None:
        return found.patches, chart.box, chart.others
    others = tuple(bounding_box(other.corners) for other in found.others if other.corners is not None)
    return found.patches, bounding_box(found.corners), others


def _refuse(patches: Patches, used: Bool, kind: FitKind, drop_flagged: bool) -> None:
    count = int(used.sum())
    needed = 24 if kind == "published" and not drop_flagged else polynomial.MINIMUM_PATCHES[kind]
    if count < needed:
        reasons = {flag for flag in patches.flags() if flag} or {"not measured"}
        raise FitError(f"{count} usable patches ({'; '.join(sorted(reasons)[:3])}), a {kind} fit needs {needed}")
    ratio = orientation_ratio(np.where(used[:, None], patches.colors, np.nan))
    if ratio < 1:
        raise FitError(f"the patches fit better in another orientation (ratio {ratio:.2f}), wanted white first")


def _notes(patches: Patches, used: Bool) -> tuple[str, ...]:
    """Return for each patch why it was left out; an empty tuple where every patch was used."""
    if used.all():
        return ()
    return tuple("" if is_used else flag for is_used, flag in zip(used, patches.flags(), strict=True))


def _remarks(patches: Patches, used: Bool) -> Iterator[str]:
    """Yield a line for each patch that the others contradict, and for each flagged one that is used all the same."""
    for name, flag, misfit, kept in zip(NAMES, patches.flags(), patches.misfit, used, strict=True):
        if flag and (misfit or kept):
            yield f"{name} {flag}" if misfit else f"{name}: {flag}"


def _record(colors: Float64, used: Bool, photo: Photo, kind: FitKind) -> FitRecord:
    measured, standard = colors[used], STANDARD[used]
    to_standard = fit_polynomial(measured, standard, kind)
    from_standard = fit_polynomial(standard, measured, kind)
    kinds: tuple[FitKind | None, FitKind | None] = kind, kind
    refit = float("nan")
    if kind == "published" and photo.to_standard is not None and photo.from_standard is not None:
        refit = _difference(measured, photo.to_standard, to_standard)
        to_standard, from_standard = photo.to_standard, photo.from_standard
        kinds = recognize(measured, standard, to_standard), recognize(standard, measured, from_standard)
    figures = residuals.measure_fit(colors, used, to_standard, from_standard, kinds, refit)
    if not (np.isfinite(to_standard).all() and np.isfinite(from_standard).all()):
        raise FitError("a coefficient is not finite")
    return FitRecord(
        id=photo.id,
        camera=photo.camera,
        source=photo.source,
        kind=kinds[0] or "unexplained",
        patches=colors,
        to_standard=to_standard,
        from_standard=from_standard,
        group=photo.group,
        residuals=figures.as_dict(),
        flags=figures.flags(),
    )


def recognize(source: Float64, target: Float64, matrix: Float64) -> FitKind | None:
    """Return which fit kind a matrix is.

    Parameters
    ----------
    source, target
        The patches that it was fitted to, shape (n, 3), in [0, 1].
    matrix
        Shape (3, 11), on [0, 1].

    Returns
    -------
    FitKind or None
        The kind whose fit predicts the patches within 1e-6 levels of the matrix; None if there is none. Of the
        350 published forward matrices 340 are ``published``, eight ``affine`` and two none; all reverse ones are
        ``published``.
    """
    for kind in polynomial.KINDS:
        try:
            if _difference(source, matrix, fit_polynomial(source, target, kind)) < _SAME:
                return kind
        except FitError:
            continue
    return None


def _difference(patches: Float64, first: Float64, second: Float64) -> float:
    """Return the largest difference of two matrices' predictions on the patches, in levels."""
    return float(255 * np.abs(apply_polynomial(first, patches) - apply_polynomial(second, patches)).max())


def to_json(light: RecordedLight) -> Any:
    """Return a light as the journal stores it; every number is restored to the bit."""
    record = dataclasses.asdict(light.record)
    arrays = {name: np.asarray(record[name]).tolist() for name in FIT_ARRAYS}
    found = {"box": light.box, "others": light.others, "inputs": light.inputs}
    return {"record": {**record, **arrays}, **found}


def from_json(data: Any) -> RecordedLight:
    """Return a light that the journal stored."""
    arrays = {name: np.array(data["record"][name], np.float64) for name in FIT_ARRAYS}
    lists = {name: tuple(data["record"][name]) for name in ("flags", "notes")}
    record = {**data["record"], **arrays, **lists}
    box, others = data["box"] and tuple(data["box"]), tuple(map(tuple, data["others"]))
    return RecordedLight(FitRecord(**record), box, others, tuple(data["inputs"]))
