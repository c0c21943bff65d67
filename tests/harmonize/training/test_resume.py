import csv
import dataclasses
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ccharmony.errors import OutputError, SettingsError, WeightsError
from harmonize.data.batches import Batch
from harmonize.data.lit_photos import LitPhotos
from harmonize.models.settings import NetworkSettings
from harmonize.training import progress, state, train
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.run_folder import RunFolder
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.weights import checkpoint

PACE = Pace(log_every=2, validate_every=3)

SETTINGS = TrainSettings(
    network=NetworkSettings(width=4, mlp_width=8),
    size=32,
    batch=4,
    steps=7,
    reconstruct_steps=4,
    ema=0.9,
    clip=1.0,
    decay="cosine",
)


def go(paths: DataPaths, folder: Path, settings: TrainSettings = SETTINGS, **more: Any) -> train.Outcome:
    return train.train(settings, paths, folder, pace=PACE, device="cpu", tensorboard=False, **more)[0]


@pytest.fixture(scope="module")
def unbroken(paths: DataPaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    assert go(paths, folder).complete
    return folder


def curve(folder: Path, name: str = "log.csv") -> list[dict[str, str]]:
    """The rows of a table but for the seconds, the one thing that may differ."""
    with (folder / name).open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def break_off(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the process die, as if killed, when the batch of that step of the run is asked for."""
    whole, count = LitPhotos.batch, 0

    def batch(self: LitPhotos, epoch: int, indices: Sequence[int], size: int) -> Batch:
        nonlocal count
        count += 1
        if count == step:
            raise SystemExit
        return whole(self, epoch, indices, size)

    monkeypatch.setattr(LitPhotos, "batch", batch)


def assert_same_weights(one: Path, other: Path, names: Sequence[str] = ("reconstruct", "last", "best")) -> None:
    for name in names:
        weights = [checkpoint.load(folder / f"{name}.safetensors").net.state_dict() for folder in (one, other)]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("step", [3, 6, 9])
def test_a_killed_run_ends_as_one_that_was_not(
    paths: DataPaths, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    # Steps 1-4 are the reconstruct stage; states are on disk from steps 0 and 3 of each stage (and 6 of harmonize).
    break_off(monkeypatch, step)
    with pytest.raises(SystemExit):
        go(paths, tmp_path)
    monkeypatch.undo()
    settings, kept = RunFolder(tmp_path).read_state()
    assert settings == SETTINGS
    assert go(paths, tmp_path, settings, resume=kept).complete
    assert curve(tmp_path) == curve(unbroken)
    assert curve(tmp_path, "scores.csv") == curve(unbroken, "scores.csv")
    assert_same_weights(tmp_path, unbroken)


def test_a_run_in_pieces_of_one_step_ends_as_one_in_a_whole(paths: DataPaths, unbroken: Path, tmp_path: Path) -> None:
    kept = None
    for _ in range(20):
        if go(paths, tmp_path, minutes=0.0, resume=kept).complete:
            break
        _, kept = RunFolder(tmp_path).read_state()
    else:
        pytest.fail("the run does not end")
    assert curve(tmp_path) == curve(unbroken)
    assert_same_weights(tmp_path, unbroken)


def test_a_finished_run_stays_as_it_is(paths: DataPaths, unbroken: Path) -> None:
    before = (unbroken / "last.safetensors").read_bytes(), curve(unbroken)
    settings, kept = RunFolder(unbroken).read_state()
    assert go(paths, unbroken, settings, resume=kept).complete
    assert ((unbroken / "last.safetensors").read_bytes(), curve(unbroken)) == before


def test_a_run_goes_on_with_more_steps_and_larger_pictures(paths: DataPaths, tmp_path: Path) -> None:
    go(paths, tmp_path)
    saved, kept = RunFolder(tmp_path).read_state()
    settings = dataclasses.replace(saved, steps=9, size=64)
    assert go(paths, tmp_path, settings, resume=kept).complete
    assert [row["size"] for row in curve(tmp_path)][-2:] == ["64", "64"]
    scores = [(row["step"], row["row"], row["size"]) for row in curve(tmp_path, "scores.csv")]
    assert scores[-2:] == [("7", "composite", "64"), ("9", "harmonized", "64")]
    assert checkpoint.load(tmp_path / "best.safetensors").metadata["step"] == 9
    assert curve(tmp_path)[-1]["step"] == "9"


def test_a_batch_of_another_size_begins_the_next_epoch(paths: DataPaths, tmp_path: Path) -> None:
    go(paths, tmp_path)
    saved, kept = RunFolder(tmp_path).read_state()
    settings = dataclasses.replace(saved, batch=3, steps=8)
    assert go(paths, tmp_path, settings, resume=kept).complete
    assert curve(tmp_path)[-1]["epoch"] == str(kept.epoch + 1)


@pytest.mark.parametrize(
    "changes",
    [{"network": NetworkSettings(width=8)}, {"distill": DistillSettings(kind="feature")}, {"seed": 1}],
)
def test_what_makes_it_another_run_cannot_change_midway(unbroken: Path, changes: dict[str, Any]) -> None:
    saved, _ = RunFolder(unbroken).read_state()
    with pytest.raises(SettingsError, match="cannot change midway"):
        RunFolder(unbroken).check_resumable(saved, dataclasses.replace(saved, **changes))


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"state\.pt: no such file"):
        RunFolder(tmp_path).read_state()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_state_that_is_cut_off_is_refused(unbroken: Path, tmp_path: Path, share: float) -> None:
    whole = (unbroken / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"state\.pt: damaged \(.*; begin again, or restore a copy"):
        state.read_state(tmp_path / "state.pt")


class Trap:
    """What a malicious file would hold: code that runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("import pathlib; pathlib.Path('sprung').touch()",)


def test_a_state_with_code_in_it_is_refused_unexecuted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"version": 1, "step": Trap()}, tmp_path / "state.pt")
    with pytest.raises(WeightsError, match=r"holds an object .*, which would be run"):
        state.read_state(tmp_path / "state.pt")
    assert not (tmp_path / "sprung").exists()


def test_another_file_of_tensors_is_not_a_state(tmp_path: Path) -> None:
    torch.save({"version": 1, "weight": torch.zeros(3)}, tmp_path / "state.pt")
    with pytest.raises(WeightsError, match=r"damaged \(no 'settings'\)"):
        state.read_state(tmp_path / "state.pt")


def test_rows_beyond_the_state_are_forgotten(tmp_path: Path) -> None:
    reporter = progress.Reporter(tmp_path, tensorboard=False)
    for stage, step in (("reconstruct", 9), ("harmonize", 2), ("harmonize", 4), ("harmonize", 6)):
        reporter.log(dict.fromkeys(progress.LOG, 0.0) | {"stage": stage, "step": step})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("harmonize,8,0,")  # the process died here
    reporter.begin("harmonize", 4)
    assert [(row["stage"], row["step"]) for row in progress.read_rows(tmp_path / "log.csv")] == [
        ("reconstruct", "9"),
        ("harmonize", "2"),
        ("harmonize", "4"),
    ]


@pytest.mark.parametrize("bad", [b"\xff\xfe\x00\x01", b"x" * 200_000, b"\0", b'"'])
def test_bytes_that_are_no_text_do_not_stop_a_resume(tmp_path: Path, bad: bytes) -> None:
    reporter = progress.Reporter(tmp_path, tensorboard=False)
    for step in (2, 4):
        reporter.log(dict.fromkeys(progress.LOG, 0.0) | {"stage": "harmonize", "step": step})
    path = tmp_path / "log.csv"
    whole = path.read_bytes()
    for place in (0, len(whole) - 20, len(whole)):
        path.write_bytes(whole[:place] + bad + whole[place:])
        reporter.begin("harmonize", 4)
        reporter.log(dict.fromkeys(progress.LOG, 0.0) | {"stage": "harmonize", "step": 6})
        assert [row["step"] for row in progress.read_rows(path)][-1:] == ["6"]


def test_lines_of_a_table_that_cannot_be_read_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "harmonize")
    reporter = progress.Reporter(tmp_path, tensorboard=False)
    for step in (2, 4, 6):
        reporter.log(dict.fromkeys(progress.LOG, 0.0) | {"stage": "harmonize", "step": step})
    reporter.begin("harmonize", 4)
    assert not caplog.messages
    path = tmp_path / "log.csv"
    path.write_text(path.read_text() + "harmonize,8,0,\nnothing\n")
    reporter.begin("harmonize", 4)
    path.write_bytes(b"\xff\0\n\n1,2\n")
    reporter.begin("harmonize", 4)
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "damaged, 2 of its lines cannot be read and are left out",
        "damaged, 1 of its lines cannot be read and are left out",
    ]
    assert not path.exists()


@pytest.mark.parametrize("change", [lambda row: row[:-1], lambda row: [*row, "more"], lambda row: row[::-1]])
def test_rows_below_other_columns_come_below_those_of_today(
    tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    reporter = progress.Reporter(tmp_path, tensorboard=False)
    reporter.log(dict.fromkeys(progress.LOG, 0.0) | {"stage": "harmonize", "step": 2})
    path = tmp_path / "log.csv"
    path.write_text("".join(",".join(change(line.split(","))) + "\n" for line in path.read_text().splitlines()))
    reporter.begin("harmonize", 4)
    reporter.log(dict.fromkeys(progress.LOG, 0.0) | {"stage": "harmonize", "step": 4})
    rows = progress.read_rows(path)
    assert [(tuple(row), row["step"]) for row in rows] == [(progress.LOG, "2"), (progress.LOG, "4")]


def test_a_table_that_is_a_folder_ends_a_resume_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(OutputError, match=r"log\.csv: cannot be removed \(Is a directory\)"):
        progress.Reporter(tmp_path, tensorboard=False).begin("harmonize", 4)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_best_weights_that_cannot_be_read_are_named_and_written_anew(
    paths: DataPaths,
    unbroken: Path,
    tmp_path: Path,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "harmonize")
    shutil.copytree(unbroken, tmp_path / "run")
    best = tmp_path / "run" / "best.safetensors"
    damage(best)
    saved, found = RunFolder(tmp_path / "run").read_state()
    go(paths, tmp_path / "run", replace(saved, steps=8, rate=1e-12), resume=found)
    assert any("best.safetensors" in line and "writes these weights anew" in line for line in caplog.messages)
    assert checkpoint.load(best).metadata["step"] == 8
