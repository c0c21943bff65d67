"""Pairs in layouts of one's own: equal names in three folders, and tables of triplets."""

from pathlib import Path

import numpy as np
import pytest

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.errors import SourceError
from ccharmony.images import pixels


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(pixels.encode(np.zeros((4, 4, 3), np.uint8), ".png"))
    return root


def names_of(root: Path, split: str) -> list[tuple[str, str, str]]:
    pairs, problems = find_pairs(root, split)  # type: ignore[arg-type]
    assert problems == []
    for pair in pairs:
        assert pair.set == (root if root.is_dir() else root.parent).name
    return [tuple(Path(str(getattr(pair, part))).name for part in ("composite", "mask", "real")) for pair in pairs]  # type: ignore[misc]


@pytest.mark.parametrize(
    "files",
    [
        ("composite/{}.png", "mask/{}.png", "real/{}.png"),
        ("composite_images/{}.jpg", "masks/{}.png", "real_images/{}.jpg"),
        ("Composites/{}.png", "Mask/{}_mask.png", "GT/{}-gt.png"),
        ("comp/comp_{}.png", "masks/mask_{}.png", "target/{}.png"),
    ],
)
def test_equal_names_in_three_folders_are_pairs(tmp_path: Path, files: tuple[str, str, str]) -> None:
    root = write(tmp_path / "own", *(file.format(name) for name in ("cat", "dog_1_2", "07") for file in files))
    found = names_of(root, "train")
    assert sorted(found) == sorted(
        tuple(Path(file.format(name)).name for file in files) for name in ("cat", "dog_1_2", "07")
    )


def test_the_rule_of_a_folder_is_the_one_under_which_more_composites_are_complete(tmp_path: Path) -> None:
    parts = ("composite_images", "masks", "real_images")
    equal = write(tmp_path / "equal", *(f"{part}/{name}.png" for name in ("a_1_2", "a_1", "a") for part in parts))
    assert names_of(equal, "all") == [(f"{name}.png",) * 3 for name in ("a", "a_1", "a_1_2")]
    split = write(
        tmp_path / "split", "composite_images/a_1_2.png", "masks/a_1.png", "masks/a_1_2.png", "real_images/a.png"
    )
    assert names_of(split, "all") == [("a_1_2.png", "a_1.png", "a.png")]


def test_an_equal_name_that_fits_twice_is_refused_by_name(tmp_path: Path) -> None:
    root = write(tmp_path, "composite/a.png", "composite/b.png", "real/a.png", "real/b.png", "mask/b.png")
    write(tmp_path, "mask/a_mask.png", "mask/mask_a.png")
    pairs, problems = find_pairs(root, "all")
    assert [pair.name for pair in pairs] == ["b.png"]
    assert problems == ["a.png: 2 files fit as its mask (a_mask.png, mask_a.png), wanted one"]


@pytest.mark.parametrize("order", ["{split}/{part}/{name}.png", "{part}/{split}/{name}.png"])
def test_folders_called_train_and_test_are_splits(tmp_path: Path, order: str) -> None:
    parts = ("composite", "mask", "real")
    files = [
        order.format(split=split, part=part, name=name)
        for split, name in (("train", "0"), ("train", "1"), ("test", "0"))
        for part in parts
    ]
    root = write(tmp_path / "test", *files)  # the root's own name says nothing
    assert [len(find_pairs(root, split)[0]) for split in ("train", "test", "all")] == [2, 1, 3]
    [pair] = find_pairs(root, "test")[0]
    for path in (pair.composite, pair.mask, pair.real):
        assert "test" in Path(str(path)).relative_to(root).parts
    assert len({(pair.set, pair.name) for pair in find_pairs(root, "all")[0]}) == 3


HEADER = "composite,mask,real,split\n"


@pytest.mark.parametrize(
    ("text", "train", "test"),
    [
        (HEADER + "c/1.png,m/1.png,r/1.png,train\nc/2.png,m/2.png,r/2.png,test\n", ["1.png"], ["2.png"]),
        ("\ufeff" + HEADER + "\r\nc\\1.png,m\\1.png,r\\1.png,Training\r\n", ["1.png"], None),
        ("c/1.png,m/1.png,r/1.png,train\nc/2.png,m/2.png,r/2.png,val\n", ["1.png"], None),
        ("c/1.png;m/1.png;r/1.png\n", ["1.png"], ["1.png"]),
        ("id\treal\tmask\tcomposite\n9\tr/2.png\tm/2.png\tc/2.png\n", ["2.png"], ["2.png"]),
    ],
)
def test_a_table_of_triplets_is_a_dataset(tmp_path: Path, text: str, train: list[str], test: list[str] | None) -> None:
    table = write(tmp_path, *(f"{part}/{name}.png" for part in "cmr" for name in "12")) / "pairs.csv"
    table.write_text(text, encoding="utf-8", newline="")
    assert names_of(table, "train") == [(name,) * 3 for name in train]
    if test is None:
        with pytest.raises(SourceError, match="no pair of split 'test', it has"):
            find_pairs(table, "test")
    else:
        assert names_of(table, "test") == [(name,) * 3 for name in test]


def test_a_manifest_is_a_table_of_triplets(tmp_path: Path) -> None:
    write(tmp_path, "composite_images/a_1_2.png", "masks/a_1.png", "real_images/a.png")
    row = "composite_images/a_1_2.png,masks/a_1.png,real_images/a.png,a,test\n"
    (tmp_path / "manifest.csv").write_text("composite,mask,real,photo,split\n" + row)
    assert names_of(tmp_path / "manifest.csv", "test") == [("a_1_2.png", "a_1.png", "a.png")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pairs.csv: empty, wanted columns composite, mask, real, split"),
        ("name,score\na,1\n", "columns name, score, wanted composite, mask, real and, if any, split"),
        (HEADER + "c/1.png,m/1.png\n", "line 2: 2 cells, wanted composite, mask, real"),
        (HEADER + "c/1.png,m/1.png,r/1.png,later\n", "line 2: split 'later', wanted train, val, test or none"),
        (
            HEADER + "c/1.png,m/9.png,r/1.png,train\n",
            "no complete pair .1 broken; .*line 2: no file .*9.png",
        ),
    ],
)
def test_a_table_that_is_none_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    table = write(tmp_path, "c/1.png", "m/1.png", "r/1.png") / "pairs.csv"
    table.write_text(text)
    with pytest.raises(SourceError, match=message):
        find_pairs(table, "all")


def test_composites_of_one_file_name_keep_their_folder(tmp_path: Path) -> None:
    files = [f"{name}/{part}.png" for name in "ab" for part in ("composite", "mask", "real")]
    table = write(tmp_path, *files) / "p.csv"
    table.write_text("".join(f"{name}/composite.png,{name}/mask.png,{name}/real.png\n" for name in "ab"))
    assert [pair.name for pair in find_pairs(table, "all")[0]] == ["a/composite.png", "b/composite.png"]


@pytest.mark.parametrize("form", ["h5", "shards"])
def test_equal_names_are_packed_and_read_again(tmp_path: Path, form: str) -> None:
    root = write(tmp_path / "own", *(f"{part}/{name}.png" for name in "12" for part in ("composite", "mask", "real")))
    packed = tmp_path / ("own.h5" if form == "h5" else "own_shards")
    pack_dataset(root, form, packed)  # type: ignore[arg-type]
    assert [pair.name for pair in find_pairs(packed, "train")[0]] == ["1.png", "2.png"]
