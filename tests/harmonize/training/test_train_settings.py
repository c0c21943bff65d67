"""Settings of a training: ranges, JSON, the rate, and the number of steps."""

import json
import math
from pathlib import Path
from typing import Any

import click.testing
import pytest
import torch

from ccharmony.errors import SettingsError
from harmonize.commands.train import command
from harmonize.models import giftnet
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.training.stage import Stage

from .runs import ALONE, small


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": -1e-3},
        {"rate": math.nan},
        {"rate": 0.0},
        {"batch": 0},
        {"batch": 2.5},
        {"size": 100},
        {"size": -32},
        {"epochs": math.inf},
        {"epochs": -1.0},
        {"steps": -1},
        {"ema": 1.0},
        {"clip": -1.0},
        {"betas": (0.9,)},
        {"betas": (0.9, 1.0)},
        {"milestones": (1.5,)},
        {"decay": "steep"},
        {"loss": "l3"},
        {"precision": "fp8"},
        {"grow": ((0.7, 64), (0.2, 96))},
        {"grow": ((0.7, 50),)},
        {"seed": -1},
        {"min_share": 0.0},
    ],
)
def test_a_number_out_of_its_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="found"):
        TrainSettings(**changes)


def test_settings_come_back_from_json() -> None:
    settings = small(grow=((0.5, 64),), distill=DistillSettings(kind="feature"), betas=(0.5, 0.9))
    assert TrainSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(SettingsError, match="unknown momentum"):
        TrainSettings.from_dict({"momentum": 0.9})


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({}, {0: 1e-3, 87: 1e-3, 88: 1e-4, 96: 1e-5}),
        ({"decay": "linear", "decay_from": 0.5}, {0: 1e-3, 49: 1e-3, 50: 1e-3, 75: 5e-4, 99: 2e-5}),
        ({"decay": "cosine"}, {0: 1e-3, 50: 5e-4, 75: 1.4645e-4}),
        ({"decay": "none", "warmup": 3}, {0: 2.5e-4, 1: 5e-4, 3: 1e-3, 99: 1e-3}),
    ],
)
def test_the_rate_falls_as_asked(changes: dict[str, Any], rates: dict[int, float]) -> None:
    settings = TrainSettings(**changes)
    assert {step: settings.rate_at(step, 100) for step in rates} == pytest.approx(rates, rel=1e-3)


def test_epochs_become_steps() -> None:
    settings = TrainSettings(epochs=1.5, reconstruct_steps=7)
    assert (settings.length("harmonize", 10), settings.length("reconstruct", 10)) == (15, 7)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--distill none E", "--distill none E: wanted none, or relation or feature with sites E, D2, D3"),
        ("--distill relation feature E", "--distill relation feature E: wanted none, or relation"),
        ("--distill D1", "distill.sites: 'D1' found, a list, each one of E, D2, D3 wanted"),
        ("--gift D4", "network.gift: 'D4' found, a list, each one of D1, D2, D3, E wanted"),
    ],
)
def test_words_that_name_no_loss_or_site_are_refused(paths: DataPaths, tmp_path: Path, words: str, line: str) -> None:
    given = f"--photos {paths.photos[0]} --lights {paths.lights} --out {tmp_path / 'run'} {words}"
    done = click.testing.CliRunner().invoke(command, given.split())
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {line}")


def test_a_stage_knows_the_rate_and_size_of_its_step(paths: DataPaths) -> None:
    settings = small(steps=10, decay="linear", grow=((0.8, 64),))
    source = open_data(paths, settings, torch.device("cpu")).train
    stage = Stage("harmonize", giftnet.build(settings.network), None, settings, source, ALONE)
    stage.step = 8
    assert (stage.size, stage.rate) == (64, pytest.approx(2e-4))
