"""What all runs of a study share: data, budget, augmentation, evaluation. Saved in the folder of the study.

::

    STUDY/study.json     budget, where the data are, and digests by which they are known
    STUDY/teacher/       the reconstruction branch, trained once
    STUDY/row1_seed0/    a run each, see `harmonize.training.run_folder`; images.csv is written last
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.table3.plan import TEACHER, Trial
from ccharmony.errors import SettingsError
from ccharmony.files import make_folder, write_bytes
from harmonize.settings import check_integer, from_dict, to_dict
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings

FILE = "study.json"
SCORED, HIDDEN = "images.csv", "images_hidden.csv"
"""In the folder of a run: its scores, and those with the seams hidden."""


@dataclass(frozen=True)
class Budget:
    """Every number that the runs of a study share; the fields of `TrainSettings` mean the same here.

    Attributes
    ----------
    width
        Channels of the finest block; the paper's networks have 32.
    steps, reconstruct_steps
        Length of each run, and of the reconstruction branch's.
    size, grow, batch, loss, relit, rate, decay, decay_from, ema, precision
        As in `TrainSettings`; all rows start from random weights.
    side
        Side at which the networks are scored; 0 is the largest they are trained at, as in the paper.
    held_lights
        Lights that only validation sees.
    """

    width: int = 16
    steps: int = 8000
    reconstruct_steps: int = 2000
    size: int = 96
    grow: tuple[tuple[float, int], ...] = ()
    batch: int = 16
    loss: str = "l1"
    relit: float = 0.0
    rate: float = 1e-3
    decay: str = "cosine"
    decay_from: float = 0.0
    ema: float = 0.999
    precision: str = "float32"
    side: int = 0
    held_lights: int = 50

    def __post_init__(self) -> None:
        object.__setattr__(self, "grow", tuple((share, side) for share, side in self.grow))
        check_integer("side", self.side, 0)
        check_integer("held lights", self.held_lights, 1)
        self.settings(Trial(1, 0))  # refuses what no run could have

    @property
    def scored_at(self) -> int:
        """Side at which the networks are scored."""
        return self.side or self.settings(Trial(1, 0)).largest

    def settings(self, trial: Trial) -> TrainSettings:
        """Return the settings of a run."""
        shared = {name: getattr(self, name) for name in _SHARED}
        return TrainSettings(
            network=dataclasses.replace(trial.network, width=self.width),
            distill=trial.distill,
            seed=trial.seed,
            **{**shared, **({"loss": trial.loss} if trial.loss else {})},
        )

    @property
    def teacher_settings(self) -> TrainSettings:
        """Settings of the run that trains the reconstruction branch.

        The library trains that branch as the first stage of a run that distills; of its second one step is made.
        """
        return dataclasses.replace(self.settings(Trial(8, 0)), steps=1)


_SHARED = [field.name for field in dataclasses.fields(Budget) if field.name not in ("width", "side", "held_lights")]


@dataclass(frozen=True)
class Study:
    """A study and its folder.

    Attributes
    ----------
    path
        The folder.
    budget, places
        What its runs share.
    """

    path: Path
    budget: Budget
    places: DataPaths

    @property
    def teacher(self) -> Path:
        """Weights of the reconstruction branch; the file exists once its training is complete."""
        return self.path / TEACHER / "reconstruct.safetensors"

    def folder(self, name: str) -> Path:
        """Return the folder of a run."""
        return self.path / name

    def finished(self, name: str) -> bool:
        """Return whether a run is complete and scored."""
        return self.teacher.is_file() if name == TEACHER else (self.folder(name) / SCORED).is_file()

    def settings(self, trial: Trial | None) -> TrainSettings:
        """Return the settings of a run; None is the reconstruction branch's."""
        return self.budget.teacher_settings if trial is None else self.budget.settings(trial)


def open_study(path: Path, given: Mapping[str, Any] | None = None, places: DataPaths | None = None) -> Study:
    """Open a study, or begin one.

    Parameters
    ----------
    path
        Its folder.
    given
        Fields of `Budget`; where the study exists they must be its own, and may be left out.
    places
        Where the data are; may be left out where the study exists, and may then be another path of the same data.

    Returns
    -------
    Study
        The study; its study.json exists.

    Raises
    ------
    SettingsError
        The study has other settings or other data, or there is none and no data are given.
    """
    given = dict(given or {})
    file = path / FILE
    if not file.is_file():
        if places is None:
            raise SettingsError(f"{path}: no study there, wanted --photos with --lights, or --data, to begin one")
        study = Study(path, from_dict(Budget, given), _resolve(places, given))
        _write(study)
        return study
    saved = json.loads(file.read_text(encoding="utf-8"))
    budget = from_dict(Budget, saved["budget"])
    for name, value in given.items():
        if value != getattr(budget, name):
            found = getattr(budget, name)
            raise SettingsError(f"{path}: a study with {name} {found}, {value} given; wanted the same or another --out")
    found_places = _read_places(saved["places"], budget)
    if places is not None:
        found_places = _resolve(places, {"held_lights": budget.held_lights})
        for name, digest in digests(found_places).items():
            if saved["digests"].get(name) != digest:
                raise SettingsError(f"{path}: a study of other data, {name} differs; wanted the same or another --out")
    return Study(path, budget, found_places)


def digests(places: DataPaths) -> dict[str, str]:
    """Return SHA-256 of the lists and of the lights, by option, by which the same data are recognized."""
    found = {"data": _digest([file for root in _data(places) for file in _lists(root)])}
    if places.lights is not None:
        indices = [root / "index.csv" for root in places.photos]
        found |= {"photos": _digest(indices), "lights": _digest([places.lights])}
    return found


def _data(places: DataPaths) -> list[Path]:
    """Return the datasets; a study's options take no URLs."""
    return [root for root in places.data if isinstance(root, Path)]


def _lists(root: Path) -> list[Path]:
    return sorted([*root.glob("*.txt"), *root.glob("*/*.txt")])


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise SettingsError(f"{file}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def _write(study: Study) -> None:
    make_folder(study.path)
    places = study.places
    record = {
        "budget": to_dict(study.budget),
        "places": {
            "data": [str(root) for root in places.data],
            "photos": [str(root) for root in places.photos],
            "lights": str(places.lights) if places.lights else None,
        },
        "digests": digests(places),
    }
    write_bytes(study.path / FILE, (json.dumps(record, indent=1) + "\n").encode())


def _read_places(saved: Mapping[str, Any], budget: Budget) -> DataPaths:
    data, photos = (tuple(Path(root) for root in saved[name]) for name in ("data", "photos"))
    lights = Path(saved["lights"]) if saved["lights"] else None
    return DataPaths(data=data, photos=photos, lights=lights, held_lights=budget.held_lights)


def _resolve(places: DataPaths, given: Mapping[str, Any]) -> DataPaths:
    """Return places that mean the same from every folder."""
    held = given.get("held_lights", Budget.held_lights)
    data, photos = (tuple(root.resolve() for root in roots) for roots in (_data(places), places.photos))
    lights = places.lights and places.lights.resolve()
    return dataclasses.replace(places, data=data, photos=photos, lights=lights, held_lights=held)
