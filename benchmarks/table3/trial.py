"""One run of a study, in a process of its own: trained, resumed where it stopped, then scored picture by picture.

    python -m benchmarks.table3.trial STUDY NAME [--minutes M] [--threads N] [--device D]

`schedule` starts it. It ends with 0 where the run is finished, with `STOPPED` where it can be resumed. Scored are the
averaged weights of the last step, not those of the best validation: the pairs have chosen nothing.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from torch import nn

from benchmarks.table3 import plan
from benchmarks.table3.plan import TEACHER, Trial
from benchmarks.table3.study import HIDDEN, SCORED, Study, open_study
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.errors import CcharmonyError, SettingsError
from ccharmony.files import make_folder
from harmonize import memory
from harmonize.data import batches, lights, photos
from harmonize.data.batches import Batch, Source
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.stored_pairs import StoredPairs
from harmonize.devices import find_device
from harmonize.evaluation import protocols, report
from harmonize.evaluation.ring import Ring, hide_ring
from harmonize.evaluation.scoring import ScoredPair
from harmonize.training import train, validation
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.run_folder import RunFolder
from harmonize.training.state import RunState
from harmonize.training.stop import Stop
from harmonize.weights import checkpoint

STOPPED = 3
"""Exit code of a run that was stopped by its minutes or a signal, and can be resumed."""

LOG_ROWS, VALIDATIONS = 100, 4
"""Rows of the log and validations of a complete run."""

_BATCH = 8
"""Pairs that are scored at a time."""

_logger = logging.getLogger(__name__)


def run_trial(study: Study, trial: Trial | None, *, minutes: float | None = None, device: str = "auto") -> bool:
    """Train a run until it is finished or its minutes are spent, then score it.

    Parameters
    ----------
    study, trial
        Study and run; None is the reconstruction branch.
    minutes
        Budget from now on, in minutes; None sets no limit.
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
        return write_scores(study, folder, device, stop)


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


def write_scores(study: Study, folder: Path, device: str, stop: Stop, ring: Ring | None = None) -> bool:
    """Score the last weights in the folder of a run on every validation pair, and write its table.

    With a ring the seams are hidden, as `harmonize evaluate --ring` does, and the table is `HIDDEN`.

    Returns
    -------
    bool
        Whether it was written; False where it was asked to stop before.
    """
    chosen = find_device(device)
    network = checkpoint.load(folder / "last.safetensors").net.to(chosen).eval().requires_grad_(False)
    rows: list[ScoredPair] = []
    for name, source in open_pairs(study.places).items():
        for start in range(0, len(source), _BATCH):
            if stop.due:
                return False
            indices = range(start, min(start + _BATCH, len(source)))
            batch = source.batch(0, indices, study.budget.scored_at)
            rows += score_batch(network, batch if ring is None else _hide(batch, ring), name, chosen)
    with report.open_images(folder / (SCORED if ring is None else HIDDEN), protocols.DEFAULT) as table:
        for row in rows:
            table.write(row)
    return True


def open_pairs(places: DataPaths) -> dict[str, Source]:
    """Open the pairs that a study scores, by the name of their set; the same ones for every run.

    Raises
    ------
    CcharmonyError
        A folder is missing or broken, or a pair cannot be read, since all runs must have the same pairs.
    """
    threads = min(os.cpu_count() or 1, 16)
    found: dict[str, Source] = {}
    for root in places.data:
        pairs, _ = find_pairs(root, "test", strict=True)
        found[root.name] = StoredPairs(pairs, strict=True, threads=threads)
    if places.lights is not None:
        _, held = lights.hold_out(lights.read_lights(places.lights), places.held_lights)
        val = photos.find_photos(places.photos, "val")
        found["val"] = HeldPairs(val, held, each=places.held_composites, threads=threads)
    return found


@torch.no_grad()
def score_batch(network: nn.Module, batch: Batch, name: str, device: torch.device) -> Iterator[ScoredPair]:
    """Score a network on a batch of a set, by iSSAM's protocol but for the size; raw output, background included.

    Pairs whose mask is empty at that size have no foreground to score and are left out, as in `harmonize evaluate`.
    """
    protocol = protocols.find(protocols.DEFAULT)
    outputs = validation.run(network, batch.to(device)).cpu()
    pictures = [_levels(part) for part in (batch.composite, outputs, batch.real)]
    for row, (composite, output, real) in enumerate(zip(*pictures, strict=True)):
        mask = batch.mask[row, 0].numpy()
        if mask.any():
            before, after = (protocols.score(protocol, picture, real, mask) for picture in (composite, output))
            yield ScoredPair(name, batch.names[row], float((mask > 0.5).mean()), before, after)


def _hide(batch: Batch, ring: Ring) -> Batch:
    """Inpaint a ring of background of each composite."""
    composites = (batch.composite * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    hidden = [hide_ring(picture, mask[0].numpy(), ring) for picture, mask in zip(composites, batch.mask, strict=True)]
    return replace(batch, composite=batches.to_unit(torch.from_numpy(np.stack(hidden))))


def _levels(images: torch.Tensor) -> Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return pictures (B, 3, H, W) in [0, 1] as (H, W, 3) arrays in levels."""
    return list((images * 255).permute(0, 2, 3, 1).numpy())


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--minutes", type=float)
@click.option("--threads", type=int, default=1)
@click.option("--device", default="auto")
def main(path: Path, name: str, minutes: float | None, threads: int, device: str) -> None:
    """Start or resume the run NAME of the study in PATH; its lines go to NAME_train.log in PATH."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    memory.keep_freed_memory()
    study = open_study(path)
    log = make_folder(study.path) / f"{name}_train.log"
    logging.basicConfig(filename=log, level=logging.INFO, format="%(asctime)s %(message)s")
    trial = None if name == TEACHER else plan.parse_name(name)
    try:
        finished = run_trial(study, trial, minutes=minutes, device=device)
    except CcharmonyError as error:
        _logger.error("%s", error)
        click.echo(str(error), err=True)
        sys.exit(1)
    sys.exit(0 if finished else STOPPED)


if __name__ == "__main__":
    main()
