"""verify sees any changed byte of a dataset, says where it is, and with --deep compares tables and pixels."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from ccharmony.build import pipeline
from ccharmony.build.settings import PairSettings
from ccharmony.dataset import checksums, tables
from ccharmony.dataset.fits import read_fits, write_fits
from ccharmony.dataset.manifest import read_manifest, write_manifest
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.verify import verify_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import CcharmonyError, ManifestError
from ccharmony.images import pixels
from ccharmony.outputs import MARKER

from .. import kill_loop


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of eight small photos in PNG."""
    folder = tmp_path_factory.mktemp("verify")
    settings = kill_loop.write_source(folder / "data", 8)
    pipeline.build_dataset(replace(settings, pair=PairSettings(2, ".png")), folder / "set")
    return folder / "set"


@pytest.fixture
def dataset(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "set")


def problems_of(root: Path, *, deep: bool = False) -> list[str]:
    """What verify says, be it a list of problems or the one error for which it goes no further."""
    try:
        return verify_dataset(root, deep=deep).problems
    except CcharmonyError as error:
        return [str(error)]


def change_rows(root: Path, **changes: object) -> None:
    """Change the first row of the manifest, as a person would who leaves everything else as it is."""
    rows = read_manifest(root / tables.MANIFEST)
    write_manifest(root / tables.MANIFEST, [replace(rows[0], **changes), *rows[1:]])  # type: ignore[arg-type]


def change_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("deep", [False, True])
def test_dataset_as_it_was_built_has_no_problem(built: Path, deep: bool) -> None:
    verdict = verify_dataset(built, deep=deep)
    assert (verdict.photos, verdict.problems, verdict.notes) == (8, [], [])


def test_flipped_bit_anywhere_is_seen(dataset: Path) -> None:
    for path in sorted(path for path in dataset.rglob("*") if path.is_file() and not path.name.startswith(".")):
        if (path.parent.name in tables.FOLDERS and "p1" not in path.name) or path.stem.endswith("2"):
            continue
        data = path.read_bytes()
        for damaged in (data[:-1] + bytes([data[-1] ^ 1]), b""):
            path.write_bytes(damaged)
            assert problems_of(dataset), path.name
        path.unlink()
        assert problems_of(dataset), f"{path.name} removed"
        path.write_bytes(data)
    assert problems_of(dataset) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"delta_e": 7.0},
        {"clipped_share": 0.5},
        {"donor": "p9"},
        {"fit_kind": "published"},
        {"donor_fit_kind": "affine"},
        {"camera": "another"},
        {"foreground": "z"},
        {"note": "fine"},
    ],
)
def test_changed_row_is_named(dataset: Path, changes: dict[str, object]) -> None:
    name = read_manifest(dataset / tables.MANIFEST)[0].composite
    change_rows(dataset, **changes)
    assert f"manifest.csv: the row of {name} is not what the build wrote" in problems_of(dataset)


@pytest.mark.parametrize(("column", "value"), [("delta_e", "nan"), ("clipped_share", "7"), ("delta_e", "-1")])
def test_number_that_cannot_be_is_refused_by_name(dataset: Path, column: str, value: str) -> None:
    path = dataset / tables.MANIFEST
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    rows[3][rows[0].index(column)] = value
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    with pytest.raises(ManifestError, match=rf"manifest\.csv line 4: {column} {re.escape(value)}, wanted 0 to"):
        read_manifest(path)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def copy_list(root: Path, name: str) -> None:
    shutil.copy(root / "ccHarmony_train.txt", root / name)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "rows in another order": (
        lambda root: write_manifest(root / "manifest.csv", read_manifest(root / "manifest.csv")[::-1]),
        "rows in another order",
    ),
    "a row left out": (
        lambda root: write_manifest(root / "manifest.csv", read_manifest(root / "manifest.csv")[1:]),
        "no row of composite_images/",
    ),
    "a doubled line of a list": (
        lambda root: (root / "ccHarmony_train.txt").write_text(2 * (root / "ccHarmony_train.txt").read_text()),
        "listed twice in the list of train",
    ),
    "counts": (lambda root: change_text(root / "build.json", '"train": ', '"train": 1'), "build.json: foregrounds {"),
    "settings": (lambda root: change_text(root / "build.json", '"seed": 0', '"seed": 5'), "its sha256 is another"),
    "seconds": (lambda root: change_text(root / "build.json", '"seconds": ', '"seconds": "1", "x": '), "seconds '1'"),
    "a later second": (
        lambda root: change_text(root / "build.json", '"seconds": ', '"seconds": 1'),
        "sha256 is another",
    ),
    "a line more in the report": (lambda root: append(root / "build.json", "\n"), "is spaced otherwise than the build"),
    "a tab in the report": (lambda root: change_text(root / "build.json", '": ', '":\t'), "is spaced otherwise than"),
    "a list of no split": (lambda root: copy_list(root, "mine_val.txt"), "list of val and manifest differ in"),
    "a second list": (lambda root: copy_list(root, "mine_train.txt"), "listed twice in the list of train"),
    "a tar": (lambda root: (root / "a.tar").write_bytes(b""), "a.tar: no part of the dataset"),
    "a pipe": (lambda root: os.mkfifo(root / "a"), "a: no part of the dataset"),
    "a link to nothing": (lambda root: (root / "b").symlink_to("/none"), "b: no part of the dataset"),
    "a folder": (lambda root: (root / "more").mkdir(), "more: no part of the dataset"),
    "marker of another job": (lambda root: change_text(root / MARKER, "build", "pack"), "is not the marker of"),
    "a blank in the marker": (lambda root: append(root / MARKER, " "), "is not the marker of"),
    "a marker that is none": (lambda root: (root / MARKER).write_text("[1]"), "is not the marker of"),
    "no report": (lambda root: (root / "build.json").unlink(), "build.json: cannot be read"),
    "no checksums": (lambda root: (root / "checksums.csv").unlink(), "checksums.csv: absent"),
    "fit": (
        lambda root: write_fits(
            root / "fits.h5",
            [replace(one, to_standard=one.to_standard * 1.01) for one in read_fits(root / "fits.h5")],
            np.zeros((24, 3)),
        ),
        "fits.h5: is not what the build wrote",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_differs_between_tables_is_said(dataset: Path, damage: str) -> None:
    change, said = DAMAGES[damage]
    change(dataset)
    assert any(said in problem for problem in problems_of(dataset)), problems_of(dataset)


def test_a_list_of_a_split_without_pairs_is_seen(dataset: Path) -> None:
    """Without rows of test nothing but the list would make test pairs of train ones."""
    forget_hashes(dataset)
    rows = read_manifest(dataset / tables.MANIFEST)
    kept = [row for row in rows if row.split == "train"]
    for name in {name for row in rows if row not in kept for name in (row.composite, row.mask, row.real)}:
        (dataset / name).unlink()
    write_manifest(dataset / tables.MANIFEST, kept)
    copy_list(dataset, "ccHarmony_test.txt")
    assert any("list of test and manifest differ in" in problem for problem in problems_of(dataset))


def test_what_may_lie_beside_a_dataset_is_no_problem(dataset: Path) -> None:
    for name in (".DS_Store", ".git", "Thumbs.db", "source"):
        (dataset / name).mkdir()
    (dataset / MARKER).unlink()
    assert problems_of(dataset) == []


def test_report_of_an_earlier_version_may_have_its_seconds_unsealed(dataset: Path) -> None:
    content = json.loads((dataset / tables.REPORT).read_text())
    del content["sha256"]
    seconds = content.pop("seconds")
    sealed = {**checksums.seal(content), "seconds": seconds + 1}
    (dataset / tables.REPORT).write_text(json.dumps(sealed, indent=2, sort_keys=True) + "\n")
    assert problems_of(dataset) == []


def forget_hashes(root: Path) -> None:
    """Make a dataset look like one of an earlier version."""
    (root / checksums.NAME).unlink()
    content = json.loads((root / tables.REPORT).read_text())
    del content["sha256"], content["checksums"]
    (root / tables.REPORT).write_text(json.dumps(content))


def test_dataset_of_an_earlier_version_is_read_and_said_to_have_no_hashes(dataset: Path) -> None:
    forget_hashes(dataset)
    verdict = verify_dataset(dataset)
    assert (verdict.problems, verdict.notes) == ([], ["no hashes of its tables: written by an earlier version"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"delta_e": 7.0}, "ΔE 7.000000, measured"),
        ({"clipped_share": 0.5}, "clipped share 0.500000, measured"),
        ({"donor": "other"}, "levels off the photo in the light of"),
    ],
)
def test_deep_compares_rows_with_pixels_where_no_hash_does(
    dataset: Path, changes: dict[str, object], said: str
) -> None:
    forget_hashes(dataset)
    rows = read_manifest(dataset / tables.MANIFEST)
    if "donor" in changes:
        others = {row.donor for row in rows if row.split == rows[0].split} - {rows[0].donor, rows[0].photo}
        changes = {"donor": min(others)}
    change_rows(dataset, **changes)
    assert problems_of(dataset) == []
    assert [said in problem for problem in problems_of(dataset, deep=True)][:1] == [True]


def test_deep_fits_again(dataset: Path) -> None:
    lights = read_fits(dataset / tables.FITS).records
    patches = lights[0].patches.copy()
    patches[5] = 0.5
    forget_hashes(dataset)
    write_fits(dataset / tables.FITS, [replace(lights[0], patches=patches), *lights[1:]], np.zeros((24, 3)))
    assert any(problem.startswith(f"{lights[0].id}: its matrix is") for problem in problems_of(dataset, deep=True))


def test_same_real_picture_in_both_splits_is_seen(dataset: Path) -> None:
    rows = read_manifest(dataset / tables.MANIFEST)
    train = next(row for row in rows if row.split == "train")
    test = next(row for row in rows if row.split == "test")
    shutil.copy(dataset / train.real, dataset / test.real)
    changed = [replace(row, real_sha256=train.real_sha256) if row.real == test.real else row for row in rows]
    write_manifest(dataset / tables.MANIFEST, changed)
    assert any("the same picture in train and in test" in problem for problem in problems_of(dataset))


@pytest.mark.parametrize("kind", ["shards", "parquet", "h5"])
def test_flipped_bit_of_a_packed_dataset_is_seen(built: Path, tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / ("set.h5" if kind == "h5" else "set")
    pack_dataset(built, kind, out, limit=Limit(pairs=8))  # type: ignore[arg-type]
    assert problems_of(out) == []
    random = np.random.default_rng(3)
    for path in [out] if kind == "h5" else sorted(path for path in out.rglob("*") if path.is_file()):
        if path.name == MARKER:
            continue  # says which command may write here; no part of the dataset
        data = path.read_bytes()
        places = {100, 511, len(data) - 1, *random.integers(0, len(data), 2).tolist()}
        for place in sorted(place for place in places if place < len(data)):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert problems_of(out), f"{path.name} byte {place}"
        path.write_bytes(data)
    assert problems_of(out) == []


def test_shard_that_the_index_leaves_out_and_a_file_too_many_are_named(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    pack_dataset(built, "shards", out, limit=Limit(pairs=4))
    shutil.copy(out / "train" / "shard-000000.tar", out / "train" / "shard-000009.tar")
    content = json.loads((out / "index.json").read_text())
    left_out = content["shards"].pop()
    (out / "index.json").write_text(json.dumps(content))
    said = "\n".join(problems_of(out))
    for part in ("shard-000009.tar: index.json does not name it", f"{left_out['file']}: index.json does not name it"):
        assert part in said
    assert "index.json: is not what was packed" in said


@pytest.mark.parametrize("kind", ["shards", "parquet"])
def test_what_is_no_file_and_a_changed_space_in_a_packed_dataset_are_named(
    built: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / "set"
    pack_dataset(built, kind, out)  # type: ignore[arg-type]
    os.mkfifo(out / "pipe")
    (out / "link").symlink_to("/none")
    assert problems_of(out) == [f"{out / name}: index.json does not name it" for name in ("link", "pipe")]
    append(out / MARKER, " ")
    append(out / "index.json", " ")
    assert problems_of(out)[-1] == f"{out / MARKER}: is not the marker of ccharmony pack"
    assert problems_of(out)[0] == f"{out / 'index.json'}: is spaced otherwise than it was packed"


@pytest.mark.parametrize("table", ["[]", "{}", "null", '{"bytes": 5}', '{"sha256": []}', ""])
def test_packing_again_over_a_damaged_table_packs_that_shard_anew(built: Path, tmp_path: Path, table: str) -> None:
    out = tmp_path / "set"
    pack_dataset(built, "shards", out, limit=Limit(pairs=4))
    whole = (out / "index.json").read_bytes()
    (out / "plan.txt").write_text(json.loads(whole)["plan"])
    (out / "index.json").unlink()
    (out / "train" / "shard-000000.json").write_text(table)
    out.rename(tmp_path / ".set.part")  # as a killed job leaves it
    pack_dataset(built, "shards", out, limit=Limit(pairs=4))
    assert (out / "index.json").read_bytes() == whole
    assert problems_of(out) == []


def test_changed_row_of_a_packed_file_is_named(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.h5"
    pack_dataset(built, "h5", out)
    with h5py.File(out, "r+") as file:
        rows = file["pairs/row"].asstr()[()]
        row = json.loads(rows[2])
        rows[2] = json.dumps({**row, "delta_e": 9.0}, ensure_ascii=False)
        del file["pairs/row"]
        file.create_dataset("pairs/row", data=rows, dtype=h5py.string_dtype(), track_times=False)
    said = problems_of(out)
    assert f"set/{row['name']}: its row is not what was packed" in said
    assert f"{out}: a table is not what was packed, its sha256 is another" in said


def test_pictures_of_a_sound_dataset_are_decoded_only_on_request(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []
    read = pixels.read_image
    monkeypatch.setattr(pixels, "read_image", lambda path, **options: decoded.append(path) or read(path, **options))
    verify_dataset(built)
    assert decoded == []
    verify_dataset(built, deep=True)
    assert len(decoded) > 0
