"""The weights that come with the package, for people: a table of all, and the card of each."""

from __future__ import annotations

import math

from ccharmony.errors import WeightsError
from harmonize.weights import bundled, checkpoint


def to_table() -> str:
    """Return one line for each bundled file: name, model, parameters, megabytes; the default is marked.

    Raises
    ------
    WeightsError
        A file is damaged or does not have the checksum recorded for it.
    """
    names = bundled.list_weights()
    if not names:
        return "no weights are bundled with this version"
    default = default_weights()
    lines = []
    for name in names:
        path = bundled.find(name)
        loaded = checkpoint.load_weights(path)
        millions = sum(parameter.numel() for parameter in loaded.net.parameters()) / 1e6
        mark = "  (default)" if name == default else ""
        megabytes = path.stat().st_size / 1e6
        lines.append(f"{name:<24} {loaded.settings.model:<8} {millions:6.2f} M  {megabytes:6.1f} MB{mark}")
    return "\n".join(lines)


def read(name: str) -> str:
    """Return the card of bundled weights; raises WeightsError where there are no such weights or no card."""
    names = bundled.list_weights()
    if name not in names:
        raise WeightsError(f"{name}: no such weights, bundled are {', '.join(names) or 'none'}")
    card = bundled.WEIGHTS / f"{name}.md"
    if not card.is_file():
        raise WeightsError(f"{name}: no card {card.name} beside its weights, one wanted")
    return card.read_text(encoding="utf-8").rstrip()


def default_weights(model: str | None = None) -> str:
    """Return the name of the bundled weights with the lowest fMSE on the validation photos.

    Parameters
    ----------
    model
        Only weights of this model are looked at.

    Raises
    ------
    WeightsError
        None is bundled.
    """
    found = {name: checkpoint.read_notes(bundled.find(name)) for name in bundled.list_weights()}
    errors = {
        name: float(metadata.get("val_fmse") or metadata.get("best_fmse") or math.inf)
        for name, (settings, metadata) in found.items()
        if model in (None, settings.model)
    }
    if not errors:
        kind = "no weights" if model is None else f"no weights of {model}"
        raise WeightsError(f"{kind} are bundled with this version, wanted a file of weights (--weights FILE)")
    return min(errors, key=lambda name: (errors[name], name))
