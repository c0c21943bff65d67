"""Trainings from end to end: what they learn from, what they write, and what they refuse."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click.testing
import pytest
import torch

from ccharmony.errors import SettingsError, SourceError
from ccharmony.images import pixels
from harmonize.commands.train import command
from harmonize.devices import find_device
from harmonize.models.settings import NetworkSettings
from harmonize.training import train
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.settings import TrainSettings
from harmonize.weights import checkpoint

from .runs import NO_DISTILLATION, go, rows, small


def test_one_command_trains_both_stages(paths: DataPaths, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = f"--photos {paths.photos[0]} --lights {paths.lights} --set data.held_lights=3"
    words += f" --out {out} --device cpu --width 4 --size 32"
    words += (
        " --batch 4 --steps 4 --gift D3 E --distill E D2 --set pace.log_every=1 distill.gamma=0.1 reconstruct_steps=2"
    )
    words += " --set distill.region=background --set relit=0.5"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.exit_code == 0
    assert [(row["stage"], row["step"]) for row in rows(out / "log.csv")] == [
        ("reconstruct", "1"),
        ("reconstruct", "2"),
        *(("harmonize", str(step)) for step in range(1, 5)),
    ]
    kinds = [(row["stage"], row["row"]) for row in rows(out / "scores.csv")]
    assert kinds == [("reconstruct", "harmonized"), ("harmonize", "composite"), *[("harmonize", "harmonized")] * 2]
    best = checkpoint.load(out / "best.safetensors")
    assert best.settings == NetworkSettings(width=4, gift=("D3", "E"))
    assert best.metadata["training"]["distill"] == {
        "kind": "relation",
        "sites": ["E", "D2"],
        "gamma": 0.1,
        "weight": 0.001,
        "region": "background",
    }
    assert best.metadata["training"]["relit"] == 0.5
    assert best.metadata["photos"] == ["photos"]
    assert checkpoint.load(out / "reconstruct.safetensors").settings == NetworkSettings(model="issam", gift=(), width=4)
    assert pixels.read_image(out / "strips" / "harmonize_0000004.png").shape == (4 * 32, 4 * 32, 3)
    assert list(out.glob("events.out.tfevents*"))
    assert [path.name for path in out.glob(".*")] == [".made_by.json"]  # no temporary file is left


def test_stored_pairs_train_too_and_the_loss_falls(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_pairs(tmp_path / "tiny", train=8)
    settings = small(loss="foreground", steps=30, distill=NO_DISTILLATION, rate=3e-3)
    outcome = go(settings, DataPaths(data=(root,)), tmp_path / "run", pace=Pace(log_every=10, validate_every=30))
    losses = [float(row["loss"]) for row in rows(tmp_path / "run" / "log.csv")]
    assert outcome.complete
    assert losses[2] < 0.7 * losses[0]
    composite, harmonized = (float(row["fmse"]) for row in rows(tmp_path / "run" / "scores.csv"))
    assert composite > 100
    assert outcome.best == pytest.approx(harmonized)


def test_a_set_without_test_list_trains_unvalidated_where_that_would_choose_and_says_so(
    tiny: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tiny.write_pairs(tmp_path / "tiny", train=8)
    (root / "tiny_test.txt").write_text("")
    paths = DataPaths(data=(root,), val_share=0)
    with caplog.at_level("INFO"):
        assert go(small(distill=NO_DISTILLATION), paths, tmp_path / "run").complete
    assert not (tmp_path / "run" / "scores.csv").exists()
    assert [text for text in caplog.messages if text.startswith(f"{root}: not validated on (")]
    with pytest.raises(SourceError, match="no complete pair of split 'test'"):
        go(small(), replace(paths, strict=True), tmp_path / "strict")


def test_a_run_ends_with_what_became_of_its_pictures(
    paths: DataPaths, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        go(small(distill=NO_DISTILLATION), paths, tmp_path)
    assert caplog.messages[-1].endswith("of 12 pictures left unchanged")


def test_photos_and_stored_pairs_train_together(paths: DataPaths, tiny: SimpleNamespace, tmp_path: Path) -> None:
    both = DataPaths((tiny.write_pairs(tmp_path / "tiny", train=8),), paths.photos, paths.lights, held_lights=3)
    data = open_data(both, small(), torch.device("cpu"))
    assert (len(data.train), len(data.check or ())) == (19, 5)  # one of the 8 stored photos, and 4 of the others
    names = data.train.batch(0, [0, 18], 32).names
    assert names[0].startswith("tiny/")
    assert names[1].startswith("f_")


def test_photos_of_several_folders_train_together(paths: DataPaths, tiny: SimpleNamespace, tmp_path: Path) -> None:
    more = tiny.write_photos(tmp_path / "more", train=5, val=0)
    both = replace(paths, photos=(*paths.photos, more))
    data = open_data(both, small(), torch.device("cpu"))
    assert (len(data.train), len(data.check or ())) == (17, 4)  # no photo of the second is of the split val
    with pytest.raises(SourceError, match=rf"^{re.escape(str(more))}: no photo of the split 'val'$"):
        open_data(replace(paths, photos=(more,)), small(), torch.device("cpu"))


def test_pictures_grow_at_their_share_of_the_steps(paths: DataPaths, tmp_path: Path) -> None:
    go(small(grow=((0.5, 64),), steps=4, distill=NO_DISTILLATION), paths, tmp_path, pace=Pace(log_every=1))
    assert [row["size"] for row in rows(tmp_path / "log.csv")] == ["32", "32", "64", "64"]
    assert {row["size"] for row in rows(tmp_path / "scores.csv")} == {"64"}


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"clip": 0.1}, {"channels_last": False}])
def test_other_ways_to_train_run(paths: DataPaths, tmp_path: Path, changes: dict[str, Any]) -> None:
    outcome = go(small(**changes), paths, tmp_path)
    assert outcome.complete
    assert outcome.best < 1e4


def test_half_precision_of_fp16_needs_a_gpu(paths: DataPaths, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="precision fp16: needs a GPU"):
        go(small(precision="fp16"), paths, tmp_path)


def test_a_batch_larger_than_the_set_is_refused(paths: DataPaths, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="batch 64 is larger than the set: 12 samples"):
        go(small(batch=64), paths, tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="device cuda: no CUDA here"):
        find_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "meta"])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"device {name}"):
        find_device(name)


@pytest.mark.parametrize("given", [{}, {"photos": Path("photos")}, {"lights": Path("fits.h5")}])
def test_a_run_without_data_is_refused(given: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="wanted"):
        DataPaths(**given)


def test_a_folder_that_holds_a_run_is_not_overwritten(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"something")
    words = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path}"
    with pytest.raises(SettingsError, match="holds a run already, wanted --resume"):
        click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert (tmp_path / "state.pt").read_bytes() == b"something"


def test_rows_of_table_3_can_be_named(paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[TrainSettings] = []

    def keep(settings: TrainSettings, *_: Any, **__: Any) -> None:
        found.append(settings)
        raise SettingsError("enough")

    monkeypatch.setattr(train, "train", keep)
    for words in ("--row 1", "--row 6 --width 16", "--row 8", "--model issam"):
        given = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path / 'run'} {words}"
        click.testing.CliRunner().invoke(command, given.split())
    assert [settings.network.gift for settings in found] == [(), ("D3",), ("D2", "D3", "E"), ()]
    assert [settings.network.guidance for settings in found] == ["global", "none", "global", "global"]
    assert [settings.distill.kind for settings in found] == ["none", "none", "relation", "relation"]
    assert found[1].network.width == 16
