"""A training folder belongs to one run at a time, and its weights are not overwritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import harmonize
from ccharmony.errors import OutputError, SettingsError
from harmonize.training import run_folder

SETTINGS = harmonize.TrainSettings(
    network=harmonize.NetworkSettings(model="issam", gift=(), width=4),
    distill=harmonize.DistillSettings(kind="none", sites=()),
    size=32,
    batch=4,
    steps=1,
    ema=0.0,
)


def test_two_trainings_in_one_folder_are_refused_and_the_first_is_named(tmp_path: Path) -> None:
    hold = (
        "import sys; from pathlib import Path; from harmonize.training import run_folder\n"
        "with run_folder.claim(Path(sys.argv[1]), [], resume=False):\n"
        "    print('claimed', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "claimed\n"
        with (
            pytest.raises(OutputError, match=rf"run: another job is writing here, .*\(process {first.pid}\)"),
            run_folder.claim(tmp_path / "run", [], resume=True),
        ):
            pass
        first.kill()
    with run_folder.claim(tmp_path / "run", [], resume=False):
        pass  # the lock of a killed run is free


@pytest.mark.parametrize("resume", [False, True])
def test_weights_without_a_state_are_not_a_new_run(tmp_path: Path, tiny: SimpleNamespace, resume: bool) -> None:
    data, out = tiny.write_pairs(tmp_path / "data"), tmp_path / "run"
    harmonize.train_network(SETTINGS, out, data=data, device="cpu")
    weights = (out / "best.safetensors").read_bytes()
    for name in ("state.pt", "state.previous.pt"):
        (out / name).unlink(missing_ok=True)
    with pytest.raises(SettingsError, match=r"holds best\.safetensors and no state\.pt to resume from"):
        harmonize.train_network(SETTINGS, out, data=data, resume=resume, device="cpu")
    assert (out / "best.safetensors").read_bytes() == weights
    outcome = harmonize.train_network(SETTINGS, out, data=data, device="cpu", force=True)
    assert outcome.complete
    assert (out / "state.pt").is_file()
