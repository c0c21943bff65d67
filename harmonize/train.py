"""Training from end to end: the processes, the data, the folder, and what is taken up again.

`harmonize.run` holds the run itself, `harmonize.stage` a single step.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccharmony.errors import SettingsError, WeightsError
from harmonize import checkpoint, reconstruction, sources, state
from harmonize.distributed import join_world
from harmonize.progress import Reporter, make_folder
from harmonize.run import Outcome, Pace, Run, Start
from harmonize.settings import NetworkSettings
from harmonize.sources import Places
from harmonize.stopping import Stop
from harmonize.train_settings import TrainSettings
from harmonize.unet import UNet

STATE = "state.pt"


def train(
    settings: TrainSettings,
    places: Places,
    folder: Path,
    *,
    pace: Pace | None = None,
    device: str = "auto",
    minutes: float | None = None,
    resume: state.RunState | None = None,
    begin_from: str | Path | None = None,
    teacher_from: str | Path | None = None,
    tensorboard: bool = True,
) -> tuple[Outcome, Stop]:
    """Train a network.

    Parameters
    ----------
    settings
        Every number that shapes the run.
    places
        Where its pairs come from.
    folder
        Where its files go.
    pace
        How often it logs, validates and saves.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<number>``.
    minutes
        Budget after which it stops with a state to go on from.
    resume
        State to go on from, as `read_state` gives it.
    begin_from
        Weights that the harmonization branch begins from (finetuning): a name of bundled weights or a file.
    teacher_from
        Weights of a reconstruction branch that is trained already.
    tensorboard
        Whether event files are written.

    Returns
    -------
    Outcome, Stop
        How the run ended, and what asked it to stop if something did.

    Raises
    ------
    CcharmonyError
        Any of its kinds, see `Run.go` and `sources.open_data`.
    """
    with Stop(minutes) as stop, join_world(device) as world:
        start = _read_start(settings, begin_from, teacher_from)
        data = sources.open_data(places, settings, world.device)
        if world.leads:
            make_folder(folder)
        reporter = Reporter(folder if world.leads else None, sys.stderr, tensorboard=tensorboard)
        try:
            run = Run(settings, data, folder, world, reporter, stop, pace=pace, start=start)
            return run.go(resume), stop
        finally:
            reporter.close()


def take_up(folder: Path, changes: Mapping[str, Any]) -> tuple[TrainSettings, state.RunState]:
    """Read the run in a folder and change what may change midway.

    Parameters
    ----------
    folder
        A run's folder.
    changes
        Settings by name that differ from now on, such as a larger `size` or more `steps`.

    Raises
    ------
    WeightsError
        The folder holds no state that can be read.
    SettingsError
        A change would make it another run: another network, distillation or seed.
    """
    found = state.read_state(folder / STATE)
    settings = TrainSettings.from_dict(found.settings)
    for name in ("network", "distill", "seed", "warm_start"):
        if changes.get(name, getattr(settings, name)) != getattr(settings, name):
            raise SettingsError(f"{folder}: {name} cannot change midway, wanted a run in a folder of its own")
    return dataclasses.replace(settings, **changes), found


def _read_start(settings: TrainSettings, begin_from: str | Path | None, teacher_from: str | Path | None) -> Start:
    network = None if begin_from is None else _read_network(begin_from, settings.network)
    if teacher_from is None:
        return Start(network)
    return Start(network, reconstruction.freeze(_read_network(teacher_from, settings.network_of("reconstruct"))))


def _read_network(name_or_path: str | Path, wanted: NetworkSettings) -> UNet:
    """Read weights that must be of one network; raises WeightsError."""
    found = checkpoint.load(name_or_path)
    if not isinstance(found.net, UNet) or found.settings != wanted:
        raise WeightsError(f"{name_or_path}: weights of {found.settings}, wanted {wanted}")
    return found.net.requires_grad_(True)
