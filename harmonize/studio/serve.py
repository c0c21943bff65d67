"""Run the page until it is stopped; what visitors sent goes with it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from harmonize.inference import runtimes
from harmonize.studio.server import make_app
from harmonize.web import listening
from harmonize.weights import bundled, cards


def serve_page(weights: str | None, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page until the process is told to end.

    Parameters
    ----------
    weights
        Weights that are chosen at first: a bundled name or a file; None for the best that are bundled.
    host, port
        Where to listen; port 0 takes a free one.
    announce
        Called with the link that people open, as soon as the server listens.

    Raises
    ------
    SettingsError
        The address cannot be used.
    WeightsError
        The weights do not load.
    """
    socket = listening.listen(host, port)
    try:
        choices = list_choices(weights)
        runtimes.find(choices[0])  # before the first picture, which would wait for it
        key = secrets.token_urlsafe(12)
        with listening.ended_by_signals(), tempfile.TemporaryDirectory(prefix="harmonize-serve-") as folder:
            announce(listening.link_of(host, socket.getsockname()[1], key))
            listening.run(make_app(Path(folder), choices, host, key), socket)
    finally:
        socket.close()


def list_choices(first: str | None = None) -> list[str]:
    """Return the weights that the page offers: one that may be a file, then the bundled ones by name.

    Parameters
    ----------
    first
        The default; None for the best that are bundled.

    Returns
    -------
    list[str]
        Names and files, the default first.
    """
    default = first or cards.default_weights()
    return [default, *(name for name in bundled.list_weights() if name != default)]
