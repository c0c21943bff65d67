"""One run of a study, in a process of its own: trained, resumed where it was left, then scored picture by picture.

    python -m benchmarks.table3.trial STUDY NAME [--minutes M] [--threads N] [--device D]

`schedule` starts it. It ends with 0 where the run is finished, with `STOPPED` where it was left to be resumed.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from pathlib import Path

import click
import cv2
import torch

from benchmarks.table3 import plan, scores
from benchmarks.table3.plan import TEACHER, Trial
from benchmarks.table3.study import Study, open_study
from ccharmony.errors import CcharmonyError, SettingsError
from ccharmony.files import make_folder
from harmonize import memory
from harmonize.training import train
from harmonize.training.run import Pace
from harmonize.training.run_folder import RunFolder
from harmonize.training.state import RunState
from harmonize.training.stop import Stop

STOPPED = 3
"""Exit code of a run that was stopped by its minutes or a signal, and can be resumed."""

LOG_ROWS, VALIDATIONS = 100, 4
"""Rows of the log and validations of a whole run."""

_logger = logging.getLogger(__name__)


def run(study: Study, trial: Trial | None, *, minutes: float | None = None, device: str = "auto") -> bool:
    """Take a run as far as it goes.

    Parameters
    ----------
    study, trial
        Which; None is the reconstruction branch.
    minutes
        Budget from now on; None has no end.
    device
        As in `harmonize.training.train.train`.

    Returns
    -------
    bool
        Whether it is finished.

    Raises
    ------
    CcharmonyError
        Any of its kinds, see `harmonize.training.train.train`.
    """
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    folder = make_folder(study.folder(TEACHER if trial is None else trial.name))
    settings, state = study.settings(trial), _read_state(study, trial, folder)
    if state is None or state.stage != "harmonize" or state.step < settings.steps:
        outcome, stop = train.train(
            settings,
            study.places,
            folder,
            pace=_pace(settings.reconstruct_steps if trial is None else settings.steps),
            device=device,
            minutes=_left(end),
            resume=state,
            teacher_from=study.teacher if trial is not None and trial.taught else None,
            tensorboard=False,
        )
        if not outcome.complete or stop.due:
            return False
    if trial is None:
        return True
    with Stop(_left(end)) as stop:
        return scores.write(study, folder, device, stop)


def _pace(steps: int) -> Pace:
    """Log and validate a stage of that length so often."""
    return Pace(max(steps // LOG_ROWS, 1), max(steps // VALIDATIONS, 1))


def _left(end: float) -> float | None:
    return None if math.isinf(end) else max((end - time.monotonic()) / 60, 0)


def _read_state(study: Study, trial: Trial | None, folder: Path) -> RunState | None:
    """Read where a run stands, if it has begun; raises SettingsError where it is another run."""
    files = RunFolder(folder)
    if not files.state.exists():
        return None
    settings, state = files.read_state()
    if settings != study.settings(trial):
        raise SettingsError(f"{folder}: a run with other settings, wanted a study of its own for it")
    return state


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--minutes", type=float)
@click.option("--threads", type=int, default=1)
@click.option("--device", default="auto")
def main(path: Path, name: str, minutes: float | None, threads: int, device: str) -> None:
    """Take up the run NAME of the study in PATH; its lines go to train.log in its folder."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    memory.keep_freed_memory()
    study = open_study(path)
    log = make_folder(study.folder(name)) / "train.log"
    logging.basicConfig(filename=log, level=logging.INFO, format="%(asctime)s %(message)s")
    trial = None if name == TEACHER else plan.parse(name)
    try:
        finished = run(study, trial, minutes=minutes, device=device)
    except CcharmonyError as error:
        _logger.error("%s", error)
        click.echo(str(error), err=True)
        sys.exit(1)
    sys.exit(0 if finished else STOPPED)


if __name__ == "__main__":
    main()
