"""Packing into an object store: written here, uploaded whole, the index last; nothing there is overwritten."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner

from ccharmony import cli
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.packing.pack import PackedFormat, pack_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import OutputError, SettingsError, StoreError
from ccharmony.images import pixels
from ccharmony.stores import cache, patience

from .test_packed import root as root  # the fixture: six pairs

URL = "memory://uploaded/set"
TWO = Limit(pairs=2)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(patience, "WAITS", (0.0,))
    system = fsspec.filesystem("memory")
    yield system
    if system.exists("/uploaded"):
        system.rm("/uploaded", recursive=True)


def held(memory: Any) -> dict[str, bytes]:
    return {name.removeprefix("/uploaded/set/"): memory.cat_file(name) for name in memory.find("/uploaded")}


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("to", ["shards", "parquet"])
def test_store_holds_the_bytes_of_local_packing_and_nothing_stays_here(
    to: PackedFormat, root: Path, memory: Any, tmp_path: Path
) -> None:
    here, there = (pack_dataset(root, to, out, limit=TWO, jobs=2) for out in (tmp_path / "here", URL))
    assert held(memory) == files_of(tmp_path / "here")
    assert (there.files, there.bytes, there.pairs) == (here.files, here.bytes, {"train": 4, "test": 2})
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and "packing" in path.parts] == []
    for one, other in zip(find_pairs(URL, "all")[0], find_pairs(tmp_path / "here", "all")[0], strict=True):
        assert (one.set, one.name, one.split, one.photo) == (other.set, other.name, other.split, other.photo)
        assert (pixels.read_image(one.composite) == pixels.read_image(other.composite)).all()


def test_same_command_again_uploads_nothing(root: Path, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pack_dataset(root, "shards", URL, limit=TWO)
    before = held(memory)
    monkeypatch.setattr(type(memory), "put_file", None)
    assert pack_dataset(root, "shards", URL, limit=TWO).resumed == 6
    assert held(memory) == before


@pytest.mark.parametrize("failing", range(1, 9))
def test_upload_that_fails_at_any_file_leaves_no_index_and_is_gone_on_with(
    failing: int, root: Path, memory: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put, sent = type(memory).put_file, list[str]()

    def break_down(self: Any, path: str, place: str, **rest: Any) -> None:
        sent.append(place)
        if len(sent) >= failing:
            raise ConnectionError("reset by peer")
        put(self, path, place, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", break_down)
        with pytest.raises(StoreError, match=r"reset by peer .*; tried 2 times"):
            pack_dataset(root, "shards", URL, limit=TWO)
    assert "index.json" not in held(memory)
    half = set(held(memory))
    again = list[str]()

    def note(self: Any, path: str, place: str, **rest: Any) -> None:
        again.append(place.removeprefix("/uploaded/set/"))
        put(self, path, place, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", note)
        assert pack_dataset(root, "shards", URL, limit=TWO).resumed == 6
    assert (again[0], again[-1]) == ("plan.txt", "index.json")
    assert half.isdisjoint(again[1:])
    pack_dataset(root, "shards", tmp_path / "here", limit=TWO)
    assert held(memory) == files_of(tmp_path / "here")


def test_place_that_holds_anything_else_is_refused_and_left_as_it_is(root: Path, memory: Any) -> None:
    memory.pipe("/uploaded/set/notes.txt", b"mine")
    with pytest.raises(OutputError, match=r"memory://uploaded/set: holds 'notes.txt', wanted an empty place"):
        pack_dataset(root, "shards", URL)
    assert held(memory) == {"notes.txt": b"mine"}
    memory.rm("/uploaded", recursive=True)
    pack_dataset(root, "shards", URL, limit=TWO)
    before = held(memory)
    with pytest.raises(OutputError, match="wanted an empty place"):
        pack_dataset(root, "shards", URL, limit=Limit(pairs=3))
    assert held(memory) == before


def test_dataset_whose_files_changed_after_the_upload_is_not_taken_for_the_one_there(
    root: Path, memory: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "set"
    copy.symlink_to(root)
    pack_dataset(copy, "shards", URL)
    picture = next((root / "real_images").iterdir())
    before = picture.stat()
    os.utime(picture, (2e9, 2e9))
    with pytest.raises(OutputError, match="wanted an empty place"):
        pack_dataset(copy, "shards", URL)
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert held(memory)


def test_half_an_upload_of_other_contents_is_refused(root: Path, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put = type(memory).put_file

    def break_down(self: Any, path: str, place: str, **rest: Any) -> None:
        if place.endswith("index.json"):
            raise ConnectionError("reset by peer")
        put(self, path, place, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", break_down)
        with pytest.raises(StoreError):
            pack_dataset(root, "shards", URL, limit=TWO)
    with pytest.raises(OutputError, match="wanted an empty place"):
        pack_dataset(root, "parquet", URL, limit=TWO)


def test_web_server_and_hdf5_are_refused_before_anything_is_written(root: Path, memory: Any, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"https://example.org/set: a web server, wanted an object store"):
        pack_dataset(root, "shards", "https://example.org/set")
    with pytest.raises(
        SettingsError, match=r"set.h5: an HDF5 file is read from a disk alone, wanted shards or parquet"
    ):
        pack_dataset(root, "h5", "memory://uploaded/set.h5")
    assert not (tmp_path / "cache").exists()
    assert not memory.exists("/uploaded")


def test_command_packs_to_a_url_and_says_so(root: Path, memory: Any) -> None:
    done = CliRunner().invoke(cli.group, ["pack", str(root), "--to", "shards", "--out", f"{URL}/"])
    assert (done.exit_code, done.stdout) == (
        0,
        f"6 pairs (4 train, 2 test) in {URL}: 2 shards, {sum(map(len, _tars(memory))) / 1e6:.1f} MB\n",
    )


def _tars(memory: Any) -> list[bytes]:
    return [data for name, data in held(memory).items() if name.endswith(".tar")]
