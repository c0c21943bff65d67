import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from harmonize.training import train
from harmonize.training.data_paths import DataPaths
from harmonize.training.distributed import join_world
from harmonize.training.pace import Pace
from harmonize.training.settings import TrainSettings
from harmonize.weights import checkpoint

ROOT = Path(__file__).resolve().parents[3]

TRAIN = """
import json, sys
from pathlib import Path
from harmonize.training import train
from harmonize.training.pace import Pace
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings

data, out, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
paths = DataPaths(photos=(data / "photos",), lights=data / "fits.h5", held_lights=3)
train.train(TrainSettings.from_dict(settings), paths, out, pace=Pace(1, 4), device="cpu", tensorboard=False)
"""

NORM = """
import os
import torch
from torch import nn
from harmonize.training.distributed import join_world

def compare(world):
    torch.manual_seed(0)
    whole = torch.randn(6, 3, 5, 4, dtype=torch.float64) * 3 + 1
    goal = torch.randn(6, 3, 5, 4, dtype=torch.float64)
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3, momentum=None)).double()
    share = slice(3 * world.rank, 3 * world.rank + 3)
    net = world.wrap(net).train()
    loss = ((net(whole[share]) - goal[share]) ** 2).mean()
    loss.backward()
    total = world.add([float(loss)])[0] / 2
    flags = (world.any(world.rank == 1), world.any(False))
    if world.leads:
        state = {"loss": total, "flags": flags, "gradients": [p.grad for p in net.parameters()]}
        torch.save({**state, "buffers": [b.clone() for b in net.buffers()]}, out / "norm.pt")

os.environ["MASTER_PORT"] = sys.argv[4]  # a world of its own: the first one's store may still be closing
with join_world("cpu") as world:
    compare(world)  # a function, since a wrapped network must be gone before its world is
"""

# A small rate: Adam divides by the gradient's size, so where a gradient is rounding error alone (a bias before a norm)
# the step's direction is chance, and large steps would let two equal runs drift apart.
SETTINGS = (
    '{"network": {"model": "giftnet", "width": 4, "mlp_width": 8}, "size": 32, "batch": 4, "rate": 1e-4,'
    ' "steps": 8, "reconstruct_steps": 2, "ema": 0.5}'
)


def find_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def run_two(code: str, *arguments: str) -> None:
    """Run a program in two processes that know of each other, as torchrun starts them."""
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": find_port(), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, **world, "RANK": rank, "LOCAL_RANK": rank},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        for process in started:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def data(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("data")
    tiny.write_photos(root / "photos", val=5)  # five: the two processes validate three and two
    tiny.write_lights(root / "fits.h5")
    return root


@pytest.fixture(scope="module")
def two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes leave behind; starting them takes longest, so they do everything at once."""
    out = tmp_path_factory.mktemp("two")
    run_two(TRAIN + NORM, str(data), str(out), SETTINGS, find_port())
    return out


def test_shared_norms_do_what_one_process_does_with_the_whole_batch(two: Path) -> None:
    found = torch.load(two / "norm.pt", weights_only=True)
    torch.manual_seed(0)
    whole = torch.randn(6, 3, 5, 4, dtype=torch.float64) * 3 + 1
    goal = torch.randn(6, 3, 5, 4, dtype=torch.float64)
    layers = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.BatchNorm2d(3, momentum=None)
    net = torch.nn.Sequential(*layers).double().train()
    loss = ((net(whole) - goal) ** 2).mean()
    loss.backward()
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-12)
    assert found["flags"] == (True, False)
    for shared, parameter in zip(found["gradients"], net.parameters(), strict=True):
        torch.testing.assert_close(shared, parameter.grad, rtol=1e-10, atol=1e-14)
    for shared, buffer in zip(found["buffers"], net.buffers(), strict=True):
        torch.testing.assert_close(shared, buffer, rtol=1e-10, atol=1e-14)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_train_as_one_with_the_same_batch(data: Path, two: Path, tmp_path: Path) -> None:
    paths = DataPaths(photos=(data / "photos",), lights=data / "fits.h5", held_lights=3)
    settings = TrainSettings.from_dict(json.loads(SETTINGS))
    train.train(settings, paths, tmp_path, pace=Pace(1, 4), device="cpu", tensorboard=False)
    tables = (("log.csv", ("loss", "image", "distill"), 1e-4), ("scores.csv", ("mse", "fmse", "psnr", "fssim"), 1e-3))
    for name, figures, tolerance in tables:
        rows, others = read(tmp_path / name), read(two / name)
        assert [(row["stage"], row["step"]) for row in rows] == [(row["stage"], row["step"]) for row in others]
        for row, other in zip(rows, others, strict=True):
            for figure in figures:
                assert float(other[figure]) == pytest.approx(float(row[figure]), rel=tolerance), (name, row, other)
    assert [row["n"] for row in read(two / "scores.csv")] == ["5"] * 4
    weights, others = (checkpoint.load(path / "last.safetensors").net.state_dict() for path in (tmp_path, two))
    apart = torch.cat([(others[key] - value).abs().flatten() for key, value in weights.items()])
    # Biases before a batch norm have no gradient but rounding, which Adam makes steps of 1e-4 of; 99 of 100 agree.
    assert apart.quantile(0.99).item() < 1e-5
    assert apart.max().item() < 1e-3


def test_without_torchrun_a_run_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_world("cpu") as world:
        module = torch.nn.Linear(2, 2)
        assert (world.rank, world.processes, world.leads) == (0, 1, True)
        assert world.wrap(module) is module
        assert world.add([1.5, 2.0]) == [1.5, 2.0]
        assert not world.any(False)
