"""Training from Python: settings and data in, a run folder and its outcome out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccharmony.files import StrPath
from harmonize.training.data_paths import DataPaths
from harmonize.training.options import RunOptions, read_options
from harmonize.training.pace import Pace
from harmonize.training.run import Outcome
from harmonize.training.run_folder import RunFolder, refuse_finished
from harmonize.training.settings import TrainSettings
from harmonize.training.train import train


def train_network(
    settings: TrainSettings,
    out: StrPath,
    *,
    data: StrPath | Sequence[StrPath] = (),
    photos: StrPath | Sequence[StrPath] = (),
    lights: StrPath | None = None,
    val_share: float | None = None,
    begin_from: StrPath | None = None,
    resume: bool = False,
    force: bool = False,
    minutes: float | None = None,
    device: str = "auto",
) -> Outcome:
    """Train a network, both stages, as `harmonize train` does.

    Parameters
    ----------
    settings
        Every number that shapes the run; `TrainSettings()` is row 8 of the paper's Table 3.
    out
        Folder of the run: weights, log, scores, and a state to resume from.
    data
        One dataset or several: in iHarmony4's layout or in folders of equal names, tables of triplets, packed ones.
        Their train lists are trained on. A run that is resumed knows its data, photos and lights.
    photos
        One folder of photos with masks or several, relit on the fly with the lights of `lights`.
    lights
        A fits.h5; goes with `photos`.
    val_share
        Share of the photos of the train lists that choose ``best.safetensors`` and are not trained on, 0.05 unless
        given; 0 lets the test lists choose.
    begin_from
        Weights to finetune: a bundled name or a file.
    resume
        Whether to resume the run in `out`. `settings` may then differ from the run's in what can change midway, such as
        `steps` and `size`.
    force
        Whether a run in `out` is overwritten.
    minutes
        Stop after these minutes, with a state to resume from; None trains to the end.
    device
        "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".

    Returns
    -------
    Outcome
        Whether the run is complete, its last stage and step, and the lowest fMSE on the validation pairs. The weights
        are ``best.safetensors`` and ``last.safetensors`` in `out`.

    Raises
    ------
    SettingsError
        No data; `out` holds a run and neither `resume` nor `force` is given; the run in `out` has other settings; no
        such device.
    SourceError, ManifestError, ImageError
        Data are missing or damaged.
    WeightsError
        `begin_from` does not fit the settings, or there is no state to resume from.
    TrainingError
        The loss is not a number, or there is no memory for a step.
    OutputError
        The folder holds what no run wrote, another run trains in it, or it cannot be written.
    """
    given: dict[str, Any] = {
        "data": _paths(data),
        "photos": _paths(photos),
        "lights": None if lights is None else Path(lights),
        "val_share": val_share,
    }
    given = {name: value for name, value in given.items() if value is not None}
    folder, state = RunFolder(Path(out)), None
    refuse_finished(folder.path, resume=resume, force=force)
    if resume:
        started, state = folder.read_state()
        folder.check_resumable(started, settings)
        options = read_options(Path(out), given)
    else:
        options = RunOptions(DataPaths(**given), Pace(), begin_from)
    outcome, _ = train(
        settings,
        options.paths,
        Path(out),
        pace=options.pace,
        device=device,
        minutes=minutes,
        resume=state,
        begin_from=options.first_weights(begin_from, state),
        tensorboard=False,
        force=force,
    )
    return outcome


def _paths(given: StrPath | Sequence[StrPath]) -> tuple[Path, ...] | None:
    """Return one path or several as a tuple, None for none."""
    return tuple(map(Path, [given] if isinstance(given, str | os.PathLike) else given)) or None
