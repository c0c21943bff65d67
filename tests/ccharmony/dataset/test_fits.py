import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from ccharmony.checker.chart import STANDARD
from ccharmony.dataset.fits import read_fits, write_fits
from ccharmony.errors import ManifestError
from ccharmony.records import FitRecord


def record(name: str) -> FitRecord:
    rng = np.random.default_rng(len(name))
    patches = rng.random((24, 3))
    patches[2] = np.nan
    return FitRecord(
        name, "Canon", "nus", "ridge", patches, rng.random((3, 11)), rng.random((3, 11)),
        "train", "scene", {"rmse": 2.5, "left_out": float("nan")}, ("12% of the color cube folds", 'said "so"'),
    )  # fmt: skip


def test_records_come_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "fits.h5"
    records = [record("a"), record("größe <b>")]
    write_fits(path, records, STANDARD, {"fit": "ridge"})
    fits = read_fits(path)
    assert fits.ids == ("a", "größe <b>")
    for before, after in zip(records, fits.records, strict=True):
        np.testing.assert_equal(vars(after), vars(before))
    assert fits.patches.shape == (2, 24, 3)
    assert fits["a"].camera == "Canon"


def test_lights_are_counted_listed_and_looked_up_by_id(tmp_path: Path) -> None:
    write_fits(tmp_path / "fits.h5", [record("a"), record("b")], STANDARD)
    fits = read_fits(tmp_path / "fits.h5")
    assert len(fits) == 2
    assert [light.id for light in fits] == ["a", "b"]
    assert "b" in fits
    assert "c" not in fits
    with pytest.raises(ManifestError, match="c: no fit of this photo among 2"):
        _ = fits["c"]


def test_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_fits(tmp_path / name, [record("a")], STANDARD)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_file_is_read_by_any_hdf5_tool(tmp_path: Path) -> None:
    write_fits(tmp_path / "fits.h5", [record("a")], STANDARD, {"fit": "ridge"})
    with h5py.File(tmp_path / "fits.h5") as file:
        assert file["to_standard"].shape == (1, 3, 11)
        assert file["id"].asstr()[0] == "a"
        assert json.loads(file.attrs["settings"]) == {"fit": "ridge"}
        np.testing.assert_array_equal(file.attrs["standard"], STANDARD)
        assert file.attrs["unit"] == "sRGB-encoded, [0, 1]"


def test_photo_without_a_fit_is_named(tmp_path: Path) -> None:
    write_fits(tmp_path / "fits.h5", [record("a")], STANDARD)
    with pytest.raises(ManifestError, match="zz: no fit of this photo among 1, wanted an id such as a"):
        read_fits(tmp_path / "fits.h5")["zz"]


def test_file_that_is_no_fits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fits.h5"
    with pytest.raises(ManifestError, match="no such file"):
        read_fits(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ManifestError, match=r"not a fits\.h5"):
        read_fits(path)
    write_fits(path, [record("a")], STANDARD)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ManifestError, match=r"not a fits\.h5"):
        read_fits(path)


@pytest.mark.parametrize("break_it", ["version", "dataset", "shape"])
def test_file_of_another_make_is_refused(tmp_path: Path, break_it: str) -> None:
    path = tmp_path / "fits.h5"
    write_fits(path, [record("a")], STANDARD)
    with h5py.File(path, "r+") as file:
        if break_it == "version":
            file.attrs["version"] = 99
        else:
            del file["patches"]
            if break_it == "shape":
                file["patches"] = np.zeros((1, 23, 3))
    with pytest.raises(ManifestError, match=str(path)):
        read_fits(path)


@pytest.mark.parametrize("name", ["to_standard", "from_standard"])
def test_a_matrix_that_is_not_finite_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "fits.h5"
    write_fits(path, [record("a"), record("kitchen")], STANDARD)
    with h5py.File(path, "r+") as file:
        file[name][1, 2, 3] = np.nan
    with pytest.raises(ManifestError, match=f"kitchen: {name} is not finite"):
        read_fits(path)


@pytest.mark.parametrize("name", ["to_standard", "from_standard"])
def test_a_coefficient_that_no_light_has_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "fits.h5"
    write_fits(path, [dataclasses.replace(record("kitchen"), **{name: np.full((3, 11), 1e300)})], STANDARD)
    with pytest.raises(ManifestError, match=f"kitchen: {name} has a coefficient of 1e.300"):
        read_fits(path)


@pytest.mark.parametrize("name", ["to_standard", "patches", "residuals/rmse"])
def test_one_changed_bit_is_seen(tmp_path: Path, name: str) -> None:
    path = tmp_path / "fits.h5"
    write_fits(path, [record("a")], STANDARD)
    with h5py.File(path) as file:
        place = file[name].id.get_offset()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ManifestError, match="its rows are not those that were written"):
        read_fits(path)


def test_a_file_of_an_earlier_version_has_no_hash_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fits.h5"
    write_fits(path, [record("a")], STANDARD)
    with h5py.File(path, "r+") as file:
        del file.attrs["sha256"]
        del file["notes"]
    assert read_fits(path).ids == ("a",)


def test_the_origin_of_patches_comes_back_and_is_absent_where_no_light_has_one(tmp_path: Path) -> None:
    records = [dataclasses.replace(record("a"), origin="counts"), record("b")]
    write_fits(tmp_path / "some.h5", records, STANDARD)
    write_fits(tmp_path / "none.h5", [record("a"), record("b")], STANDARD)
    assert [light.origin for light in read_fits(tmp_path / "some.h5")] == ["counts", ""]
    assert [light.origin for light in read_fits(tmp_path / "none.h5")] == ["", ""]
    with h5py.File(tmp_path / "none.h5") as file:
        assert "origin" not in file


def test_a_changed_origin_is_seen(tmp_path: Path) -> None:
    write_fits(tmp_path / "fits.h5", [dataclasses.replace(record("a"), origin="counts")], STANDARD)
    with h5py.File(tmp_path / "fits.h5", "r+") as file:
        file["origin"][0] = "release"
    with pytest.raises(ManifestError, match="not those that were written"):
        read_fits(tmp_path / "fits.h5")
