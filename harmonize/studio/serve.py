"""Run the page until it is stopped; what visitors sent goes with it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from harmonize.inference.network import load_network
from harmonize.studio.server import make_app
from harmonize.studio.weights import list_choices
from harmonize.web import listening


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
        load_network(choices[0].name)  # before the first picture, which would wait for it
        key = secrets.token_urlsafe(12)
        with listening.ended_by_signals(), tempfile.TemporaryDirectory(prefix="harmonize-serve-") as folder:
            announce(listening.link_of(host, socket.getsockname()[1], key))
            listening.run(make_app(Path(folder), choices, host, key), socket)
    finally:
        socket.close()
