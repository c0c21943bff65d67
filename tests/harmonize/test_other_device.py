"""Steps of training, batches of lit photos and networks compute where they are put, and never wait for the device.

Without a GPU here, torch's device "meta" stands for one: it refuses a tensor of the CPU among its own, and whoever asks
for a value, as `.item()`, `bool` or a selection by a mask does, which would make a GPU wait in every step.
"""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from harmonize.data import photos
from harmonize.data.batches import Batch, BatchRequest
from harmonize.data.kind_settings import KindSettings
from harmonize.data.lights import read_lights
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.mismatch import Statistics
from harmonize.models import registry
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.training.distributed import World
from harmonize.training.semi_supervised.stage import DualStage
from harmonize.training.settings import StageName, TrainSettings
from harmonize.training.stage import Stage

from .conftest import write_lights, write_photos

OTHER = torch.device("meta")
GIFT, PIH = NetworkSettings(width=4, mlp_width=8), PihSettings(side=64, width=2)


class Source:
    def __len__(self) -> int:
        return 8

    def batch(self, epoch: int, indices: Any, size: int) -> Batch:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def no_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch knows no half precision for this device."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())


def make_stage(kind: type[Stage], network: NetworkSettings | PihSettings, name: StageName, **more: Any) -> Stage:
    settings = dataclasses.replace(
        TrainSettings().of_model(network.model), network=network, batch=2, size=64, ema=0.99, clip=1.0, **more
    )
    teacher = registry.build_network(network) if kind is Stage and name == "harmonize" else None
    return kind(name, registry.build_network(network), teacher, settings, Source(), World(0, 1, OTHER))


def a_batch() -> Batch:
    return Batch(torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64), torch.rand(2, 3, 64, 64), ("a", "b"))


@pytest.mark.parametrize("loss", ["l1", "foreground"])
@pytest.mark.parametrize(
    ("kind", "network", "name", "unpaired"),
    [
        (Stage, GIFT, "reconstruct", False),
        (Stage, GIFT, "harmonize", False),
        (DualStage, PIH, "harmonize", False),
        (DualStage, PIH, "harmonize", True),
    ],
)
def test_a_step_of_training_stays_on_its_device(
    kind: type[Stage], network: NetworkSettings | PihSettings, name: StageName, unpaired: bool, loss: str
) -> None:
    stage = make_stage(kind, network, name, loss=loss)
    for _ in range(2):
        losses = stage.advance(BatchRequest(0, (0, 1), 64, unpaired), a_batch())
    assert losses.device == OTHER
    assert {parameter.device for parameter in stage.network.parameters()} == {OTHER}
    assert stage.step == 2


def test_photos_are_lit_on_the_device_of_the_memory(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", train=4, val=2)
    donors = read_lights(write_lights(tmp_path / "fits.h5"))
    memory = photos.read_memory(photos.find_photos(tmp_path / "photos", "train"), 64, 1)
    shares = dict.fromkeys(("none", "statistics", "retouch", "ramp"), 0.2)
    kinds = KindSettings(**shares, pasted=0.5, regions=0.5, traced=0.5, hidden=0.8, loose=0.5)
    lit = LitPhotos(memory, donors, 0, relit=0.5, mixed=0.5, kinds=kinds, balanced=True)
    lit.memory, lit.lights = memory.to(OTHER), donors.to(OTHER)
    found = lit._statistics
    assert found is not None
    lit._statistics = Statistics(found.lab.to(OTHER), found.mean.to(OTHER), found.covariance.to(OTHER))
    batch = lit.batch(0, range(24), 32)  # every kind and every way to hide a seam is among them
    assert {batch.composite.device, batch.mask.device, batch.real.device} == {OTHER}


@pytest.mark.parametrize("network", [GIFT, PIH])
def test_a_network_answers_on_its_device(network: NetworkSettings | PihSettings) -> None:
    net = registry.build_network(network).to(OTHER).eval()
    output = net(torch.rand(1, 3, 64, 96, device=OTHER), torch.rand(1, 1, 64, 96, device=OTHER))
    assert (output.device, output.shape) == (OTHER, (1, 3, 64, 96))


@pytest.mark.parametrize("fault", ["a tensor of the CPU", "a value asked for"])
def test_both_mistakes_are_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make_stage(Stage, GIFT, "reconstruct")
    made = stage.objective.forward

    def forward(*pictures: torch.Tensor) -> torch.Tensor:
        losses = made(*pictures)
        return losses + torch.ones(3) if fault == "a tensor of the CPU" else losses * losses[0].item()

    monkeypatch.setattr(stage.objective, "forward", forward)
    with pytest.raises(RuntimeError):
        stage.advance(BatchRequest(0, (0, 1), 64), a_batch())
