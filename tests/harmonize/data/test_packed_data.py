"""A packed dataset trains and scores as the folder it was made of."""

import logging
from pathlib import Path
from types import SimpleNamespace

import click.testing
import pytest
import torch

from ccharmony import console
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.errors import SourceError
from harmonize.cli import group
from harmonize.commands.train import command
from harmonize.data import batches
from harmonize.data.batches import BatchRequest
from harmonize.data.stored_pairs import StoredPairs
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings
from harmonize.weights import checkpoint


@pytest.fixture(scope="module")
def forms(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small set as a folder, as shards and Parquet of three pairs, and as one file."""
    root = tmp_path_factory.mktemp("forms")
    folder = tiny.write_pairs(root / "tiny")
    pack_dataset(folder, "shards", root / "shards", limit=Limit(pairs=3))
    pack_dataset(folder, "parquet", root / "parquet", limit=Limit(pairs=3))
    pack_dataset(folder, "h5", root / "tiny.h5")
    return {"folder": folder, "shards": root / "shards", "parquet": root / "parquet", "h5": root / "tiny.h5"}


def equal(one: batches.Batch, other: batches.Batch) -> bool:
    same = [torch.equal(getattr(one, part), getattr(other, part)) for part in ("composite", "mask", "real")]
    return all(same) and one.names == other.names


@pytest.mark.parametrize("form", ["shards", "parquet", "h5"])
def test_batches_are_those_of_the_folder_to_the_bit(form: str, forms: dict[str, Path]) -> None:
    settings = TrainSettings(size=32, batch=4, seed=5)
    folder, packed = (
        open_data(DataPaths(data=(forms[name],)), settings, torch.device("cpu")) for name in ("folder", form)
    )
    assert folder.check is not None
    assert packed.check is not None
    for epoch in (0, 1, 7):
        for indices in batches.schedule_epoch(settings.seed, epoch, len(folder.train), 4):
            assert equal(folder.train.batch(epoch, indices, 32), packed.train.batch(epoch, indices, 32))
    assert equal(folder.check.batch(0, range(4), 32), packed.check.batch(0, range(4), 32))


@pytest.mark.parametrize("form", ["shards", "parquet", "h5"])
def test_a_batch_depends_on_seed_epoch_and_index_alone(form: str, forms: dict[str, Path]) -> None:
    pairs, _ = find_pairs(forms[form], "train")
    one, other = StoredPairs(pairs, seed=5, threads=1), StoredPairs(pairs, seed=5, threads=4)
    wanted = one.batch(1, [4, 9, 2], 32)
    other.batch(0, range(12), 32)  # what was read before makes no difference
    assert equal(wanted, other.batch(1, [4, 9, 2], 32))
    ahead = list(batches.read_ahead(other, [BatchRequest(1, [index], 32) for index in (4, 9, 2)], 2))
    assert equal(wanted, batches.join([batch for _, batch in ahead]))


def test_training_ends_with_the_same_weights(forms: dict[str, Path], tmp_path: Path) -> None:
    weights = {}
    for form, data in forms.items():
        words = f"--data {data} --out {tmp_path / form} --device cpu --width 4 --size 32 --batch 4 --steps 3"
        words += " --set reconstruct_steps=1 --distill none --gift none --no-tensorboard --seed 2"
        done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
        assert done.exit_code == 0
        weights[form] = checkpoint.load(tmp_path / form / "last.safetensors").net.state_dict()
    for form in ("shards", "h5"):
        assert all(torch.equal(weights["folder"][name], weights[form][name]) for name in weights["folder"])


def test_scores_are_the_same(forms: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = NetworkSettings(width=2, mlp_width=4)
    checkpoint.save_weights(tmp_path / "w.safetensors", giftnet.build(settings), settings, metadata={"data": "none"})
    tables = []
    for form, data in forms.items():
        words = ["evaluate", "--data", data, "--weights", tmp_path / "w.safetensors", "--out", tmp_path / form]
        with pytest.raises(SystemExit) as stop:
            console.run(group, [str(word) for word in (*words, "--threads", 1)])
        assert stop.value.code == 0
        tables.append((tmp_path / form / "images.csv").read_bytes())
    assert tables[0] == tables[1] == tables[2] == tables[3]
    assert len(tables[0].splitlines()) == 5
    composites = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| tiny | composite ")]
    assert len(composites) == 4
    assert composites[0] == composites[1] == composites[2]


def test_a_set_without_a_test_list_is_trained_on_and_said_to_be_so(
    tiny: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tiny.write_pairs(tmp_path / "tiny", train=4, test=0)
    pack_dataset(folder, "h5", tmp_path / "tiny.h5")
    paths = DataPaths(data=(tmp_path / "tiny.h5",), val_share=0)
    with caplog.at_level(logging.WARNING):
        data = open_data(paths, TrainSettings(size=32, batch=4), torch.device("cpu"))
    assert (len(data.train), data.check) == (4, None)
    assert "tiny.h5: no pair of split 'test', it holds train" in caplog.text


def test_training_does_not_begin_on_a_part_of_the_shards(forms: dict[str, Path], tmp_path: Path) -> None:
    pack_dataset(forms["folder"], "shards", tmp_path / "shards", limit=Limit(pairs=3))
    (tmp_path / "shards" / "train" / "shard-000002.tar").unlink()
    with pytest.raises(SourceError, match="the shard is incomplete"):
        open_data(DataPaths(data=(tmp_path / "shards",)), TrainSettings(), torch.device("cpu"))
