"""Run the page of a study until it is stopped."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn

from ccharmony.errors import SettingsError
from harmonize.study.server import is_loopback, make_app
from harmonize.study.store import Store
from harmonize.study.study import Study


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
    listening = _listen(host, port)
    store = Store(study)
    try:
        announce(_link(store, host, listening.getsockname()[1]))
        server = uvicorn.Server(uvicorn.Config(make_app(store, host), log_level="warning", access_log=False))
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it
            server.run(sockets=[listening])
    finally:
        store.close()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SettingsError(f"{host} port {port}: cannot listen there ({error.strerror or error})") from error


def _link(store: Store, host: str, port: int) -> str:
    if is_loopback(host):
        return f"http://{'localhost' if host == '::1' else host}:{port}/"
    anywhere = host in ("0.0.0.0", "::", "")
    return f"http://{socket.gethostname() if anywhere else host}:{port}/?key={store.key()}"
