"""Run the page of a study until it is stopped."""

from __future__ import annotations

from collections.abc import Callable

from harmonize.study.server import make_app
from harmonize.study.store import Store
from harmonize.study.study import Study
from harmonize.web import listening


def serve_study(study: Study, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve a study until the process is interrupted.

    Parameters
    ----------
    study
        The study.
    host, port
        Where to listen; port 0 takes a free one.
    announce
        Called with the link that raters open, as soon as the server listens.

    Raises
    ------
    SettingsError
        The address cannot be used.
    StudyError
        The votes cannot be opened.
    """
    socket = listening.listen(host, port)
    store = Store(study)
    try:
        announce(listening.link_of(host, socket.getsockname()[1], store.key()))
        listening.run(make_app(store, host), socket)
    finally:
        store.close()
        socket.close()
