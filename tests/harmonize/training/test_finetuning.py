"""Runs that begin from weights of other runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ccharmony.errors import WeightsError
from harmonize.models import giftnet
from harmonize.models.settings import ISSAM
from harmonize.training.data_paths import DataPaths
from harmonize.training.run_folder import RunFolder
from harmonize.weights import checkpoint

from .runs import NO_DISTILLATION, go, rows, small


def test_finetuning_begins_from_the_weights(paths: DataPaths, tmp_path: Path) -> None:
    settings = small(distill=NO_DISTILLATION)
    go(settings, paths, tmp_path / "first")
    shifted = small(distill=NO_DISTILLATION, rate=1e-12, ema=0.0, steps=1, seed=5)
    go(shifted, paths, tmp_path / "second", begin_from=tmp_path / "first" / "last.safetensors")
    first, second = (checkpoint.load(tmp_path / name / "last.safetensors").net for name in ("first", "second"))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0)


def test_finetuned_weights_say_what_all_runs_before_had_cost(paths: DataPaths, tmp_path: Path) -> None:
    settings = small(distill=NO_DISTILLATION, steps=3)
    before = None
    for name in ("first", "second", "third"):
        go(settings, paths, tmp_path / name, begin_from=before)
        before = tmp_path / name / "last.safetensors"
    pictures = 3 * settings.batch
    found = [checkpoint.load(tmp_path / name / "last.safetensors").metadata for name in ("first", "third")]
    assert "began_from" not in found[0]
    assert found[1]["pictures"] == pictures
    assert found[1]["began_from"]["weights"] == "last.safetensors"
    assert found[1]["began_from"]["pictures"] == 2 * pictures
    saved, state = RunFolder(tmp_path / "third").read_state()
    longer = replace(saved, steps=4)
    go(longer, paths, tmp_path / "third", resume=state, begin_from=tmp_path / "first" / "last.safetensors")
    again = checkpoint.load(tmp_path / "third" / "last.safetensors").metadata
    assert again["step"] == 4
    assert again["began_from"] == found[1]["began_from"]


def test_weights_of_another_network_are_refused(paths: DataPaths, tmp_path: Path) -> None:
    checkpoint.save_weights(tmp_path / "w.safetensors", giftnet.build(ISSAM), ISSAM)
    with pytest.raises(WeightsError, match=r"w\.safetensors: another network, model issam found, giftnet wanted; "):
        go(small(), paths, tmp_path / "run", begin_from=tmp_path / "w.safetensors")


def test_a_trained_reconstruction_branch_skips_its_stage(paths: DataPaths, tmp_path: Path) -> None:
    go(small(), paths, tmp_path / "first")
    go(small(), paths, tmp_path / "second", teacher_from=tmp_path / "first" / "reconstruct.safetensors")
    assert {row["stage"] for row in rows(tmp_path / "second" / "log.csv")} == {"harmonize"}
    assert (tmp_path / "second" / "reconstruct.safetensors").exists()
    last = [checkpoint.load(tmp_path / name / "last.safetensors").net for name in ("first", "second")]
    assert all(torch.equal(a, b) for a, b in zip(*(net.parameters() for net in last), strict=True))


def test_a_warm_start_takes_the_unet_of_the_reconstruction_branch(paths: DataPaths, tmp_path: Path) -> None:
    go(small(warm_start=True, distill=NO_DISTILLATION, rate=1e-12, ema=0.0), paths, tmp_path)
    net, branch = (checkpoint.load(tmp_path / f"{name}.safetensors").net for name in ("last", "reconstruct"))
    weights = net.state_dict()
    for name, value in branch.named_parameters():
        torch.testing.assert_close(weights[name], value, atol=1e-9, rtol=0)
