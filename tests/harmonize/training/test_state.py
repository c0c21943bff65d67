"""A state that no run wrote is refused as a whole, in one line that says what to do; the one before is kept."""

import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ccharmony.errors import WeightsError
from harmonize.training import state
from harmonize.training.run_folder import RunFolder
from harmonize.training.settings import TrainSettings

STEPS = 3


@pytest.fixture
def whole() -> dict[str, Any]:
    """What `RunState.write` saves of a run of three steps of one weight."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    for _ in range(STEPS):
        optimizer.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    numbers = {"step": STEPS, "epoch": 1, "done": 1, "pictures": 12, "seconds": 2.5, "best": float("inf")}
    weights = {"network": layer.state_dict(), "average": {}, "optimizer": optimizer.state_dict(), "scaler": {}}
    settings = TrainSettings().to_dict()
    return {
        **{"version": 1, "settings": settings, "stage": "reconstruct", "window": [0.5, 0.1, 0.0, 3.0]},
        **{**numbers, **weights, "random": torch.get_rng_state()},
    }


def refusal(path: Path, values: object) -> str:
    torch.save(values, path)
    with pytest.raises(WeightsError) as caught:
        RunFolder(path.parent).read_state()
    assert "\n" not in str(caught.value)
    assert "nsafe" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
    return str(caught.value)


def test_a_whole_state_is_read(tmp_path: Path, whole: dict[str, Any]) -> None:
    torch.save(whole, tmp_path / "state.pt")
    settings, found = RunFolder(tmp_path).read_state()
    assert (settings, found.step, found.stage) == (TrainSettings(), 3, "reconstruct")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("version", torch.zeros(3), "not the state of a run of version 1"),
        ("optimizer", {"state": torch.zeros(3)}, "optimizer: nothing of the steps before"),
        ("settings", [1, 2], "settings: list"),
        ("settings", {"size": "large"}, "size"),
        ("settings", {"network": 3}, "network"),
        ("stage", "harmonise", "stage 'harmonise'"),
        ("stage", ["harmonize"], "stage"),
        ("step", "3", "step '3'"),
        ("step", -1, "step -1"),
        ("step", True, "step True"),
        ("step", 10**30, "step 1000"),
        ("pictures", 2.5, "pictures 2.5"),
        ("seconds", float("nan"), "seconds nan"),
        ("best", float("nan"), "best nan"),
        ("best", None, "best None"),
        ("window", [float("inf")], "window"),
        ("window", ["a"], "window"),
        ("network", [], "network: list"),
        ("network", {"weight": 3}, "network 'weight': not a tensor of finite numbers"),
        ("network", {"weight": torch.tensor([float("nan")])}, "not a tensor of finite numbers"),
        ("optimizer", {}, "optimizer: nothing of the steps before"),
        ("optimizer", 3, "optimizer: int"),
        ("random", torch.zeros(3, dtype=torch.uint8), "random: not the state of torch's random numbers"),
        ("random", None, "random"),
        ("version", 2, "version"),
    ],
)
def test_each_part_is_checked(tmp_path: Path, whole: dict[str, Any], name: str, value: object, said: str) -> None:
    message = refusal(tmp_path / "state.pt", {**whole, name: value})
    assert "state.pt: damaged (" in message
    assert message.endswith("; begin again, or restore a copy")
    assert said in message


def test_a_missing_part_is_named(tmp_path: Path, whole: dict[str, Any]) -> None:
    del whole["optimizer"]
    assert "state.pt: damaged (no 'optimizer'); begin again" in refusal(tmp_path / "state.pt", whole)
    assert "not the state of a run of version 1" in refusal(tmp_path / "state.pt", [1, 2])


def test_code_is_refused_without_the_advice_to_run_it(tmp_path: Path, whole: dict[str, Any]) -> None:
    message = refusal(tmp_path / "state.pt", {**whole, "scaler": {"x": random.Random}})
    assert "holds an object random.Random, which would be run" in message


def test_each_flipped_bit_of_a_tensor_is_seen(tmp_path: Path, whole: dict[str, Any]) -> None:
    path = tmp_path / "state.pt"
    torch.save(whole, path)
    with zipfile.ZipFile(path) as archive:
        parts = [info for info in archive.infolist() if "/data/" in info.filename]
    assert len(parts) > 5
    data = path.read_bytes()
    for info in parts:
        name, more = struct.unpack_from("<HH", data, info.header_offset + 26)
        changed = bytearray(data)
        changed[info.header_offset + 30 + name + more] ^= 1
        path.write_bytes(changed)
        with pytest.raises(WeightsError, match="has another checksum"):
            state.read_state(path)


def test_compressed_parts_are_refused(tmp_path: Path, whole: dict[str, Any]) -> None:
    torch.save(whole, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, zipfile.ZipFile(tmp_path / "state.pt", "w", 8) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(WeightsError, match="is compressed"):
        state.read_state(tmp_path / "state.pt")


def test_the_state_before_is_kept_and_named(tmp_path: Path, whole: dict[str, Any]) -> None:
    path = tmp_path / "state.pt"
    values = {name: value for name, value in whole.items() if name != "version"}
    for step in (1, 2, 3):
        state.RunState(**{**values, "step": step}).write(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state.previous.pt", "state.pt"]
    assert (state.read_state(path).step, state.read_state(tmp_path / "state.previous.pt").step) == (3, 2)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"begin again, or restore state\.previous\.pt, the state before it"):
        state.read_state(path)


@pytest.mark.parametrize("change", ["shape", "finite", "kind"])
def test_moments_that_do_not_fit_their_weights_are_refused(whole: dict[str, Any], change: str) -> None:
    optimizer = torch.optim.Adam(torch.nn.Linear(2, 1).parameters())
    saved = whole["optimizer"]
    state.restore_optimizer(optimizer, saved)
    moments: dict[str, Tensor] = saved["state"][0]
    if change == "shape":
        moments["exp_avg"] = torch.zeros(5)
    elif change == "finite":
        moments["exp_avg_sq"] = torch.full((1, 2), float("inf"))
    else:
        saved["param_groups"][0]["betas"] = ("x", 0.9)
    with pytest.raises(ValueError, match="optimizer: "):
        state.restore_optimizer(optimizer, saved)


STEP = {
    "no moment": lambda moments, _: moments.pop("exp_avg"),
    "a moment more": lambda moments, _: moments.update(max_exp_avg_sq=torch.zeros(1, 2)),
    "one number for all": lambda moments, _: moments.update(exp_avg=torch.tensor(1.0)),
    "steps below 0": lambda moments, _: moments.update(step=torch.tensor(-5.0)),
    "squares below 0": lambda moments, _: moments.update(exp_avg_sq=-torch.ones(1, 2)),
    "amsgrad": lambda _, group: group.update(amsgrad=True),
    "maximize": lambda _, group: group.update(maximize=True),
    "epsilon": lambda _, group: group.update(eps=-1.0),
    "betas": lambda _, group: group.update(betas=(5.0, 7.0)),
    "three betas": lambda _, group: group.update(betas=(0.9, 0.9, 0.9)),
    "decay": lambda _, group: group.update(weight_decay=0.5),
}


@pytest.mark.parametrize("change", STEP)
def test_what_no_step_of_adam_leaves_is_refused(whole: dict[str, Any], change: str) -> None:
    saved = whole["optimizer"]
    STEP[change](saved["state"][0], saved["param_groups"][0])
    with pytest.raises(ValueError, match="optimizer: "):
        state.restore_optimizer(torch.optim.Adam(torch.nn.Linear(2, 1).parameters()), saved)


def test_how_torch_computes_a_step_is_this_machines(whole: dict[str, Any]) -> None:
    saved = whole["optimizer"]
    saved["param_groups"][0].update(foreach="x", capturable=True)
    optimizer = torch.optim.Adam(torch.nn.Linear(2, 1).parameters())
    state.restore_optimizer(optimizer, saved)
    assert optimizer.param_groups[0]["foreach"] is None
    assert optimizer.param_groups[0]["capturable"] is False
