"""Training from end to end: the processes, the data, the folder, and the state that is resumed.

`harmonize.training.run` holds the run itself, `harmonize.training.stage` a single step.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from ccharmony.files import StrPath
from harmonize.training import reconstruction
from harmonize.training.data import describe, open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.distributed import join_world
from harmonize.training.options import RunOptions
from harmonize.training.pace import Pace
from harmonize.training.progress import Reporter
from harmonize.training.run import Outcome, Run, Start
from harmonize.training.run_folder import RunFolder, claim, read_network, trace
from harmonize.training.settings import TrainSettings
from harmonize.training.state import RunState
from harmonize.training.stop import Stop


def train(
    settings: TrainSettings,
    paths: DataPaths,
    folder: Path,
    *,
    pace: Pace | None = None,
    device: str = "auto",
    minutes: float | None = None,
    resume: RunState | None = None,
    begin_from: StrPath | None = None,
    teacher_from: StrPath | None = None,
    tensorboard: bool = True,
    force: bool = False,
) -> tuple[Outcome, Stop]:
    """Train a network.

    Parameters
    ----------
    settings
        Every number that shapes the run.
    paths
        Where its pairs come from.
    folder
        Where its files go.
    pace
        How often it logs, validates and saves.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<number>``.
    minutes
        Budget after which it stops with a state to resume from.
    resume
        State to resume from, as `RunFolder.read_state` returns it.
    begin_from
        Weights that the harmonization branch starts from (finetuning): a name of bundled weights or a file.
    teacher_from
        Weights of a reconstruction branch that is trained already.
    tensorboard
        Whether event files are written.
    force
        Whether a run in the folder is overwritten; otherwise it is refused unless `resume` is given.

    Returns
    -------
    Outcome, Stop
        How the run ended, and the request to stop.

    Raises
    ------
    CcharmonyError
        Any of its kinds, see `Run.go` and `open_data`.
    """
    with Stop(minutes) as stop, join_world(device) as world, contextlib.ExitStack() as stack:
        if world.leads:  # the name of bundled weights is no path
            read = [Path(path) for path in (begin_from, teacher_from) if path is not None and Path(path).exists()]
            stack.enter_context(claim(folder, [*paths.inputs(), *read], resume=resume is not None, force=force))
        start = _read_start(settings, begin_from, teacher_from)
        data = open_data(paths, settings, world.device)
        if world.leads:
            RunOptions(paths, pace or Pace(), begin_from).write(folder)
        files = RunFolder(folder, world.leads, describe(paths) | trace(folder, begin_from, resume))
        reporter = Reporter(folder if world.leads else None, sys.stderr, tensorboard=tensorboard)
        try:
            run = Run(settings, data, files, world, reporter, stop, pace=pace, start=start)
            return run.go(resume), stop
        finally:
            reporter.close()


def _read_start(settings: TrainSettings, begin_from: StrPath | None, teacher_from: StrPath | None) -> Start:
    network = None if begin_from is None else read_network(begin_from, settings.network)
    if teacher_from is None:
        return Start(network)
    teacher = read_network(teacher_from, settings.network_of("reconstruct"))
    return Start(network, reconstruction.freeze(teacher))
