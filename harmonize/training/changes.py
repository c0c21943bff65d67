"""Changes to the settings of a run, by name and text: what `harmonize train --set` and its short options ask for.

A name is that of the field, with its dataclass's name in a run's settings.json before it: ``rate``,
``network.mlp_width``, ``distill.gamma``, ``streams.shift``; ``pace.`` and ``data.`` come before those of
:class:`~harmonize.training.pace.Pace` and :class:`~harmonize.training.data_paths.DataPaths`.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ccharmony.errors import SettingsError
from harmonize.models import registry
from harmonize.training.data_paths import DataPaths
from harmonize.training.named_settings import Setting, find_setting, list_settings, parse_value, replace, write_value
from harmonize.training.pace import Pace
from harmonize.training.settings import TrainSettings

_logger = logging.getLogger(__name__)

_MODEL = "network.model"


def change(
    settings: TrainSettings, paths: DataPaths, pace: Pace, texts: Mapping[str, str]
) -> tuple[TrainSettings, DataPaths, Pace]:
    """Change the settings of a run.

    Parameters
    ----------
    settings, paths, pace
        What the changes start from.
    texts
        Values by name, as text. Another ``network.model`` brings its own network, distillation and streams.

    Returns
    -------
    TrainSettings, DataPaths, Pace
        The same with the changes made.

    Raises
    ------
    SettingsError
        A name that is no setting of the model, or a value that it does not take.
    """
    settings = settings.of_model(texts.get(_MODEL, settings.network.model))
    known = _list_all(settings, paths, pace)
    for name in texts:
        if name not in known and name in list_names():
            raise SettingsError(f"{name}: model {settings.network.model} has no such setting")
    values = {name: parse_value(name, text, find_setting(known, name).kind) for name, text in texts.items()}
    of_data, of_pace = _below(values, "data."), _below(values, "pace.")
    of_training = {name: value for name, value in values.items() if not name.startswith(("data.", "pace."))}
    return replace(settings, of_training), replace(paths, of_data), replace(pace, of_pace)


def list_names() -> dict[str, Setting]:
    """Return every setting of every model by its name, with the default of the first model that has it."""
    found: dict[str, Setting] = {}
    for model in _usable_models():
        found = _defaults(model) | found
    return found


def to_table() -> str:
    """Return a line for each setting: name, default, what it is; for a later model those that differ."""
    lines: list[str] = []
    shown: dict[str, object] = {}
    for model in _usable_models():
        entries = [entry for entry in _defaults(model).values() if shown.get(entry.name) != entry.value]
        lines += [f"{'also with ' if shown else ''}--model {model}", *map(_to_line, sorted(entries, key=_order)), ""]
        shown |= {entry.name: entry.value for entry in entries}
    return "\n".join(lines).rstrip()


def _usable_models() -> Iterator[str]:
    """Yield the models whose settings can be read; a broken one of another package is left out with a warning."""
    for model in registry.list_networks():
        try:
            registry.find_network(model)
        except SettingsError as error:
            _logger.warning("left out: %s", error)
        else:
            yield model


def _to_line(entry: Setting) -> str:
    first = f"  {entry.name:23} {write_value(entry.value) or 'none':13} "
    text = " ".join(entry.text.replace("`", "").split())
    return textwrap.fill(text, 120, initial_indent=first, subsequent_indent=" " * len(first))


def _order(entry: Setting) -> tuple[bool, str]:
    """Sort settings of the run itself before those of its parts."""
    return "." in entry.name, entry.name


def _defaults(model: str) -> dict[str, Setting]:
    return _list_all(TrainSettings().of_model(model), DataPaths(data=(Path(),)), Pace())


def _list_all(settings: TrainSettings, paths: DataPaths, pace: Pace) -> dict[str, Setting]:
    return list_settings(settings) | list_settings(paths, "data.") | list_settings(pace, "pace.")


def _below(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
