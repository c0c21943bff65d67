"""Packed datasets read: what is damaged is named, and nothing outside the packed files is ever read."""

from __future__ import annotations

import functools
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from ccharmony.checker.chart import STANDARD
from ccharmony.dataset import fits
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import pair_files
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.verify import verify_packed
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import CcharmonyError, ImageError, SourceError
from ccharmony.images import headers, pixels


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set of six pairs."""
    folder = tmp_path_factory.mktemp("sets") / "set"
    for name in ("composite_images", "masks", "real_images"):
        (folder / name).mkdir(parents=True)
    draw = np.random.default_rng(0)
    mask = np.zeros((12, 16), bool)
    mask[3:9, 4:12] = True
    for photo in range(3):
        pixels.write_image(folder / "real_images" / f"p_{photo}.png", draw.integers(0, 256, (12, 16, 3), np.uint8))
        pixels.write_mask(folder / "masks" / f"p_{photo}_a.png", mask)
        for count in range(2):
            image = draw.integers(0, 256, (12, 16, 3), np.uint8)
            pixels.write_image(folder / "composite_images" / f"p_{photo}_a_{count}.png", image)
    names = [f"p_{photo}_a_{count}.png" for photo in range(3) for count in range(2)]
    (folder / "set_train.txt").write_text("\n".join(names[:4]))
    (folder / "set_test.txt").write_text("\n".join(names[4:]))
    return folder


@pytest.fixture
def shards(root: Path, tmp_path: Path) -> Path:
    pack_dataset(root, "shards", tmp_path / "shards", limit=Limit(pairs=2))
    return tmp_path / "shards"


@pytest.fixture
def file(root: Path, tmp_path: Path) -> Path:
    pack_dataset(root, "h5", tmp_path / "set.h5")
    return tmp_path / "set.h5"


def change_index(folder: Path, **changes: object) -> None:
    path = folder / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_members_read_like_files_and_say_where_they_are(root: Path, shards: Path) -> None:
    pair = find_pairs(shards, "test")[0][0]
    wanted = pixels.read_image(root / "composite_images" / pair.name)
    np.testing.assert_array_equal(pixels.read_image(pair.composite), wanted)
    assert headers.image_size(pair.composite) == (12, 16)
    assert str(pair.composite) == f"{shards / 'test' / 'shard-000000.tar'}: set/{Path(pair.name).stem}.composite.png"
    assert pair.mask.name == f"set/{Path(pair.name).stem}.mask.png"


def test_a_shard_that_is_missing_or_short_is_named(shards: Path) -> None:
    tar = shards / "train" / "shard-000001.tar"
    data = tar.read_bytes()
    tar.write_bytes(data[:-512])
    with pytest.raises(SourceError, match=r"shard-000001\.tar: \d+ bytes, index\.json says \d+: the shard is inc"):
        find_pairs(shards, "test")
    tar.unlink()
    with pytest.raises(SourceError, match=r"shard-000001\.tar: no bytes"):
        find_pairs(shards, "train")


def test_shards_without_their_index_are_not_taken_for_whole(shards: Path) -> None:
    (shards / "index.json").unlink()
    with pytest.raises(SourceError, match=r"no composite_images .* in it or one level below, and no index\.json"):
        find_pairs(shards, "train")


def test_a_table_that_was_changed_is_refused(shards: Path) -> None:
    path = shards / "train" / "shard-000000.json"
    path.write_text(path.read_text().replace("p_0", "p_9"))
    with pytest.raises(SourceError, match=r"shard-000000\.json: not the table .* sha256"):
        find_pairs(shards, "train")


@pytest.mark.parametrize(
    ("file_name", "message"),
    [("../../secret.tar", "names"), ("/etc/passwd", "names"), ("train/../shard-000000.tar", "names")],
)
def test_an_index_cannot_lead_out_of_its_folder(file_name: str, message: str, shards: Path) -> None:
    first, *others = json.loads((shards / "index.json").read_text())["shards"]
    change_index(shards, shards=[{**first, "file": file_name}, *others])
    with pytest.raises(SourceError, match=message):
        find_pairs(shards, "train")


@pytest.mark.parametrize("changes", [{"version": 2}, {"format": "another"}, {"shards": 3}, {"shards": [{}]}])
def test_an_index_of_another_kind_is_refused(changes: dict[str, object], shards: Path) -> None:
    change_index(shards, **changes)
    with pytest.raises(SourceError, match="not an index of shards of version 1"):
        find_pairs(shards, "train")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    fits.write_fits(tmp_path / "fits.h5", [], STANDARD)
    (tmp_path / "text.h5").write_text("no HDF5")
    for name, message in (
        ("fits.h5", "another HDF5 file"),
        ("text.h5", "not a packed dataset"),
        ("none.h5", "no such file"),
    ):
        with pytest.raises(SourceError, match=message):
            find_pairs(tmp_path / name, "train")


def test_a_file_that_is_cut_off_is_refused(file: Path) -> None:
    data = file.read_bytes()
    for share in (0.2, 0.9, 0.99):
        file.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(SourceError, match=r"set\.h5"):
            find_pairs(file, "train")


@pytest.mark.parametrize(
    ("table", "value", "message"),
    [
        ("files/offset", 10**9, "outside its bytes"),
        ("files/size", -1, "outside its bytes"),
        ("pairs/mask", 10**6, "files that do not exist"),
        ("pairs/real", -1, "files that do not exist"),
    ],
)
def test_tables_that_lead_out_of_the_file_are_refused(table: str, value: int, message: str, file: Path) -> None:
    with h5py.File(file, "a") as content:
        content[table][1] = value
    with pytest.raises(SourceError, match=message):
        find_pairs(file, "train")


def test_an_archive_that_changes_under_its_readers_is_noticed(file: Path) -> None:
    pairs, _ = find_pairs(file, "train")
    os.utime(file, (1e9, 1e9))
    with pytest.raises(ImageError, match="changed while it was in use"):
        pixels.read_image(pairs[0].composite)
    pairs, _ = find_pairs(file, "train")
    file.unlink()
    with pytest.raises(ImageError, match="cannot be read"):
        pixels.read_image(pairs[0].real)


def test_more_archives_are_read_than_are_held_open(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_files, "_open", functools.lru_cache(1)(pair_files._open.__wrapped__))
    pairs, _ = find_pairs(shards, "all")
    assert len(pairs) == 6
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        for pair in pairs:
            assert pair.composite.read_bytes()[:4] == b"\x89PNG"
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_threads_may_read_what_the_cache_of_open_archives_lets_go_of(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_files, "_open", functools.lru_cache(1)(pair_files._open.__wrapped__))
    pairs, _ = find_pairs(shards, "all")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda turn: pairs[turn % 6].mask.read_bytes(), range(3000)))
    assert found == [pairs[turn % 6].mask.read_bytes() for turn in range(3000)]


def test_random_damage_never_ends_in_anything_but_an_error_of_ours(shards: Path, file: Path) -> None:
    draw = random.Random(0)
    refused = {shards: 0, file: 0}
    for path, place, copies in ((shards / "index.json", shards, 100), (file, file, 20)):  # a file takes 0.3 s
        whole = path.read_bytes()
        for _ in range(copies):
            data = bytearray(whole)
            for _ in range(draw.randint(1, 8)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            path.write_bytes(data)
            try:
                for pair in find_pairs(place, "all")[0]:
                    pixels.read_image(pair.composite)
            except CcharmonyError:
                refused[place] += 1
        path.write_bytes(whole)
    assert (refused[shards] > 50, refused[file] > 10) == (
        True,
        True,
    )  # harmless damage would say nothing


# verify


def test_a_packed_dataset_is_verified(shards: Path, file: Path) -> None:
    for place in (shards, file):
        verdict = verify_packed(place)
        assert (verdict.pairs, verdict.photos, verdict.problems) == (6, 3, [])


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_verify_finds_a_flipped_bit_of_a_picture(shards: Path, file: Path) -> None:
    for place in (shards, file):
        pair = find_pairs(place, "train")[0][2]
        assert isinstance(pair.mask, pair_files.Member)
        flip(Path(pair.mask.archive.path), pair.mask.offset + pair.mask.size // 2)
        problems = verify_packed(place).problems
        assert any(f"{pair.mask.name}: sha256" in problem and "its row says" in problem for problem in problems)
    tar = next(problem for problem in verify_packed(shards).problems if "index.json says" in problem)
    assert "shard-" in tar


def test_verify_finds_a_damaged_row(shards: Path) -> None:
    tar = shards / "test" / "shard-000000.tar"
    data = tar.read_bytes()
    tar.write_bytes(data.replace(b'"split":"test"', b'"split":"lost"', 1))
    problems = verify_packed(shards).problems
    assert len(problems) == 2
    assert "split 'test', its row says 'lost'" in problems[1]
