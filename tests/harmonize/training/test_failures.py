"""Runs that end early: by numbers, memory, a full disk, a signal, or because their time is spent."""

import math
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click.testing
import pytest

from ccharmony.errors import OutputError, TrainingError
from harmonize.commands.train import command
from harmonize.data.batches import Batch
from harmonize.data.lit_photos import LitPhotos
from harmonize.training import state, train
from harmonize.training.data_paths import DataPaths
from harmonize.training.objective import Objective
from harmonize.training.pace import Pace

from .runs import NO_DISTILLATION, go, small


def poison(monkeypatch: pytest.MonkeyPatch, step: int, harm: Any) -> None:
    """Let `harm` change the batch of a harmonize step, or raise."""
    whole, count = LitPhotos.batch, 0

    def batch(self: LitPhotos, epoch: int, indices: Sequence[int], size: int) -> Batch:
        nonlocal count
        count += 1
        made = whole(self, epoch, indices, size)
        return harm(made) if count == step else made  # type: ignore[no-any-return]

    monkeypatch.setattr(LitPhotos, "batch", batch)


def test_a_loss_that_is_no_number_leaves_the_last_good_state(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(distill=NO_DISTILLATION, steps=6)
    poison(monkeypatch, 5, lambda batch: Batch(batch.composite * math.nan, batch.mask, batch.real, batch.names))
    with pytest.raises(
        TrainingError, match=r"the loss is not a number at step 5: .*state\.pt holds the last good step"
    ):
        go(settings, paths, tmp_path, pace=Pace(validate_every=3))
    kept = state.read_state(tmp_path / "state.pt")
    assert kept.step == 3
    assert all(bool(value.isfinite().all()) for value in kept.network.values())
    monkeypatch.undo()
    assert go(settings, paths, tmp_path, resume=kept).complete


def test_memory_that_runs_out_is_one_clear_line(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(Objective, "forward", fail)
    with pytest.raises(TrainingError, match="out of memory at step 0: batch 4 of 32x32, wanted a smaller --batch"):
        go(small(), paths, tmp_path)
    assert state.read_state(tmp_path / "state.pt").step == 0


def test_a_bug_is_not_taken_for_a_lack_of_memory(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Objective, "forward", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        go(small(), paths, tmp_path)


def test_a_full_disk_keeps_the_last_whole_state(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(distill=NO_DISTILLATION, steps=6)
    whole = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if "state.pt" in self.name and (tmp_path / "strips").exists():
            raise OSError(28, "No space left on device")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OutputError, match=r"state\.pt: cannot be written \(No space left on device\)"):
        go(settings, paths, tmp_path, pace=Pace(validate_every=3))
    assert state.read_state(tmp_path / "state.pt").step == 0
    assert [path.name for path in tmp_path.glob(".*")] == [".made_by.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_step_with_a_state(
    paths: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def send(batch: Batch) -> Batch:
        os.kill(os.getpid(), number)
        return batch

    poison(monkeypatch, 2, send)
    before = signal.getsignal(number)
    settings = small(distill=NO_DISTILLATION)
    outcome, stop = train.train(settings, paths, tmp_path, device="cpu", tensorboard=False)
    assert (outcome.complete, outcome.step) == (False, 2)
    assert stop.reason == f"stopped by {number.name}"
    assert state.read_state(tmp_path / "state.pt").step == 2
    assert signal.getsignal(number) is before


def test_minutes_that_are_spent_end_the_run_cleanly(paths: DataPaths, tmp_path: Path) -> None:
    words = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path} --device cpu --width 4"
    words += " --set data.held_lights=3 --size 32 --batch 4 --distill none --minutes 0 --no-tensorboard"
    done = click.testing.CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert done.exit_code == 0
    assert state.read_state(tmp_path / "state.pt").step == 1
