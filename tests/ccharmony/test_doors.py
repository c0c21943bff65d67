"""The functions that users call take a path as text or as a path object."""

from pathlib import Path

import numpy as np
import pytest

from ccharmony import sources
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.dataset.merge import merge_datasets
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.verify import verify_dataset
from ccharmony.images import pixels
from ccharmony.records import Photo
from ccharmony.sources.found import Found


class Place:
    """A path-like object that is not a Path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


@pytest.fixture
def built(tmp_path: Path, photos: list[Photo], monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset of four pairs, built with every path given as text."""
    monkeypatch.setattr(sources, "find", lambda *_: Found(photos=photos[:4]))
    settings = BuildSettings(
        ("nus",), str(tmp_path / "data"), pair=PairSettings(composites=1, suffix=".png"), test_share=0.5
    )
    out = str(tmp_path / "built")
    assert sum(build_dataset(settings, out).pairs.values()) == 4
    return out


def test_built_datasets_are_read_by_text_and_by_path_like(built: str) -> None:
    root = Place(Path(built))
    assert len(find_pairs(built, "all")[0]) == len(find_pairs(root, "all")[0]) == 4
    assert len(read_manifest(f"{built}/manifest.csv")) == len(read_manifest(Place(Path(built, "manifest.csv")))) == 4
    assert len(read_fits(f"{built}/fits.h5").ids) == len(read_fits(Place(Path(built, "fits.h5"))).ids) == 4
    assert verify_dataset(built).problems == verify_dataset(root).problems == []


@pytest.mark.parametrize("kind", ["shards", "h5"])
def test_datasets_are_packed_and_verified_by_text(built: str, tmp_path: Path, kind: str) -> None:
    packed = str(tmp_path / ("packed.h5" if kind == "h5" else "packed"))
    assert pack_dataset(built, kind, packed).pairs == {"train": 2, "test": 2}  # type: ignore[arg-type]
    assert (verify_dataset(packed).pairs, verify_dataset(Place(Path(packed))).problems) == (4, [])
    assert len(find_pairs(packed, "train")[0]) == 2


def test_datasets_are_merged_by_text_and_by_path_like(built: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    Path(built).rename(copy)
    report = merge_datasets([str(copy), Place(copy)], str(tmp_path / "both"))
    assert sum(report.pairs.values()) == 8


def test_pictures_are_written_and_read_by_text_and_by_path_like(tmp_path: Path) -> None:
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    for path in (str(tmp_path / "one.png"), Place(tmp_path / "two.png")):
        pixels.write_image(path, image)
        np.testing.assert_array_equal(pixels.read_image(path), image)
    pixels.write_mask(tmp_path / "mask.png", image[..., 0] > 20)
    for path in (str(tmp_path / "mask.png"), Place(tmp_path / "mask.png")):
        np.testing.assert_array_equal(pixels.read_mask(path), image[..., 0] > 20)
