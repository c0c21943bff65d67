"""The study as a page: questions to one rater at a time, answers saved before they are acknowledged.

======================================  ============================================================
``GET /?key=KEY``                       what the study is about, and a button that makes a rater
``POST /raters``                        a new rater; leads to the rater's own link
``GET /rate/TOKEN``                     the page of a rater, on any device
``GET /rate/TOKEN/trials``              what is asked and what was answered, JSON
``POST /rate/TOKEN/votes``              one answer, JSON: trial, choice, seconds
``GET /pictures/…``, ``/outlines/…``    pictures under names that say nothing of their methods
======================================  ============================================================

The key is asked for only where the study is open to other machines. Nothing else is served, nothing is taken from the
network, no file but votes.db is written.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import get_args

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ccharmony import strict_json
from harmonize.study.store import Store
from harmonize.study.study import OUTLINES, PICTURES
from harmonize.study.votes import Choice

_PAGE = Path(__file__).with_name("page")
_LARGEST_BODY = 4096
_LONGEST = 86_400.0
"""Seconds that an answer may have taken; a page that was left open over night says more."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FOREVER = "private, max-age=31536000, immutable"
_Next = Callable[[Request], Awaitable[Response]]


def make_app(store: Store, host: str) -> Starlette:
    """Return the application of a study.

    Parameters
    ----------
    store
        The study's answers.
    host
        Address that it listens on. On a loopback address only requests to this machine's own names are answered, so
        that no page of another site can reach it by a name that leads here; on others the key is asked for.

    Returns
    -------
    Starlette
        The application.
    """
    app = Starlette(
        routes=[
            Route("/", _start),
            Route("/raters", _add_rater, methods=["POST"]),
            Route("/rate/{token}", _rate),
            Route("/rate/{token}/trials", _trials),
            Route("/rate/{token}/votes", _vote, methods=["POST"]),
            Mount("/pictures", StaticFiles(directory=store.study.folder / PICTURES)),
            Mount("/outlines", StaticFiles(directory=store.study.folder / OUTLINES)),
            Mount("/page", StaticFiles(directory=_PAGE)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_hosts(host)),
            Middleware(BaseHTTPMiddleware, dispatch=_guard),
        ],
        exception_handlers={HTTPException: _say},
    )
    app.state.store = store
    app.state.key = None if is_loopback(host) else store.key()
    return app


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hosts(host: str) -> list[str]:
    return ["localhost", "127.0.0.1", "[::1]", host] if is_loopback(host) else ["*"]


async def _guard(request: Request, proceed: _Next) -> Response:
    """Refuse what another site sends; add the headers that keep the page to itself."""
    origin = request.headers.get("origin")
    if request.method == "POST" and origin not in (None, f"{request.url.scheme}://{request.headers.get('host')}"):
        return PlainTextResponse("not from this page", 403)
    response = await proceed(request)
    response.headers.update(_HEADERS)
    if response.status_code == 200 and request.url.path.startswith(("/pictures/", "/outlines/")):
        response.headers["Cache-Control"] = _FOREVER
    return response


async def _say(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code)


async def _start(request: Request) -> Response:
    _check_key(request, request.query_params.get("key", ""))
    return FileResponse(_PAGE / "start.html", media_type="text/html")


async def _add_rater(request: Request) -> Response:
    _check_key(request, request.query_params.get("key", ""))
    token = await run_in_threadpool(_store(request).add_rater)
    return RedirectResponse(f"/rate/{token}", status_code=303)


async def _rate(request: Request) -> Response:
    await _rater(request)
    return FileResponse(_PAGE / "rate.html", media_type="text/html")


async def _trials(request: Request) -> Response:
    rater = await _rater(request)
    store = _store(request)
    study = store.study
    trials = [
        {
            "left": f"/pictures/{study.shown[asked.picture][asked.left]}",
            "right": f"/pictures/{study.shown[asked.picture][asked.right]}",
            "outline": f"/outlines/{study.outlines[asked.picture]}",
        }
        for asked in study.trials(rater)
    ]
    answers = await run_in_threadpool(store.answers, rater)
    return JSONResponse({"trials": trials, "answers": answers, "ties": study.settings.ties})


async def _vote(request: Request) -> Response:
    rater = await _rater(request)
    store = _store(request)
    trial, choice, seconds = _read_vote(await _body(request), len(store.study.trials(rater)), store.study.settings.ties)
    await run_in_threadpool(store.save, rater, trial, choice, seconds)
    return JSONResponse({"saved": trial})


def _read_vote(body: bytes, trials: int, ties: bool) -> tuple[int, Choice, float]:
    """Return the trial, the choice and the seconds of an answer; refuses anything else."""
    try:
        content = strict_json.parse(body)
        trial, choice, seconds = content["trial"], content["choice"], content["seconds"]
    except (ValueError, KeyError, TypeError) as error:
        raise HTTPException(400, "wanted trial, choice and seconds as JSON") from error
    if type(trial) is not int or not 0 <= trial < trials:
        raise HTTPException(400, f"trial: wanted a number below {trials}")
    if choice not in get_args(Choice) or (choice == "tie" and not ties):
        raise HTTPException(400, "choice: wanted left or right" + ", or tie" * ties)
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise HTTPException(400, "seconds: wanted a number")
    return trial, choice, min(max(float(seconds), 0.0), _LONGEST)


async def _body(request: Request) -> bytes:
    """Return the body of a request, which may have a few kilobytes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise HTTPException(413, f"wanted at most {_LARGEST_BODY} bytes")
    return body


async def _rater(request: Request) -> int:
    rater = await run_in_threadpool(_store(request).find_rater, request.path_params["token"])
    if rater is None:
        raise HTTPException(404, "no such rater: the link is incomplete, or belongs to another study")
    return rater


def _check_key(request: Request, given: str) -> None:
    key: str | None = request.app.state.key
    if key is not None and not hmac.compare_digest(given.encode(), key.encode()):
        raise HTTPException(403, "the link is incomplete: ask for the whole one, with its key")


def _store(request: Request) -> Store:
    store = request.app.state.store
    assert isinstance(store, Store)
    return store
