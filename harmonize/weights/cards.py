"""The weights that come with the package, as text: a table of all, and the card of each."""

from __future__ import annotations

import math

from ccharmony.errors import WeightsError
from harmonize.weights import bundled


def to_table() -> str:
    """Return one line for each bundled file: name, model, parameters, megabytes; the default is marked.

    Returns
    -------
    str
        The table; one line that says so where no weights are bundled.

    Raises
    ------
    WeightsError
        A file is damaged or does not have the checksum recorded for it.
    """
    from harmonize.weights import checkpoint  # torch; a default is found without it

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
    """Return the card of bundled weights without the marks of its generated parts.

    Raises WeightsError where there are no such weights or no card.
    """
    names = bundled.list_weights()
    if name not in names:
        raise WeightsError(f"{name}: no such weights, bundled are {', '.join(names) or 'none'}")
    card = bundled.WEIGHTS / f"{name}.md"
    if not card.is_file():
        raise WeightsError(f"{name}: no card {card.name} found, one wanted for all bundled weights")
    lines = card.read_text(encoding="utf-8").rstrip().split("\n")
    return "\n".join(line for line in lines if not line.startswith("<!--"))


def default_weights(model: str | None = None) -> str:
    """Return the name of the bundled weights with the lowest fMSE where the seam is hidden, see benchmarks/ship.py.

    A cut-out on another photo has no seam to read the change off, so that the plain score does not count. Weights that
    were never scored so come after those that were.

    Parameters
    ----------
    model
        Select among the weights of this network only.

    Returns
    -------
    str
        Name of bundled weights.

    Raises
    ------
    WeightsError
        None is bundled, or a bundled file is damaged.
    """
    found = {name: bundled.read_notes(name) for name in bundled.list_weights()}
    errors = {
        name: tuple(float(metadata.get(key) or math.inf) for key in ("hidden_fmse", "val_fmse", "best_fmse"))
        for name, (settings, metadata) in found.items()
        if model in (None, settings.get("model"))
    }
    if not errors:
        kind = f"no weights of {model}" if model else "no weights"
        raise WeightsError(f"{kind} are bundled with this version, wanted a file of weights (--weights FILE)")
    return min(errors, key=lambda name: (errors[name], name))
