"""Shards at a URL train, are scored and verified as those on the disk, and a store that fails is named as such."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
import torch

from ccharmony import console
from ccharmony.cli import group as ccharmony
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import SourceError, StoreError
from ccharmony.stores import cache, objects, patience
from ccharmony.urls import Url
from harmonize.cli import group
from harmonize.data.batches import Batch
from harmonize.data.stored_pairs import StoredPairs
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.training.data import describe, open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings
from harmonize.weights import checkpoint

TRAIN = "--device cpu --width 4 --size 32 --batch 4 --distill none --gift none --no-tensorboard"


@pytest.fixture(scope="module")
def forms(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small set as a folder, as shards and Parquet of three pairs; the latter two in a store in memory, too."""
    root = tmp_path_factory.mktemp("forms")
    tiny.write_pairs(root / "tiny")
    memory = fsspec.filesystem("memory")
    for form in ("shards", "parquet"):
        pack_dataset(root / "tiny", form, root / form, limit=Limit(pairs=3))  # type: ignore[arg-type]  # of two
        memory.put(str(root / form), f"/{form}", recursive=True)
    checkpoint.save_weights(root / "w.safetensors", giftnet.build(_SMALL), _SMALL, metadata={"data": "none"})
    yield root
    for form in ("shards", "parquet"):
        memory.rm(f"/{form}", recursive=True)


_SMALL = NetworkSettings(width=2, mlp_width=4)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(objects, "PART_BYTES", 5000)
    monkeypatch.setattr(patience, "WAITS", (0.0, 0.0))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A store in which the first request for each range fails if `once`, or every one from a number on."""
    memory = type(fsspec.filesystem("memory"))
    said, whole = SimpleNamespace(once=False, from_here=10**9, count=0, asked=set(), failed=0), memory.cat_file

    def cat_file(self: object, path: str, **places: int) -> bytes:
        asked = path, *places.values()
        said.count += 1
        if said.count > said.from_here or (said.once and asked not in said.asked):
            said.asked.add(asked)
            said.failed += 1
            raise ConnectionError("reset by peer")
        return bytes(whole(self, path, **places))

    monkeypatch.setattr(memory, "cat_file", cat_file)
    return said


def run(commands: object, words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        console.run(commands, words.split())  # type: ignore[arg-type]  # a group of either package
    return int(stop.value.code or 0)


def equal(one: Batch, other: Batch) -> bool:
    same = [torch.equal(getattr(one, part), getattr(other, part)) for part in ("composite", "mask", "real")]
    return all(same) and one.names == other.names


@pytest.mark.parametrize("form", ["shards", "parquet"])
def test_batches_of_a_url_are_those_of_the_folder_to_the_bit(form: str, forms: Path, failing: SimpleNamespace) -> None:
    failing.once = True
    settings = TrainSettings(size=32, batch=4, seed=5)
    roots = (forms / "tiny", Url(f"memory://{form}"))
    folder, stored = (open_data(DataPaths(data=(root,)), settings, torch.device("cpu")) for root in roots)
    assert folder.check is not None
    assert stored.check is not None
    for epoch in (0, 7):
        assert equal(folder.train.batch(epoch, [3, 0, 5, 1], 32), stored.train.batch(epoch, [3, 0, 5, 1], 32))
    assert equal(folder.check.batch(0, range(4), 32), stored.check.batch(0, range(4), 32))
    assert failing.failed > 3


@pytest.mark.parametrize("form", ["shards", "parquet"])
def test_scores_of_a_url_are_those_of_the_folder_to_the_bit(
    form: str, forms: Path, failing: SimpleNamespace, tmp_path: Path
) -> None:
    failing.once = True
    tables = []
    for name, data in (("here", forms / "tiny"), ("there", f"memory://{form}/")):
        words = f"evaluate --data {data} --weights {forms}/w.safetensors --out {tmp_path}/{name} --device cpu"
        assert run(group, words) == 0
        tables.append((tmp_path / name / "images.csv").read_bytes())
    assert tables[0] == tables[1]
    assert len(tables[0].splitlines()) == 5
    assert failing.failed > 3


@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize("form", ["shards", "parquet"])
def test_a_url_is_verified(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ccharmony, f"verify --deep memory://{form}") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("16 pairs of ")
    memory = fsspec.filesystem("memory")
    shard = next(name for name in sorted(memory.find(f"/{form}")) if name.endswith(("parquet", ".tar")))
    good = memory.cat_file(shard)
    memory.pipe(shard, good[:600] + bytes([good[600] ^ 1]) + good[601:])
    memory.pipe(f"/{form}/stranger.txt", b"")
    assert run(ccharmony, f"verify memory://{form}") == 1
    printed = capsys.readouterr().out
    assert f"memory:/{shard}: sha256 " in printed
    assert f"memory://{form}/stranger.txt: index.json does not name it" in printed
    memory.pipe(shard, good)
    memory.rm(f"/{form}/stranger.txt")


@pytest.mark.usefixtures("forms")
def test_a_network_that_fails_is_one_line_and_never_a_broken_picture(
    failing: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = open_data(DataPaths(data=(Url("memory://shards"),)), TrainSettings(batch=4), torch.device("cpu")).train
    assert isinstance(pairs, StoredPairs)
    failing.from_here = 0
    with pytest.raises(StoreError, match=r"memory://shards/train/.*tar: reset by peer .*; tried 3 times in 0 s"):
        pairs.batch(0, [0, 1, 2, 3], 32)
    assert pairs.broken == {}
    assert run(group, f"evaluate --data memory://shards --out {tmp_path}/scores --device cpu") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: memory://shards/test/shard-00000")
    assert last.endswith(".tar: reset by peer (ConnectionError); tried 3 times in 0 s")


def test_a_url_without_a_packed_dataset_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ccharmony, "verify memory://nothing") == 1
    wanted = "no such file, wanted what ccharmony pack --to shards or parquet wrote"
    assert capsys.readouterr().err.splitlines()[-1] == f"error: memory://nothing/index.json: {wanted}"
    with pytest.raises(SourceError, match="no such file"):
        open_data(DataPaths(data=(Url("memory://nothing"),)), TrainSettings(), torch.device("cpu"))


@pytest.mark.usefixtures("forms")
def test_a_run_that_the_network_ends_resumes_by_its_folder_alone_and_ends_with_the_same_weights(
    failing: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    words = f"train --data memory://shards --steps 5 {TRAIN} --set reconstruct_steps=1 --out"
    assert run(group, f"{words} {whole}") == 0
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "another"))
    failing.from_here = 2 * failing.count - 3  # the last parts of the second run
    assert run(group, f"{words} {halved}") == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("reset by peer (ConnectionError); tried 3 times in 0 s")
    failing.from_here = 10**9
    assert run(group, f"train --resume --out {halved} --device cpu --no-tensorboard") == 0
    one, other = (checkpoint.load(folder / "last.safetensors").net.state_dict() for folder in (whole, halved))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert describe(DataPaths(data=(Url("memory://shards"),)))["data"] == ["shards"]
