"""Small pictures of photos, charts and composites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ccharmony.build import light
from ccharmony.checker import chart
from ccharmony.checker.findings import Detection
from ccharmony.dataset import fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.images.thumbnails import Thumbnail
from ccharmony.inspection import report, thumbnails
from ccharmony.inspection.report import FitReport
from ccharmony.inspection.thumbnails import PictureSources
from ccharmony.records import Chart, Photo
from ccharmony.sources import reading


def decoded(picture: Thumbnail) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR_RGB)


def report_of(dataset: Path) -> FitReport:
    rows = read_manifest(dataset / "manifest.csv")
    return report.make_report("x", fits.read_fits(dataset / "fits.h5").records, rows)


@pytest.fixture
def seen(make_photo: Callable[..., Photo]) -> tuple[FitReport, Photo]:
    photo = make_photo("seen", 0.9)
    image = reading.read_photo(photo)
    return report.make_report("x", [light.record_light(image, photo, "ridge").record]), photo


def test_strips_hold_the_real_picture_and_the_composites_in_order(dataset: Path) -> None:
    found = thumbnails.collect_pictures(report_of(dataset), PictureSources(dataset))["day"]
    blues = [int(decoded(picture)[30, 45, 2]) for picture in found.composites["a"]]
    assert blues == sorted(blues)
    assert blues[-1] > 215
    assert decoded(found.reals["a"])[30, 45].tolist() == pytest.approx([120, 120, 120], abs=3)


def test_the_foreground_is_outlined_in_thousandths(dataset: Path) -> None:
    outlines = thumbnails.collect_pictures(report_of(dataset), PictureSources(dataset))["day"].reals["a"].outlines
    assert len(outlines) == 1
    x, y = np.array(outlines[0]).reshape(-1, 2).T
    # A square of the pixels 30 to 59 of 90 and 15 to 44 of 60, outlined through the centers of its outermost pixels.
    assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((339, 661, 258, 742), abs=1)


def test_a_hole_in_a_mask_is_outlined_and_a_speck_is_not() -> None:
    mask = np.zeros((300, 300), np.float32)
    mask[50:250, 50:250] = 1
    mask[100:200, 100:200] = 0
    mask[10, 10] = 1
    assert sorted(round(np.ptp(line)) for line in thumbnails.outline(mask)) == pytest.approx([101, 199], abs=1)


def test_a_photo_shows_its_chart_and_a_close_up_of_it(seen: tuple[FitReport, Photo]) -> None:
    found = thumbnails.collect_pictures(seen[0], PictureSources(None, {"seen": seen[1]}))["seen"]
    assert found.photo is not None
    assert found.photo.size == (200, 120)
    assert np.array(found.photo.outlines).tolist() == [[640, 83, 980, 83, 980, 467, 640, 467]]
    assert found.chart is not None
    assert len(found.chart.outlines) == 24
    picture = decoded(found.chart)
    height, width = picture.shape[:2]
    center = np.array(found.chart.outlines[0]).reshape(4, 2).mean(axis=0) / 1000 * (width, height)
    measured = 255 * seen[0].photos[0].record.patches[chart.RELEASE_TO_CHART][0]
    assert picture[int(center[1]), int(center[0])].tolist() == pytest.approx(measured, abs=12)


def test_a_chart_known_by_its_box_alone_is_searched_inside_it(
    seen: tuple[FitReport, Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = []

    def find(_image: np.ndarray, *, box: object) -> object:
        boxes.append(box)
        return Detection(None, None, float("nan"), float("nan"), "none")

    monkeypatch.setattr(thumbnails, "find_checker", find)
    photo = replace(seen[1], chart=Chart((128.0, 10.0, 196.0, 56.0)))
    found = thumbnails.collect_pictures(seen[0], PictureSources(None, {"seen": photo}))["seen"]
    assert boxes == [(128.0, 10.0, 196.0, 56.0)]
    assert found.chart is not None
    assert len(found.chart.outlines) == 1


def test_patches_given_as_quads_are_outlined_smaller_as_they_are_read(seen: tuple[FitReport, Photo]) -> None:
    quads = chart.patch_quads(seen[1].chart.corners)  # type: ignore[union-attr]
    photo = replace(seen[1], chart=replace(seen[1].chart, quads=quads))
    found = thumbnails.collect_pictures(seen[0], PictureSources(None, {"seen": photo}))["seen"]
    assert found.chart is not None
    window = 68 * 1.3 / 1000  # pixels a thousandth: the chart with 15 % around it, cut off at the photo's edge
    spans = [np.ptp(np.array(line).reshape(-1, 2)[:, 0]) for line in found.chart.outlines]
    assert np.mean(spans) * window == pytest.approx(0.8 * np.ptp(quads[0, :, 0]), rel=0.1)


def test_a_missing_composite_is_a_problem_and_the_rest_is_shown(dataset: Path) -> None:
    (dataset / "composite_images/day_a_3.png").unlink()
    found = thumbnails.collect_pictures(report_of(dataset), PictureSources(dataset))
    assert found["day"].composites == {}
    assert "day_a_3.png" in found["day"].problems[0]
    assert len(found["lamp"].composites["a"]) == 11


def test_a_photo_that_cannot_be_read_is_a_problem(seen: tuple[FitReport, Photo]) -> None:
    seen[1].path.write_bytes(b"no picture")
    found = thumbnails.collect_pictures(seen[0], PictureSources(None, {"seen": seen[1]}))["seen"]
    assert found.photo is None
    assert "not a picture" in found.problems[0]


def test_pictures_shrink_until_they_fit(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    for folder in ("composite_images", "real_images"):
        for path in (dataset / folder).iterdir():
            thumbnails.pixels.write_image(path, noise)
    widths = []
    for budget in (400_000, 1_600_000):
        monkeypatch.setattr(thumbnails, "PAGE_BYTES", budget)
        found = thumbnails.collect_pictures(report_of(dataset), PictureSources(dataset))
        parts = [picture for photo in found.values() for strip in photo.composites.values() for picture in strip]
        assert len(parts) == 22
        assert sum(len(picture.data) for picture in parts) < budget
        widths.append(max(picture.size[0] for picture in parts))
    assert 56 < widths[0] < widths[1]


def test_photos_without_a_place_have_no_pictures(records: list) -> None:
    found = thumbnails.collect_pictures(report.make_report("x", records), PictureSources())
    assert sorted(found) == sorted(record.id for record in records)
    assert all(photo.photo is None and not photo.problems for photo in found.values())
