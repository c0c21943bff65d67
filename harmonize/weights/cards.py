"""The weights that come with the package, for people: a table of all, and the card of each."""

from __future__ import annotations

from ccharmony.errors import WeightsError
from harmonize.inference import network
from harmonize.weights import checkpoint


def to_table() -> str:
    """Return one line for each bundled file: name, model, parameters, megabytes; the default is marked.

    Raises
    ------
    WeightsError
        A file is damaged or does not have the checksum recorded for it.
    """
    names = checkpoint.bundled()
    if not names:
        return "no weights are bundled with this version"
    default = network.default_weights()
    lines = []
    for name in names:
        path = checkpoint.find(name)
        loaded = checkpoint.load_weights(path)
        millions = sum(parameter.numel() for parameter in loaded.net.parameters()) / 1e6
        mark = "  (default)" if name == default else ""
        megabytes = path.stat().st_size / 1e6
        lines.append(f"{name:<24} {loaded.settings.model:<8} {millions:6.2f} M  {megabytes:6.1f} MB{mark}")
    return "\n".join(lines)


def read(name: str) -> str:
    """Return the card of bundled weights; raises WeightsError where there are no such weights or no card."""
    names = checkpoint.bundled()
    if name not in names:
        raise WeightsError(f"{name}: no such weights, bundled are {', '.join(names) or 'none'}")
    card = checkpoint.WEIGHTS / f"{name}.md"
    if not card.is_file():
        raise WeightsError(f"{name}: no card {card.name} beside its weights, one wanted")
    return card.read_text(encoding="utf-8").rstrip()
