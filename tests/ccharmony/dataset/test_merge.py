from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ccharmony import sources
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.dataset.merge import merge_datasets
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import ManifestError, OutputError, SettingsError
from ccharmony.records import Photo
from ccharmony.sources.found import Found

Make = Callable[[str, list[Photo]], Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that builds a dataset of the photos given."""

    def made(name: str, photos: list[Photo]) -> Path:
        monkeypatch.setattr(sources, "find", lambda *_: Found(photos=photos))
        settings = BuildSettings(("nus",), tmp_path, pair=PairSettings(composites=2, suffix=".png"), test_share=0.5)
        build_dataset(settings, tmp_path / name)
        return tmp_path / name

    return made


def test_merged_datasets_verify_and_keep_their_splits(make: Make, photos: list[Photo], tmp_path: Path) -> None:
    first, second = make("first", photos[:4]), make("second", photos[4:])
    report = merge_datasets([first, second], tmp_path / "both")
    assert report.pairs == {"train": 4, "test": 4}
    assert verify_folder(tmp_path / "both").problems == []
    before = {row.composite: row for root in (first, second) for row in read_manifest(root / "manifest.csv")}
    after = {row.composite: row for row in read_manifest(tmp_path / "both" / "manifest.csv")}
    assert after == before


def test_ids_that_clash_get_a_number(make: Make, photos: list[Photo], tmp_path: Path) -> None:
    first = make("first", photos[:4])
    others = [replace(photo, id=f"photo {number}") for number, photo in enumerate(photos[4:])]
    second = make("second", others)
    report = merge_datasets([first, second], tmp_path / "both")
    assert len(report.problems) == 4
    assert "second: photo 0 is now photo 0-2" in report.problems
    assert sum(report.pairs.values()) == 8
    assert verify_folder(tmp_path / "both").problems == []
    rows = read_manifest(tmp_path / "both" / "manifest.csv")
    renamed = next(row for row in rows if row.photo == "photo 0-2")
    assert renamed.composite == "composite_images/photo 0-2_a_1.png"
    assert renamed.donor.endswith("-2")
    fits = read_fits(tmp_path / "both" / "fits.h5")
    assert (fits["photo 0-2"].patches == read_fits(second / "fits.h5")["photo 0"].patches).all()


def test_picture_in_train_and_test_is_refused(make: Make, photos: list[Photo], tmp_path: Path) -> None:
    first = make("first", [replace(photo, split="train") for photo in photos[:4]])
    second = make("second", [replace(photo, id=photo.id + "x", split="test") for photo in photos[:4]])
    with pytest.raises(ManifestError, match="the same picture is"):
        merge_datasets([first, second], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_folder_that_is_not_empty_is_refused(make: Make, photos: list[Photo]) -> None:
    first = make("first", photos)
    with pytest.raises(OutputError, match=r"lies in .*first, which is read"):
        merge_datasets([first, first], first)
    (first.parent / "mine").mkdir()
    (first.parent / "mine" / "diary.txt").write_text("")
    with pytest.raises(OutputError, match=r"mine: holds 'diary.txt', which ccharmony merge did not write"):
        merge_datasets([first, first], first.parent / "mine")


def test_one_dataset_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="1 datasets to merge"):
        merge_datasets([tmp_path], tmp_path / "both")


def test_one_path_is_not_read_as_a_list_of_letters(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^mine: one dataset to merge, wanted a list of two or more$"):
        merge_datasets("mine", tmp_path / "out")
