"""What a run was asked for besides its settings, kept in its folder, so that `--resume` alone is enough.

::

    RUN/options.json   where the pairs come from, how often the run logs, validates and saves, what it started from

Paths in it are absolute: this file stays on the machine, unlike weights, which hold no path.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccharmony import files, strict_json
from ccharmony.errors import SettingsError
from ccharmony.files import StrPath
from ccharmony.urls import Url, as_place
from harmonize.settings import check_names
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.state import RunState
from harmonize.weights import bundled

FILE = "options.json"


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Data, pace and first weights of a run.

    Attributes
    ----------
    paths
        Where its pairs come from.
    pace
        How often it logs, validates and saves.
    begin_from
        Weights that its harmonization branch starts from: a bundled name or a file, or None. A trained reconstruction
        branch needs no such note: the run's folder holds a copy of it.
    """

    paths: DataPaths
    pace: Pace
    begin_from: StrPath | None = None

    def first_weights(self, given: StrPath | None, state: RunState | None) -> StrPath | None:
        """Return the weights to start from: those given, else its own as long as the harmonize stage has not begun."""
        begun = state is not None and state.stage == "harmonize"  # its state holds what the weights have become
        return given or (None if begun else self.begin_from)

    def write(self, folder: Path) -> None:
        """Write the options into the folder of their run; raises OutputError."""
        paths = {field.name: _to_plain(getattr(self.paths, field.name)) for field in dataclasses.fields(self.paths)}
        values = {
            "paths": paths,
            "pace": self.pace.to_dict(),
            "begin_from": _to_absolute(self.begin_from),
        }
        files.write_bytes(folder / FILE, (json.dumps(values, indent=1) + "\n").encode())


def read_options(folder: Path, given: Mapping[str, Any]) -> RunOptions:
    """Read the options of a run that is resumed.

    Parameters
    ----------
    folder
        The run's folder. One of an earlier version has no options: its data must be given, and it is validated on the
        test lists, as it was.
    given
        Fields of `DataPaths` that were given anew; they count.

    Returns
    -------
    RunOptions
        The options.

    Raises
    ------
    SettingsError
        The file cannot be read, or no data is known.
    """
    path = folder / FILE
    if not path.is_file():
        return RunOptions(DataPaths(**{"val_share": 0.0, **given}), Pace())
    try:
        values = strict_json.read_object(path)
        places = {name: _to_path(value) for name, value in values["paths"].items()}
        check_names(DataPaths, places)
        pace, begin_from = Pace.from_dict(values["pace"]), values["begin_from"]
        if not isinstance(begin_from, str | None):
            raise SettingsError(f"begin_from: {begin_from!r:.60} found, a name or a file wanted")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SettingsError) as error:
        raise SettingsError(f"{path}: cannot be read ({error!r}), wanted --data or --photos again") from error
    return RunOptions(DataPaths(**{**places, **given}), pace, begin_from)


def _to_plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_to_plain(part) for part in value]
    return str(value.resolve()) if isinstance(value, Path) else str(value) if isinstance(value, Url) else value


def _to_path(value: Any) -> Any:
    """Return a value as its field has it: texts of `DataPaths` are paths or URLs."""
    if isinstance(value, list):
        return tuple(map(_to_path, value))
    return as_place(value) if isinstance(value, str) else value


def _to_absolute(weights: StrPath | None) -> str | None:
    if weights is None or str(weights) in bundled.list_weights():
        return None if weights is None else str(weights)
    return str(Path(weights).resolve())
