"""Parquet: an independent reader finds what was packed, and ours reads it by the places in the tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ccharmony.build.pipeline import build_dataset
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.manifest import read_manifest
from ccharmony.dataset.packing import write_parquet
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.verify import verify_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import SettingsError, SourceError

from ... import kill_loop

PARTS = ("composite", "mask", "real")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four photos, sixteen pairs at most."""
    folder = tmp_path_factory.mktemp("parquet")
    build_dataset(kill_loop.write_source(folder / "data", 4), folder / "set")
    return folder / "set"


@pytest.fixture
def packed(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same in Parquet: two files at least, of several row groups."""
    monkeypatch.setattr(write_parquet, "GROUP_ROWS", 1)
    pack_dataset(built, "parquet", tmp_path / "packed", limit=Limit(pairs=2))
    return tmp_path / "packed"


def test_pyarrow_finds_the_files_of_every_pair_and_its_row_of_the_manifest(built: Path, packed: Path) -> None:
    rows = {row.composite: row for row in read_manifest(built / "manifest.csv")}
    found = [line for path in sorted(packed.glob("data/*.parquet")) for line in pq.read_table(path).to_pylist()]
    assert sorted(line["composite"]["path"] for line in found) == sorted(rows)
    for line in found:
        row = rows[line["composite"]["path"]]
        for part in PARTS:
            assert line[part] == {
                "bytes": (built / getattr(row, part)).read_bytes(),
                "path": getattr(row, part),
            }
        assert (line["donor"], line["split"], line["delta_e"]) == (row.donor, row.split, row.delta_e)
        assert json.loads(line["row"])["composite_sha256"] == row.composite_sha256


def test_row_groups_have_statistics_and_pictures_are_not_compressed(packed: Path) -> None:
    path = min(packed.glob("data/train-*.parquet"))
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == metadata.num_rows > 1
    group = metadata.row_group(0)
    chunks = {chunk.path_in_schema: chunk for chunk in map(group.column, range(group.num_columns))}
    assert chunks["composite.bytes"].compression == "UNCOMPRESSED"
    assert chunks["composite.bytes"].statistics is None
    assert chunks["delta_e"].statistics.min == pq.read_table(path, columns=["delta_e"])["delta_e"][0].as_py()


def test_the_schema_has_the_features_of_datasets(packed: Path) -> None:
    schema = pq.read_schema(min(packed.glob("data/*.parquet")))
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert set(features) == set(schema.names)
    assert [features[part] for part in PARTS] == [{"_type": "Image"}] * 3
    assert features["delta_e"] == {"dtype": "float64", "_type": "Value"}


def test_pairs_are_read_in_the_order_of_the_lists_with_the_bytes_of_the_files(built: Path, packed: Path) -> None:
    for split in ("train", "test"):
        folder, _ = find_pairs(built, split)
        found, _ = find_pairs(packed, split)
        assert [pair.name for pair in found] == [pair.name for pair in folder]
        for pair, wanted in zip(found, folder, strict=True):
            for part in PARTS:
                assert getattr(pair, part).read_bytes() == Path(str(getattr(wanted, part))).read_bytes()


def test_reading_and_verifying_need_no_pyarrow(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert len(find_pairs(packed, "all")[0]) == verify_dataset(packed, deep=True).pairs
    assert verify_dataset(packed).problems == []


def test_without_pyarrow_packing_says_what_to_install(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=r"pyarrow is not installed, wanted pip install 'ccharmony\[parquet\]'"):
        pack_dataset(built, "parquet", tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_the_same_dataset_gives_the_same_bytes_and_is_packed_once(built: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pack_dataset(built, "parquet", tmp_path / name, jobs=2 if name == "two" else 1)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert {path.parts[0] for path in files} == {
        *(".made_by.json", "data", "index.json", "tables"),
        *("README.md", "contact_sheet.jpg", "croissant.json"),
    }
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in files)
    again = pack_dataset(built, "parquet", tmp_path / "one")
    assert again.resumed == len(read_manifest(built / "manifest.csv"))


def test_a_folder_without_lists_or_a_manifest_is_packed_as_one_split(built: Path, tmp_path: Path) -> None:
    for name in ("composite_images", "masks", "real_images"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for path in (built / name).iterdir():
            (tmp_path / "set" / name / path.name).hardlink_to(path)
    pack_dataset(tmp_path / "set", "parquet", tmp_path / "packed")
    assert [path.name for path in (tmp_path / "packed" / "data").iterdir()] == ["all-00000-of-00001.parquet"]
    assert verify_dataset(tmp_path / "packed").problems == []


@pytest.mark.parametrize("part", range(8))
def test_a_changed_byte_of_a_file_is_found(packed: Path, part: int) -> None:
    path = min(packed.glob("data/*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) * part // 8] ^= 1
    path.write_bytes(data)
    assert any(f"{path}: sha256" in problem for problem in verify_dataset(packed).problems)


def test_a_file_cut_short_is_one_line(packed: Path) -> None:
    path = min(packed.glob("data/*.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match=r"parquet: \d+ bytes, index\.json says \d+: the shard is incomplete"):
        find_pairs(packed, "all")


@pytest.mark.parametrize("name", ["data/../../x.parquet", "train/shard-000000.tar", "data/train-0-of-1.parquet"])
def test_an_index_that_names_another_file_is_refused(packed: Path, name: str) -> None:
    index = json.loads((packed / "index.json").read_text())
    index["shards"][0]["file"] = name
    (packed / "index.json").write_text(json.dumps(index))
    with pytest.raises(SourceError, match="not an index of shards"):
        find_pairs(packed, "all")
