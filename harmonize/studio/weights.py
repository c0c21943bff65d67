"""The weights that may be chosen on the page."""

from __future__ import annotations

from dataclasses import dataclass

from harmonize.models import registry
from harmonize.weights import bundled, cards, checkpoint


@dataclass(frozen=True)
class Choice:
    """Weights by their bundled name or their file, and whether they make curves and a map."""

    name: str
    parametric: bool


def list_choices(first: str | None = None) -> list[Choice]:
    """Return the bundled weights, and one more file if it is named.

    Parameters
    ----------
    first
        The default; None for the best that are bundled.

    Returns
    -------
    list[Choice]
        The default first, the others by name.

    Raises
    ------
    WeightsError
        No such weights, or a damaged file.
    """
    default = first or cards.default_weights()
    names = [default, *(name for name in bundled.list_weights() if name != default)]
    models = [checkpoint.read_notes(bundled.find(name))[0].model for name in names]
    return [Choice(name, registry.find_network(model).parametric) for name, model in zip(names, models, strict=True)]
