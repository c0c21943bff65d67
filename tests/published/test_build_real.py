"""The whole build on the real photos that are to be had: five of NUS, one of Gehler."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ccharmony import build, manifest, pixels, store, verify
from ccharmony.donors import Limits
from ccharmony.pairs import PairSettings
from ccharmony.settings import BuildSettings

POLYGONS = Path(__file__).with_name("polygons.json")


@pytest.fixture
def own_masks(shared_data: Path, tmp_path: Path) -> Path:
    """A data folder with the real photos, linked, and masks drawn from the polygons kept here."""
    root = tmp_path / "data"
    for source in ("nus", "gehler"):
        (root / source / "masks").mkdir(parents=True)
        for path in (shared_data / source).iterdir():
            (root / source / path.name).symlink_to(path)
    for photo, drawn in json.loads(POLYGONS.read_text()).items():
        width, height = drawn["size"]
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.array(drawn["a"], np.int32)], (1,))
        pixels.write_mask(root / drawn["source"] / "masks" / f"{photo}_a.png", mask > 0)
    return root


def test_release_photo_is_built_with_its_published_mask_and_fits(shared_data: Path, tmp_path: Path) -> None:
    settings = BuildSettings(
        ("nus", "gehler"),
        shared_data,
        release=shared_data / "ccharmony_release",
        pair=PairSettings(composites=2, limits=Limits(1, 0)),
    )
    out = tmp_path / "out"
    report = build.build(settings, out)
    assert report.pairs == {"train": 2}
    rows = manifest.read_pairs(out / "manifest.csv")
    assert {row.photo for row in rows} == {"Canon1DsMkIII_0005"}
    assert {row.fit_kind for row in rows} == {"published"}
    assert rows[0].note == "mask of 2286x5616 resized to 1143x2808"
    assert pixels.image_size(out / rows[0].real) == (2808, 1143)
    fits = store.read_fits(out / "fits.h5")
    assert len(fits.ids) == 350
    splits = [record.split for record in fits.records]
    assert (splits.count("train"), splits.count("test")) == (250, 100)
    assert verify.verify(out).problems == []


def test_six_photos_are_built_without_the_release(own_masks: Path, tmp_path: Path) -> None:
    settings = BuildSettings(
        ("nus", "gehler"), own_masks, test_share=0, pair=PairSettings(composites=2, size=512, limits=Limits(1, 0))
    )
    out = tmp_path / "out"
    report = build.build(settings, out, jobs=2)
    assert report.problems == []
    assert report.photos == {"train": 6}
    assert report.pairs == {"train": 12}
    assert verify.verify(out).problems == []
    for record in store.read_fits(out / "fits.h5").records:
        assert record.residuals["orientation_ratio"] > 1.5
        assert record.residuals["rmse"] < 15
