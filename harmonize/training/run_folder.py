"""The folder of a run: its files, and how a run is resumed from them.

::

    RUN/settings.json             every number that shapes the run
    RUN/options.json              data, pace and first weights (`harmonize.training.options`)
    RUN/state.pt                  the last saved step; what --resume starts from
    RUN/state.previous.pt         the one saved before it
    RUN/reconstruct.safetensors   the frozen reconstruction branch
    RUN/last.safetensors          the harmonization branch as it stands (the running average of its weights)
    RUN/best.safetensors          the same at its lowest fMSE on the validation set
    RUN/.lock                     locked while a run trains here; a second one is refused

and the tables and pictures of `harmonize.training.progress`. Every file is written to a temporary name and then
renamed: a killed run leaves the last complete one. Runs of several machines need a folder that all of them see.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ccharmony import files, inputs, strict_json
from ccharmony.errors import SettingsError, WeightsError
from ccharmony.files import StrPath
from ccharmony.outputs import Job, claim_folder
from harmonize.models.network import Network
from harmonize.models.registry import AnySettings
from harmonize.training import reconstruction
from harmonize.training.settings import TrainSettings
from harmonize.training.stage import Stage
from harmonize.training.state import RunState, damaged, read_state
from harmonize.weights import bundled, checkpoint

FIXED = ("network", "distill", "streams", "seed", "warm_start")
"""Settings that cannot change in the middle of a run."""

STATE, SETTINGS = "state.pt", "settings.json"
TABLES = ("log.csv", "scores.csv")
STRIPS = "strips"


def _is_earlier(folder: Path) -> bool:
    """Return whether a folder holds a run of a version that wrote no marker."""
    return all((folder / name).is_file() for name in (SETTINGS, STATE))


_JOB = Job("harmonize train", (STRIPS,), is_earlier=_is_earlier)


@contextlib.contextmanager
def claim(folder: Path, inputs: Iterable[StrPath], *, resume: bool, force: bool = False) -> Iterator[None]:
    """Keep a folder for one run: marked as a run's, locked until the end, and free of what would be overwritten.

    Parameters
    ----------
    folder
        The folder, which is made if it is absent.
    inputs
        Files and folders that the run reads.
    resume
        Whether the run in the folder, if it holds one, is resumed.
    force
        Whether a run in the folder is overwritten.

    Yields
    ------
    None
        The run trains meanwhile.

    Raises
    ------
    OutputError
        Another run trains in the folder, it holds what no run wrote, or it cannot be written.
    SettingsError
        It holds a run that is not to be resumed, or weights without a state to resume from.
    """
    with claim_folder(folder, _JOB, inputs):
        refuse_finished(folder, resume=resume, force=force)
        for name in (STATE, *TABLES) if force else ():
            (folder / name).unlink(missing_ok=True)
        yield


def refuse_finished(folder: Path, *, resume: bool, force: bool = False) -> None:
    """Raise SettingsError where a folder holds a run, or its weights, that would be overwritten."""
    if force:
        return
    if (folder / STATE).exists():
        if not resume:
            raise SettingsError(f"{folder}: holds a run already, wanted --resume, another folder, or --force")
        return
    if weights := sorted(folder.glob("*.safetensors")):
        name = weights[0].name
        raise SettingsError(f"{folder}: holds {name} and no {STATE} to resume from, wanted another folder, or --force")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Reads and writes the files of a run.

    Attributes
    ----------
    path
        The folder, which exists where this process writes.
    writes
        Whether this process writes; the others only read.
    notes
        What else is written into the weights' metadata, such as the names of the data.
    """

    path: Path
    writes: bool = True
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def state(self) -> Path:
        """File of the state."""
        return self.path / STATE

    @property
    def teacher(self) -> Path:
        """File of the reconstruction branch."""
        return self.path / "reconstruct.safetensors"

    def begin(self, settings: TrainSettings) -> None:
        """Write the settings; raises OutputError."""
        if self.writes:
            files.write_bytes(self.path / SETTINGS, json.dumps(settings.to_dict(), indent=1).encode())

    def save(self, stage: Stage) -> None:
        """Write the state of a run, and the harmonization branch; raises OutputError."""
        if self.writes:
            stage.state().write(self.state)
            if stage.name == "harmonize":
                self.save_weights(stage, "last")

    def save_weights(self, stage: Stage, name: str) -> None:
        """Write a stage's weights, their training as metadata; raises OutputError."""
        if self.writes:
            metadata = {
                "stage": stage.name,
                "step": stage.step,
                "pictures": stage.pictures,
                "seconds": round(stage.seconds),
                "best_fmse": stage.best if math.isfinite(stage.best) else None,
                "training": stage.settings.to_dict(),
                **self.notes,
            }
            settings = stage.settings.network_of(stage.name)
            checkpoint.save_weights(self.path / f"{name}.safetensors", stage.scored, settings, metadata=metadata)

    def save_teacher(self, teacher: Network, settings: TrainSettings) -> None:
        """Write a reconstruction branch that came from elsewhere; raises OutputError."""
        if self.writes:
            checkpoint.save_weights(self.teacher, teacher, settings.network_of("reconstruct"))

    def read_teacher(self, settings: TrainSettings) -> Network:
        """Read the reconstruction branch, frozen; raises WeightsError."""
        return reconstruction.freeze(read_network(self.teacher, settings.network_of("reconstruct")))

    def why_no_best(self) -> str:
        """Return why the weights at the lowest fMSE cannot be read; empty where they can."""
        try:
            checkpoint.load(self.path / "best.safetensors")
        except WeightsError as error:
            return str(error)
        return ""

    def read_state(self) -> tuple[TrainSettings, RunState]:
        """Read where the run stands, and the settings it had; raises WeightsError."""
        state = read_state(self.state)
        try:
            settings = TrainSettings.from_dict(state.settings)
            if state.stage not in settings.stages:
                raise SettingsError(f"stage {state.stage!r}, its settings have {', '.join(settings.stages)}")
        except (SettingsError, TypeError, AttributeError) as error:
            raise damaged(self.state, error) from error
        return settings, state

    def check_resumable(self, saved: TrainSettings, changed: TrainSettings) -> None:
        """Raise SettingsError if other settings would make it another run: another network, distillation or seed.

        Parameters
        ----------
        saved
            Settings of the run so far.
        changed
            Settings from now on, such as a larger `size` or more `steps`.
        """
        for name in FIXED:
            if getattr(changed, name) != getattr(saved, name):
                raise SettingsError(f"{self.path}: {name} cannot change midway, wanted a run in a folder of its own")


def read_settings(path: Path) -> TrainSettings:
    """Read the settings that a run saved, its settings.json.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    TrainSettings
        Equal to those of the run.

    Raises
    ------
    SettingsError
        The file cannot be read, is no JSON object, or has a name or value that no run has.
    """
    try:
        values = strict_json.read(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as JSON ({inputs.why(error)})") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: {type(values).__name__} found, the settings.json of a run wanted")
    try:
        return TrainSettings.from_dict(values)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def trace(folder: Path, begin_from: StrPath | None, state: RunState | None = None) -> dict[str, Any]:
    """Return for a run's metadata which weights it started from, and their cost, that of earlier runs included.

    A resumed run finds that in its own last weights: the file of the others may have changed since.

    Parameters
    ----------
    folder
        The run's folder.
    begin_from
        Weights that the run started from: a bundled name or a file, or None.
    state
        State that the run is resumed from, or None.

    Returns
    -------
    dict[str, Any]
        Nothing, or ``began_from``: name of the weights, pictures and seconds of their training.

    Raises
    ------
    WeightsError
        The weights cannot be read.
    """
    if state is not None and state.stage == "harmonize":
        last = folder / "last.safetensors"
        saved = checkpoint.read_notes(last)[1].get("began_from") if last.is_file() else None
        return {} if saved is None else {"began_from": saved}
    if begin_from is None:
        return {}
    path = bundled.find(begin_from)
    notes = checkpoint.read_notes(path)[1]
    try:
        costs = {name: cost(notes, name) for name in ("pictures", "seconds")}
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        raise WeightsError(f"{path}: its notes of the training that it took are damaged ({error})") from error
    return {"began_from": {"weights": path.name, **costs}}


def cost(notes: Mapping[str, Any], name: str) -> int:
    """Return the ``pictures`` or ``seconds`` that weights took by their notes, those that they began from included.

    Raises TypeError, AttributeError or ValueError where the notes hold something else than numbers.
    """
    return int(notes.get(name, 0) + notes.get("began_from", {}).get(name, 0))


def read_network(name_or_path: StrPath, wanted: AnySettings) -> Network:
    """Read weights that must be of one network, ready to be trained.

    Raises
    ------
    WeightsError
        The weights cannot be read, or are another network's.
    """
    found = checkpoint.load(name_or_path)
    if found.settings != wanted:
        raise WeightsError(f"{name_or_path}: another network, {_differences(found.settings, wanted)}")
    return found.net.requires_grad_(True)


def _differences(found: AnySettings, wanted: AnySettings) -> str:
    """Write the settings in which two networks differ, those of the file first."""
    values, others = found.to_dict(), wanted.to_dict()
    names = [name for name in dict.fromkeys([*values, *others]) if values.get(name) != others.get(name)]
    return "; ".join(f"{name} {values.get(name)} found, {others.get(name)} wanted" for name in names)
