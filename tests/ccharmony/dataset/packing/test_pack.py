from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import webdataset
from PIL import Image

from ccharmony import console, records
from ccharmony.cli import group
from ccharmony.dataset import tables
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats.pair_files import Split
from ccharmony.dataset.manifest import read_manifest, write_manifest
from ccharmony.dataset.packing import pack, write_shards
from ccharmony.dataset.packing.contents import File, read_contents
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import ManifestError, OutputError, SettingsError, SourceError
from ccharmony.images import pixels

Contents = list[tuple[str, str, str, bytes, bytes, bytes]]


def picture(*seed: int, suffix: str = ".jpg") -> bytes:
    return pixels.encode(np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8), suffix)


def write_set(folder: Path, photos: int = 4, composites: int = 3, test: int = 1, suffix: str = ".jpg") -> Path:
    """A small set: photos with one foreground each, of which the last `test` are for testing."""
    for name in tables.FOLDERS:
        (folder / name).mkdir(parents=True)
    lists: dict[str, list[str]] = {"train": [], "test": []}
    mask = np.zeros((12, 16), bool)
    mask[3:9, 4:12] = True
    for photo in range(photos):
        (folder / "real_images" / f"Ph.o_{photo}{suffix}").write_bytes(picture(photo, suffix=suffix))
        pixels.write_mask(folder / "masks" / f"Ph.o_{photo}_a.png", mask)
        for count in range(composites):
            name = f"Ph.o_{photo}_a_{count}{suffix}"
            (folder / "composite_images" / name).write_bytes(picture(photo, count, suffix=suffix))
            lists["test" if photo >= photos - test else "train"].append(name)
    for split, names in lists.items():
        (folder / f"{folder.name}_{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return folder


def write_set_manifest(folder: Path) -> None:
    """A manifest as the build writes it, for a set of `write_set`."""
    rows = []
    for pair in find_pairs(folder, "all")[0]:
        photo = pair.name.rpartition("_a_")[0]
        files = [Path(str(file)) for file in (pair.composite, pair.mask, pair.real)]
        names = [file.relative_to(folder).as_posix() for file in files]
        hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        described = (photo, "a", "donor", "test", "camera", pair.split, "ridge", "affine", 0.015625, 4.5, "a note")
        rows.append(records.Pair(*names, *described, *hashes))  # type: ignore[arg-type]
    write_manifest(folder / tables.MANIFEST, rows)


def contents(root: Path, split: Split) -> Contents:
    pairs, problems = find_pairs(root, split)
    assert problems == []
    return [
        (pair.set, pair.name, pair.split, *(file.read_bytes() for file in (pair.composite, pair.mask, pair.real)))
        for pair in pairs
    ]


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def sets_with_lists_of_their_own(root: Path) -> Path:
    write_set(root / "B", photos=3), write_set(root / "A", suffix=".png")
    return root


def sets_with_one_list(root: Path) -> Path:
    sets_with_lists_of_their_own(root)
    lines = {split: (root / "B" / f"B_{split}.txt").read_text().split() for split in ("train", "test")}
    for split, names in lines.items():
        text = "\n".join(f"B/composite_images/{name}" for name in reversed(names))
        (root / f"IHD_{split}.txt").write_text(text)
    return root


def set_in_folders_a_foreground(root: Path) -> Path:
    folder = write_set(root)
    for path in sorted((folder / "composite_images").iterdir()):
        inner = path.with_name(path.stem.rpartition("_")[0])
        inner.mkdir(exist_ok=True)
        path.rename(inner / path.name)
    return folder


@pytest.mark.parametrize(
    "write", [write_set, sets_with_lists_of_their_own, sets_with_one_list, set_in_folders_a_foreground]
)
def test_folder_shards_and_file_hold_the_same_pairs_in_the_same_order(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    root = write(tmp_path / "set")
    pack_dataset(root, "shards", tmp_path / "shards", limit=Limit(pairs=2))
    pack_dataset(root, "h5", tmp_path / "set.h5")
    for split in ("train", "test", "all"):
        wanted = contents(root, split)
        assert len(wanted) >= 3
        assert contents(tmp_path / "shards", split) == wanted
        assert contents(tmp_path / "set.h5", split) == wanted


def test_pairs_that_no_list_names_are_packed_without_a_split(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    for path in root.glob("*.txt"):
        path.unlink()
    for kind, out in (("shards", tmp_path / "shards"), ("h5", tmp_path / "set.h5")):
        report = pack_dataset(root, kind, out)
        assert report.pairs == {"all": 12}
        assert contents(out, "all") == contents(root, "all")
        assert len(find_pairs(out, "train")[0]) == 12
        with pytest.raises(SourceError, match="no pair of split 'val', it holds all"):
            find_pairs(out, "val")


# Shards

# webdataset leaves its tars to the garbage collector.
reads_with_webdataset = pytest.mark.filterwarnings("ignore::ResourceWarning")


@reads_with_webdataset
def test_webdataset_reads_the_files_as_they_were(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    write_set_manifest(root)
    pack_dataset(root, "shards", tmp_path / "shards", limit=Limit(pairs=4))
    tars = sorted(str(path) for path in (tmp_path / "shards" / "train").glob("*.tar"))
    assert [Path(tar).name for tar in tars] == [f"shard-{number:06d}.tar" for number in range(3)]
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len(samples) == 9
    for sample in samples:
        row = json.loads(sample["json"])
        assert sample["__key__"] == "set/" + row["name"].removesuffix(".jpg").replace(".", "%2E")
        for part, key in (("composite", "composite.jpg"), ("mask", "mask.png"), ("real", "real.jpg")):
            assert sample[key] == (root / row[part]).read_bytes()
            assert hashlib.sha256(sample[key]).hexdigest() == row[f"{part}_sha256"]
        assert (row["donor"], row["delta_e"], row["split"], row["note"]) == ("donor", 4.5, "train", "a note")
    assert {Path(json.loads(sample["json"])["composite"]).name for sample in samples} == set(
        (root / "set_train.txt").read_text().split()
    )


@reads_with_webdataset
def test_webdataset_decodes_the_pictures(tmp_path: Path) -> None:
    pack_dataset(write_set(tmp_path / "set", suffix=".png"), "shards", tmp_path / "shards")
    tar = str(tmp_path / "shards" / "test" / "shard-000000.tar")
    stream = webdataset.WebDataset(tar, shardshuffle=False).decode("rgb8").to_tuple("composite.png", "real.png", "json")
    samples = list(stream)
    assert len(samples) == 3
    for composite, real, row in samples:
        assert composite.shape == (12, 16, 3)
        with Image.open(io.BytesIO((tmp_path / "set" / row["real"]).read_bytes())) as wanted:
            np.testing.assert_array_equal(real, np.asarray(wanted))


def test_tables_say_where_tar_finds_each_file(tmp_path: Path) -> None:
    root = write_set(tmp_path / ("long name " * 8) / ("ü" * 60))
    pack_dataset(root, "shards", tmp_path / "shards", limit=Limit(pairs=5))
    tars = list((tmp_path / "shards").rglob("*.tar"))
    assert len(tars) == 3
    for path in tars:
        table = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert path.stat().st_size % 10240 == 0
        with tarfile.open(path) as tar:
            found = {member.name: (member.offset_data, member.size) for member in tar}
            assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in tar.getmembers()} == {(0, 0, 0, "", 0o644)}
        for _, _, _, *places in table["rows"]:
            for name, offset, size in places:
                assert found.pop(name) == (offset, size)
        assert all(name.endswith(".json") for name in found)


def test_composites_of_one_photo_do_not_stay_together(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", photos=6, composites=6)
    entries, _ = read_contents(root)
    (batch, _) = write_shards.divide_into_shards(entries, Limit())
    neighbors = [one.real == other.real for one, other in zip(batch.entries, batch.entries[1:], strict=False)]
    assert sum(neighbors) < 15  # in the order of the lists it is 25 of 29, by chance 5


@pytest.mark.parametrize(
    ("limit", "wanted"), [(Limit(), [9]), (Limit(pairs=4), [4, 4, 1]), (Limit(mebibytes=1e-4), [1] * 9)]
)
def test_shards_are_as_large_as_asked_for(limit: Limit, wanted: list[int], tmp_path: Path) -> None:
    entries, _ = read_contents(write_set(tmp_path / "set", test=0, photos=3))
    assert [len(batch.entries) for batch in write_shards.divide_into_shards(entries, limit)] == wanted


@pytest.mark.parametrize("change", [{"mebibytes": 0.0}, {"pairs": -1}])
def test_a_limit_that_is_none_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="wanted"):
        Limit(**change)  # type: ignore[arg-type]


# One file


def test_shared_pictures_are_in_the_file_once_and_plain_h5py_finds_them(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    write_set_manifest(root)
    pack_dataset(root, "h5", tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        assert len(file["files/name"]) == 12 + 4 + 4  # composites, masks, real pictures
        assert file["bytes"].shape == (sum(len(data) for name, data in tree(root).items() if "/" in name),)
        for pair in range(12):
            row = json.loads(file["pairs/row"].asstr()[pair])
            for part in ("composite", "mask", "real"):
                number = file[f"pairs/{part}"][pair]
                first, size = file["files/offset"][number], file["files/size"][number]
                assert bytes(file["bytes"][first : first + size]) == (root / row[part]).read_bytes()
            assert row["donor_fit_kind"] == "affine"


# Same bytes, nothing half done


def test_the_same_pictures_give_the_same_bytes_for_any_jobs_and_times(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    pack_dataset(root, "shards", tmp_path / "one", limit=Limit(pairs=2))
    pack_dataset(root, "h5", tmp_path / "one.h5")
    for path in root.rglob("*"):
        os.utime(path, (1e9, 1e9))
    pack_dataset(root, "shards", tmp_path / "two", limit=Limit(pairs=2), jobs=3)
    pack_dataset(root, "h5", tmp_path / "two.h5")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_packing_that_was_broken_off_goes_on_after_the_last_whole_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = write_set(tmp_path / "set"), tmp_path / "shards"
    pack_dataset(root, "shards", tmp_path / "unbroken", limit=Limit(pairs=2))
    read, count = File.read, iter(range(100))

    def fail(file: File) -> tuple[bytes, str]:
        if next(count) >= 16:  # and from then on, however late the others hear of it
            raise KeyboardInterrupt
        return read(file)

    with monkeypatch.context() as patch:
        patch.setattr(File, "read", fail)
        with pytest.raises(KeyboardInterrupt):
            pack_dataset(root, "shards", out, limit=Limit(pairs=2))
    assert not out.exists()
    assert [path.name for path in tmp_path.rglob("*.tar.part")] == []
    kept = tmp_path / ".shards.part" / "train" / "shard-000000.tar"
    before = kept.stat().st_mtime_ns
    reported: list[int] = []
    report = pack_dataset(
        root, "shards", out, limit=Limit(pairs=2), progress=lambda _stage, done, _total: reported.append(done)
    )
    assert report.resumed == 4  # sixteen files are two shards of two pairs, and a part of the third
    assert (out / "train" / "shard-000000.tar").stat().st_mtime_ns == before
    assert reported == [4, 6, 8, 9, 11, 12]
    assert tree(out) == tree(tmp_path / "unbroken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "shards", "unbroken"]


@pytest.mark.parametrize(("kind", "name"), [("shards", "packed"), ("h5", "packed.h5")])
def test_packing_that_was_killed_leaves_no_result_and_is_done_again(
    kind: pack.PackedFormat, name: str, tmp_path: Path
) -> None:
    root, out = write_set(tmp_path / "set"), tmp_path / name
    code = (
        "import os, sys; from ccharmony.dataset.packing.contents import File\n"
        "from ccharmony.dataset.packing.pack import Limit, pack_dataset\n"
        "read, count = File.read, iter(range(100))\n"
        "File.read = lambda file: os._exit(9) if next(count) == 10 else read(file)\n"
        "pack_dataset(sys.argv[1], sys.argv[2], sys.argv[3], limit=Limit(pairs=2))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root), kind, str(out)], check=False)
    assert done.returncode == 9
    assert not out.exists()
    report = pack_dataset(root, kind, out, limit=Limit(pairs=2))
    assert report.resumed == (2 if kind == "shards" else 0)
    assert contents(out, "all") == contents(root, "all")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["set", name])


def test_what_is_left_of_another_plan_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = write_set(tmp_path / "set"), tmp_path / "shards"
    with monkeypatch.context() as patch:
        patch.setattr(write_shards, "write_index", lambda *_: (_ for _ in ()).throw(OutputError("disk full")))
        with pytest.raises(OutputError, match="disk full"):
            pack_dataset(root, "shards", out, limit=Limit(pairs=2))
    (root / "masks" / "Ph.o_0_a.png").write_bytes(b"another mask")
    assert pack_dataset(root, "shards", out, limit=Limit(pairs=2)).resumed == 0
    assert contents(out, "all") == contents(root, "all")


@pytest.mark.parametrize(("kind", "name"), [("shards", "packed"), ("h5", "packed.h5")])
def test_a_finished_result_is_found_done_until_a_picture_changes(
    kind: pack.PackedFormat, name: str, tmp_path: Path
) -> None:
    root, out = write_set(tmp_path / "set"), tmp_path / name
    assert pack_dataset(root, kind, out).resumed == 0
    before = out.stat().st_mtime_ns
    assert pack_dataset(root, kind, out).resumed == 12
    assert out.stat().st_mtime_ns == before
    mask = root / "masks" / "Ph.o_0_a.png"
    os.utime(mask, ns=(before + 10**12, before + 10**12))
    with pytest.raises(OutputError, match="wanted a new"):
        pack_dataset(root, kind, out)


def test_two_at_once_into_one_place_are_refused(tmp_path: Path) -> None:
    root, out = write_set(tmp_path / "set"), tmp_path / "packed"

    def pack_again(_stage: str, _done: int, _total: int) -> None:
        with pytest.raises(OutputError, match="another job is writing here"):
            pack_dataset(root, "shards", out)

    assert pack_dataset(root, "shards", out, progress=pack_again).files == 2


# What is refused


@pytest.mark.parametrize("kind", ["shards", "h5"])
def test_a_place_that_is_taken_is_left_alone(kind: pack.PackedFormat, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    (tmp_path / "taken.h5").write_bytes(b"a thesis")
    with pytest.raises(OutputError, match="wanted a new"):
        pack_dataset(root, kind, tmp_path / ("taken" if kind == "shards" else "taken.h5"))
    assert (tmp_path / "taken.h5").read_bytes() == b"a thesis"


def test_an_empty_folder_is_filled_even_if_it_is_called_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_set(tmp_path / "set")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    pack_dataset(root, "shards", Path())
    assert contents(tmp_path / "here", "train") == contents(root, "train")


def test_a_file_of_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.h5 or \.hdf5"):
        pack_dataset(write_set(tmp_path / "set"), "h5", tmp_path / "set.zip")


def test_what_is_no_folder_of_pairs_is_refused(tmp_path: Path) -> None:
    pack_dataset(write_set(tmp_path / "set"), "shards", tmp_path / "shards")
    for place in (tmp_path / "shards", tmp_path / "absent"):
        with pytest.raises(SourceError, match="wanted one to pack"):
            pack_dataset(place, "shards", tmp_path / "again")


def test_a_composite_listed_twice_is_packed_once(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    with (root / "set_test.txt").open("a") as file:
        file.write("Ph.o_0_a_1.jpg\n")
    assert pack_dataset(root, "shards", tmp_path / "shards").pairs == {"train": 9, "test": 3}


@pytest.mark.parametrize(("kind", "name"), [("shards", "packed"), ("h5", "packed.h5")])
def test_a_broken_pair_is_left_out_and_named_or_fatal(kind: pack.PackedFormat, name: str, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    (root / "masks" / "Ph.o_1_a.png").unlink()
    with pytest.raises(SourceError, match=r"no mask Ph\.o_1_a"):
        pack_dataset(root, kind, tmp_path / name, strict=True)
    report = pack_dataset(root, kind, tmp_path / name)
    assert (report.pairs, len(report.problems)) == ({"train": 6, "test": 3}, 3)


@pytest.mark.parametrize(("kind", "name"), [("shards", "packed"), ("h5", "packed.h5")])
def test_a_picture_that_is_not_the_manifests_is_refused(kind: pack.PackedFormat, name: str, tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    write_set_manifest(root)
    (root / "real_images" / "Ph.o_2.jpg").write_bytes(picture(99))
    with pytest.raises(ManifestError, match=r"Ph\.o_2\.jpg: sha256 .* the manifest says"):
        pack_dataset(root, kind, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_listed_pair_that_the_manifest_lacks_is_refused(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    write_set_manifest(root)
    rows = read_manifest(root / tables.MANIFEST)
    write_manifest(root / tables.MANIFEST, rows[1:])
    with pytest.raises(ManifestError, match=r"Ph\.o_0_a_0\.jpg is listed, manifest\.csv has no row"):
        pack_dataset(root, "h5", tmp_path / "set.h5")


def test_a_picture_that_changes_while_it_is_packed_is_named(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    entries, _ = read_contents(root)
    (root / "real_images" / "Ph.o_0.jpg").write_bytes(b"half a pic")
    with pytest.raises(SourceError, match=r"Ph\.o_0\.jpg: 10 bytes, \d+ when packing began"):
        entries[0].real.read()


# The command


def test_pack_command_packs_verifies_and_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_set(tmp_path / "set")

    def run(*words: object) -> tuple[object, str]:
        with pytest.raises(SystemExit) as stop:
            console.run(group, [str(word) for word in words])
        return stop.value.code, capsys.readouterr().out

    words = ("pack", root, "--to", "shards", "--out", tmp_path / "out", "--shard-pairs", 5, "--jobs", 2)
    code, out = run(*words)
    assert (code, out) == (0, f"12 pairs (9 train, 3 test) in {tmp_path / 'out'}: 3 shards, 0.1 MB\n")
    assert run(*words)[1].startswith("12 pairs were packed before\n")
    code, out = run("pack", root, "--to", "h5", "--out", tmp_path / "set.h5")
    assert (code, out.split(":")[-1]) == (0, " one file, 0.0 MB\n")
    for packed in (tmp_path / "out", tmp_path / "set.h5"):
        assert run("verify", packed) == (0, "12 pairs of 4 photos, 0 problems\n")
    (root / "masks" / "Ph.o_0_a.png").unlink()
    code, out = run("pack", root, "--to", "h5", "--out", tmp_path / "less.h5")
    assert code == 1
    assert out.startswith("left out: ")


def test_packed_format_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    to: Any = "zip"
    with pytest.raises(SettingsError, match="packed format 'zip', wanted one of shards, h5"):
        pack_dataset(tmp_path, to, tmp_path / "out.h5")
    assert not list(tmp_path.iterdir())
