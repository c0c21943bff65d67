"""The whole build on the real photos that are to be had: five of NUS, one of Gehler."""

from __future__ import annotations

from pathlib import Path

from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, Limits, PairSettings
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.dataset.verify import verify_folder
from ccharmony.images import headers


def test_release_photo_is_built_with_its_published_mask_and_fits(shared_data: Path, tmp_path: Path) -> None:
    settings = BuildSettings(
        ("nus", "gehler"),
        shared_data,
        release=shared_data / "ccharmony_release",
        pair=PairSettings(composites=2, limits=Limits(1, 0)),
    )
    out = tmp_path / "out"
    report = build_dataset(settings, out)
    assert report.pairs == {"train": 2}
    rows = read_manifest(out / "manifest.csv")
    assert {row.photo for row in rows} == {"Canon1DsMkIII_0005"}
    assert {row.fit_kind for row in rows} == {"published"}
    assert rows[0].note == "mask of 2286x5616 resized to 1143x2808"
    assert headers.image_size(out / rows[0].real) == (2808, 1143)
    fits = read_fits(out / "fits.h5")
    assert len(fits.ids) == 350
    splits = [record.split for record in fits.records]
    assert (splits.count("train"), splits.count("test")) == (250, 100)
    assert verify_folder(out).problems == []


def test_six_photos_are_built_without_the_release(drawn_data: Path, tmp_path: Path) -> None:
    settings = BuildSettings(
        ("nus", "gehler"), drawn_data, test_share=0, pair=PairSettings(composites=2, size=512, limits=Limits(1, 0))
    )
    out = tmp_path / "out"
    report = build_dataset(settings, out, jobs=2)
    assert report.problems == []
    assert report.photos == {"train": 6}
    assert report.pairs == {"train": 12}
    assert verify_folder(out).problems == []
    for record in read_fits(out / "fits.h5").records:
        assert record.residuals["orientation_ratio"] > 1.5
        assert record.residuals["rmse"] < 15
