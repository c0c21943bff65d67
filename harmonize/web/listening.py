"""Listen on an address, say the link, and serve until the process is told to end.

Contents: :func:`listen`, :func:`link_of`, :func:`run`, :func:`ended_by_signals`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from ccharmony.errors import SettingsError
from harmonize.web.connections import BoundedProtocol
from harmonize.web.guards import is_loopback

_BACKLOG = 128
"""Connections that wait, and that asyncio takes before it asks the first of them what it wants."""

_PATIENCE = 3
"""Seconds that requests have to end when the server ends."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises SettingsError where the address cannot be used."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(f"{host} port {port}: cannot listen there ({error.strerror or error})") from error


def link_of(host: str, port: int, key: str) -> str:
    """Return the link that a person opens; it has the key where other machines can reach the address."""
    if is_loopback(host):
        return f"http://{'localhost' if host == '::1' else host}:{port}/"
    anywhere = host in ("0.0.0.0", "::", "")
    return f"http://{socket.gethostname() if anywhere else host}:{port}/?key={key}"


def run(app: Starlette, listening: socket.socket) -> None:
    """Serve until Ctrl-C, SIGTERM or the end of the terminal; all three return, so that callers can clean up."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            backlog=_BACKLOG,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_PATIENCE,
        )
    )
    log = logging.getLogger("uvicorn.error")
    log.addFilter(_is_no_end)
    try:
        with ended_by_signals(), contextlib.suppress(KeyboardInterrupt):  # the way to end it
            server.run(sockets=[listening])
    finally:
        log.removeFilter(_is_no_end)


def _is_no_end(record: logging.LogRecord) -> bool:
    """Return whether a record tells something else than the end of a request that the server waited for in vain.

    uvicorn counts these in one line, and then prints the traceback of each.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Make SIGTERM and the end of the terminal what Ctrl-C is: KeyboardInterrupt.

    uvicorn ends at the first two by itself, and then raises the signal again for whoever called it.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
