"""The errors of a fit on the checker: both directions patch by patch, and every fit kind side by side.

Contents: :class:`Direction`, :func:`examine`, :func:`fitted_kinds`, :func:`compare_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Bool, Float64
from ccharmony.build import light
from ccharmony.checker.chart import STANDARD
from ccharmony.color import difference, polynomial, residuals
from ccharmony.color.polynomial import FitKind, apply_polynomial, fit_polynomial
from ccharmony.errors import FitError
from ccharmony.records import FitRecord

GRAY_CHROMA = 5.0
"""Chroma C*ab below which a color has no hue to speak of; the chart's own grays stay below 2."""


@dataclass(frozen=True, eq=False)
class Direction:
    """The checker under one of the two polynomials, release order.

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

    source: Float64
    wanted: Float64
    carried: Float64
    delta_e: Float64
    left_out: Float64
    hue_shift: Float64


def fitted_kinds(record: FitRecord) -> tuple[FitKind | None, FitKind | None]:
    """Return the kinds by which T_a and T'_a of a record were fitted; None where the matrix is no fit of any kind."""
    measured, standard = record.patches[record.used], STANDARD[record.used]
    there = light.recognize(measured, standard, record.to_standard)
    return there, light.recognize(standard, measured, record.from_standard)


def examine(source: Float64, wanted: Float64, matrix: Float64, used: Bool) -> Direction:
    """Apply a matrix to the patches and compare them with what they should be.

    Parameters
    ----------
    source, wanted
        Colors that go in and that should come out, shape (24, 3), in [0, 1], release order, NaN where not measured.
    matrix
        Shape (3, 11), on [0, 1].
    used
        Which patches the fit used, shape (24,).

    Returns
    -------
    Direction
        Each patch under the matrix, and its differences from the wanted color.
    """
    carried = apply_polynomial(matrix, source)
    known = np.isfinite(source).all(axis=1) & np.isfinite(wanted).all(axis=1)
    missed, hue_shift, left_out = (np.full(24, np.nan) for _ in range(3))
    missed[known] = difference.delta_e(carried[known], wanted[known])
    hue_shift[known] = _hue_shift(difference.to_lab(wanted[known]), difference.to_lab(carried[known]))
    if kind := light.recognize(source[used], wanted[used], matrix):
        left_out[used] = residuals.left_out(source[used], wanted[used], kind)
    return Direction(source, wanted, carried, missed, left_out, hue_shift)


def compare_kinds(record: FitRecord) -> dict[FitKind, Mapping[str, float]]:
    """Return the figures of every fit kind on a record's patches; a kind that cannot be fitted to them is absent."""
    measured, standard = record.patches[record.used], STANDARD[record.used]
    found: dict[FitKind, Mapping[str, float]] = {}
    for kind in polynomial.KINDS:
        try:
            there, back = (
                fit_polynomial(measured, standard, kind),
                fit_polynomial(standard, measured, kind),
            )
            found[kind] = residuals.measure_fit(record.patches, record.used, there, back, (kind, kind)).as_dict()
        except FitError:
            continue
    return found


def _hue_shift(wanted: Float64, carried: Float64) -> Float64:
    """Return the difference of hue angles of two sets of L*a*b* colors (n, 3), degrees; NaN where one is gray."""
    shift = np.degrees(np.arctan2(carried[:, 2], carried[:, 1]) - np.arctan2(wanted[:, 2], wanted[:, 1]))
    chroma = np.minimum(np.hypot(wanted[:, 1], wanted[:, 2]), np.hypot(carried[:, 1], carried[:, 2]))
    return np.where(chroma < GRAY_CHROMA, np.nan, (shift + 180) % 360 - 180)
