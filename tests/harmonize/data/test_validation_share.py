"""The photos that choose the checkpoint: by hash, whole photos, never of the test list."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.dataset.packing.pack import pack_dataset
from harmonize.data.stored_pairs import StoredPairs
from harmonize.data.validation_share import hold_out_photos
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings


def pairs_of(*photos: str, composites: int = 3) -> list[PairPaths]:
    file = Path("absent")
    return [
        PairPaths("set", f"{photo}_a_{number}.png", file, file, file, "train", photo)
        for photo in photos
        for number in range(composites)
    ]


def photos_of(pairs: list[PairPaths]) -> set[str]:
    return {pair.photo for pair in pairs}


def test_photos_are_held_back_whole_by_the_hash_of_their_ids() -> None:
    names = [f"photo {number}" for number in range(1000)]
    learned, held = hold_out_photos(pairs_of(*names), 0.05)
    wanted = {name for name in names if hashlib.sha256(name.encode()).digest() < bytes([12, 204, 204, 204])}
    assert photos_of(held) == wanted  # 0.05 * 256 is 12.8
    assert len(wanted) == 56
    assert photos_of(learned) == set(names) - wanted
    assert len(held) == 3 * 56


def test_no_photo_moves_when_others_come_or_go_or_their_order_changes() -> None:
    names = [f"photo {number}" for number in range(400)]
    before = photos_of(hold_out_photos(pairs_of(*names), 0.1)[1])
    assert photos_of(hold_out_photos(pairs_of(*reversed(names)), 0.1)[1]) == before
    half = photos_of(hold_out_photos(pairs_of(*names[::2], composites=1), 0.1)[1])
    assert half == before & set(names[::2])


@pytest.mark.parametrize(("names", "share", "held"), [("ab", 0.01, 1), ("ab", 0.99, 1), ("a", 0.5, 0), ("ab", 0, 0)])
def test_small_sets_keep_a_photo_on_each_side(names: str, share: float, held: int) -> None:
    assert len(photos_of(hold_out_photos(pairs_of(*names), share)[1])) == held


@pytest.mark.parametrize("form", ["folder", "h5", "shards"])
def test_a_dataset_gives_the_same_photos_however_it_is_stored(tiny: SimpleNamespace, tmp_path: Path, form: str) -> None:
    root = folder = tiny.write_pairs(tmp_path / "tiny", train=40)
    if form != "folder":
        root = tmp_path / ("tiny.h5" if form == "h5" else "tiny_shards")
        pack_dataset(folder, form, root)  # type: ignore[arg-type]
    data = open_data(DataPaths(data=(root,), val_share=0.2), TrainSettings(size=32, batch=4), torch.device("cpu"))
    assert isinstance(data.train, StoredPairs)
    assert isinstance(data.check, StoredPairs)
    held = photos_of(data.check.pairs)
    assert held == photos_of(hold_out_photos(find_pairs(folder, "train")[0], 0.2)[1])
    assert not held & photos_of(data.train.pairs)
    assert {pair.split for pair in data.check.pairs} == {"train"}


def test_a_val_list_of_the_dataset_is_what_is_validated_on(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_pairs(tmp_path / "tiny", train=6, test=3)
    (root / "tiny_test.txt").rename(root / "tiny_val.txt")
    data = open_data(DataPaths(data=(root,)), TrainSettings(size=32, batch=4), torch.device("cpu"))
    assert (len(data.train), len(data.check or ())) == (6, 3)
