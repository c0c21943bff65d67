"""An application that answers its own page and nobody else.

Contents: :func:`make_app`, :func:`is_loopback`; for its routes :func:`parts_of`, :func:`read_body`, :func:`check_key`,
:func:`refuse`.

On a loopback address only requests to this machine's own names are answered, so that no page of another site can reach
it by a name that leads here. On other addresses a key is asked for. What changes something is refused where it comes
from another page. Answers say that nothing of another place may be loaded, and that the page may not be framed.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from ccharmony.errors import CcharmonyError
from ccharmony.names import shown

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FOREVER = "private, max-age=31536000, immutable"
_Next = Callable[[Request], Awaitable[Response]]


def make_app(
    routes: Sequence[BaseRoute], host: str, *, key: str | None = None, lasting: tuple[str, ...] = ()
) -> Starlette:
    """Return an application with the guards of this module.

    Parameters
    ----------
    routes
        What it answers.
    host
        Address that it listens on.
    key
        What :func:`check_key` asks for where the address is no loopback address.
    lasting
        Beginnings of paths whose content never changes; browsers may keep it.

    Returns
    -------
    Starlette
        The application. An error of the tree of `ccharmony.errors` in a route becomes an answer of one line; a browser
        that goes away in the middle of a request is none.
    """

    async def guard(request: Request, proceed: _Next) -> Response:
        origin = request.headers.get("origin")
        own = (None, f"{request.url.scheme}://{request.headers.get('host')}")
        if request.method not in ("GET", "HEAD") and origin not in own:
            return PlainTextResponse("not from this page", 403)
        response = await proceed(request)
        response.headers.update(_HEADERS)
        if response.status_code == 200 and lasting and request.url.path.startswith(lasting):
            response.headers["Cache-Control"] = _FOREVER
        return response

    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_hosts(host)),
            Middleware(BaseHTTPMiddleware, dispatch=guard),
        ],
        exception_handlers={HTTPException: _say, CcharmonyError: _say, ClientDisconnect: _stay_silent},
    )
    app.state.key = None if is_loopback(host) else key
    return app


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def parts_of(request: Request, most: int, what: str = "the request") -> AsyncIterator[bytes]:
    """Yield the body of a request in parts; refuse one of more than `most` bytes, before it comes where it says so."""
    too_much = f"{what}: more than {most} bytes, the limit"
    size = 0
    if int(request.headers.get("content-length", 0)) > most:  # the server has checked that it is a number
        refuse(413, too_much)
    async for part in request.stream():
        size += len(part)
        if size > most:
            refuse(413, too_much)
        yield part


async def read_body(request: Request, most: int) -> bytes:
    """Return the body of a request of `most` bytes at most; refuses a longer one."""
    return b"".join([part async for part in parts_of(request, most)])


def check_key(request: Request) -> None:
    """Refuse a request whose address lacks the key, where one is asked for."""
    key: str | None = request.app.state.key
    given = request.query_params.get("key", "")
    if key is not None and not hmac.compare_digest(given.encode(), key.encode()):
        refuse(403, "the link is incomplete: ask for the whole one, with its key")


def refuse(status: int, reason: str) -> NoReturn:
    """End a request with a status and one line that says why."""
    raise HTTPException(status, reason)


def _hosts(host: str) -> list[str]:
    return ["localhost", "127.0.0.1", "[::1]", host] if is_loopback(host) else ["*"]


async def _say(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return PlainTextResponse(shown(error.detail), error.status_code, error.headers)
    return PlainTextResponse(shown(str(error)), 422)


async def _stay_silent(_request: Request, _error: Exception) -> Response:
    """Answer a browser that went away: nobody reads it, and a traceback in the terminal would say that we failed."""
    return Response(status_code=400)
