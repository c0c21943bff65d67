"""Figures, reasons and order of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ccharmony.checker.chart import STANDARD
from ccharmony.color import difference
from ccharmony.color.polynomial import apply_polynomial, fit_polynomial
from ccharmony.inspection import patch_errors, report
from ccharmony.records import FitRecord

IDENTITY = np.eye(3, 11)


def test_the_worst_fit_comes_first(records: list[FitRecord]) -> None:
    found = report.make_report("x", records)
    scores = [photo.there_and_back for photo in found.photos]
    assert found.photos[0].record.id.startswith("noisy")
    assert scores == sorted(scores, reverse=True)


def test_equal_fits_stand_in_the_order_of_their_names(records: list[FitRecord]) -> None:
    twins = [replace(records[0], id=name) for name in ("c", "a", "b")]
    assert [photo.record.id for photo in report.make_report("x", twins).photos] == ["a", "b", "c"]


def test_a_fit_without_a_score_comes_last(records: list[FitRecord]) -> None:
    unknown = replace(records[0], id="a", residuals={**records[0].residuals, "delta_e": float("nan")})
    assert report.make_report("x", [unknown, *records]).photos[-1].record.id == "a"


def test_a_perfect_checker_leaves_nothing(fit_patches: Callable[..., FitRecord]) -> None:
    photo = report.PhotoReport(fit_patches("perfect", 0.05 + 0.9 * STANDARD, "affine"))
    assert photo.there_and_back == pytest.approx(0, abs=1e-6)
    assert photo.forward.delta_e.max() == pytest.approx(0, abs=1e-6)
    assert photo.reasons == ()


def test_figures_that_the_record_lacks_are_measured(records: list[FitRecord]) -> None:
    stored = report.PhotoReport(records[1]).figures
    bare = report.PhotoReport(replace(records[1], residuals={})).figures
    assert dict(bare) == pytest.approx(dict(stored), nan_ok=True)


def test_hue_shift_is_the_turn_of_the_hue_angle() -> None:
    # CIELAB hue angles of the sRGB primaries under D65: red 40.0, green 136.0, blue 306.3 degrees.
    colors = np.tile(np.eye(3), (8, 1))
    swapped = np.zeros((3, 11))
    swapped[[0, 1, 2], [1, 0, 2]] = 1
    found = patch_errors.examine(colors, colors, swapped, np.ones(24, bool)).hue_shift
    assert found[:3] == pytest.approx([96.0, -96.0, 0.0], abs=0.1)


def test_grays_have_no_hue() -> None:
    found = patch_errors.examine(STANDARD, STANDARD, IDENTITY, np.ones(24, bool))
    assert np.isnan(found.hue_shift).nonzero()[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_left_out_figures_are_those_of_the_kind_that_gives_the_matrix(fit_patches: Callable[..., FitRecord]) -> None:
    patches = 0.05 + 0.8 * STANDARD**1.1
    there = fit_polynomial(patches, STANDARD, "affine")
    back = fit_polynomial(STANDARD, patches, "published")
    record = fit_patches("mixed", patches, "published", to_standard=there, from_standard=back)
    assert patch_errors.fitted_kinds(record) == ("affine", "published")
    by_hand = fit_polynomial(patches[1:], STANDARD[1:], "affine")
    photo = report.PhotoReport(record)
    missed = difference.delta_e(apply_polynomial(by_hand, patches[0]), STANDARD[0])
    assert photo.forward.left_out[0] == pytest.approx(float(missed))


def test_unmeasured_patches_stay_unknown(records: list[FitRecord]) -> None:
    photo = report.PhotoReport(records[3])
    for direction in (photo.forward, photo.inverse):
        assert np.isnan(direction.delta_e).nonzero()[0].tolist() == [7]
        assert np.isnan(direction.left_out).nonzero()[0].tolist() == [7]


def test_published_matrices_that_are_no_published_fit_are_named(fit_patches: Callable[..., FitRecord]) -> None:
    patches = 0.05 + 0.8 * STANDARD**1.2
    fits = {kind: fit_polynomial(patches, STANDARD, kind) for kind in ("published", "affine")}
    back = fit_polynomial(STANDARD, patches, "published")

    def causes(there: np.ndarray) -> report.PhotoReport:
        return report.PhotoReport(fit_patches("x", patches, "published", to_standard=there, from_standard=back))

    assert not causes(fits["published"]).causes & {"affine", "unexplained"}
    assert "affine" in causes(fits["affine"]).causes
    assert causes(fits["affine"]).reasons[0] == "published matrix is an affine fit"
    assert causes(fits["affine"] + 0.01).reasons[0] == "published matrix is no known fit"


def test_an_affine_fit_that_was_asked_for_is_nothing_to_name(fit_patches: Callable[..., FitRecord]) -> None:
    record = fit_patches("x", 0.05 + 0.8 * STANDARD, "affine")
    assert report.PhotoReport(record).causes == frozenset()


def test_kinds_that_cannot_be_fitted_are_left_out(records: list[FitRecord]) -> None:
    assert list(report.PhotoReport(records[0]).kinds) == ["published", "affine", "ridge"]
    ten = replace(records[0], notes=("uneven",) * 14 + ("",) * 10)
    assert list(report.PhotoReport(ten).kinds) == ["affine", "ridge"]


def test_every_fit_kind_is_measured_on_the_patches_in_use(records: list[FitRecord]) -> None:
    figures = report.PhotoReport(records[0]).kinds["ridge"]
    assert figures["left_out"] == pytest.approx(records[0].residuals["left_out"])
    assert figures["rmse_inverse"] == pytest.approx(records[0].residuals["rmse_inverse"])


def test_findings_name_the_worst_and_the_photos_of_each_cause(records: list[FitRecord]) -> None:
    found = {finding.text: finding.photos for finding in report.findings(report.make_report("x", records))}
    assert found["more than 10 levels left"] == (records[2].id,)
    assert found["patches left out of the fit"] == (records[3].id,)
    assert found["the worst, by ΔE2000 there and back"][0] == records[2].id


def test_an_empty_report_has_no_findings() -> None:
    assert list(report.findings(report.make_report("x", []))) == []
