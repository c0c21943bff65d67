"""A training that takes a second, and what it wrote."""

import csv
from pathlib import Path
from typing import Any

import torch

from harmonize.models.settings import NetworkSettings
from harmonize.training import train
from harmonize.training.data_paths import DataPaths
from harmonize.training.distributed import World
from harmonize.training.settings import DistillSettings, TrainSettings

ALONE = World(0, 1, torch.device("cpu"))
NO_DISTILLATION = DistillSettings(kind="none", sites=())


def small(**changes: Any) -> TrainSettings:
    plain: dict[str, Any] = {
        "network": NetworkSettings(width=4, mlp_width=8),
        "size": 32,
        "batch": 4,
        "steps": 3,
        "reconstruct_steps": 2,
        "ema": 0.5,
    }
    return TrainSettings(**(plain | changes))


def go(settings: TrainSettings, paths: DataPaths, folder: Path, **more: Any) -> train.Outcome:
    return train.train(settings, paths, folder, device="cpu", tensorboard=False, **more)[0]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
