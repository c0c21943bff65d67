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

import math
from pathlib import Path
from typing import get_args

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ccharmony import strict_json
from harmonize.study.store import Store
from harmonize.study.study import OUTLINES, PICTURES
from harmonize.study.votes import Choice
from harmonize.web import guards

_PAGE = Path(__file__).with_name("page")
_LARGEST_BODY = 4096
_LONGEST = 86_400.0
"""Seconds that an answer may have taken; a page that was left open over night says more."""


def make_app(store: Store, host: str) -> Starlette:
    """Return the application of a study.

    Parameters
    ----------
    store
        The study's answers.
    host
        Address that it listens on; where that is no loopback address the study's key is asked for.

    Returns
    -------
    Starlette
        The application.
    """
    app = guards.make_app(
        [
            Route("/", _start),
            Route("/raters", _add_rater, methods=["POST"]),
            Route("/rate/{token}", _rate),
            Route("/rate/{token}/trials", _trials),
            Route("/rate/{token}/votes", _vote, methods=["POST"]),
            Mount("/pictures", StaticFiles(directory=store.study.folder / PICTURES)),
            Mount("/outlines", StaticFiles(directory=store.study.folder / OUTLINES)),
            Mount("/page", StaticFiles(directory=_PAGE)),
        ],
        host,
        key=store.key(),
        lasting=("/pictures/", "/outlines/"),
    )
    app.state.store = store
    return app


async def _start(request: Request) -> Response:
    guards.check_key(request)
    return FileResponse(_PAGE / "start.html", media_type="text/html")


async def _add_rater(request: Request) -> Response:
    guards.check_key(request)
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
    body = await guards.read_body(request, _LARGEST_BODY)
    trial, choice, seconds = _read_vote(body, len(store.study.trials(rater)), store.study.settings.ties)
    await run_in_threadpool(store.save, rater, trial, choice, seconds)
    return JSONResponse({"saved": trial})


def _read_vote(body: bytes, trials: int, ties: bool) -> tuple[int, Choice, float]:
    """Return the trial, the choice and the seconds of an answer; refuses anything else."""
    try:
        content = strict_json.parse(body)
        trial, choice, seconds = content["trial"], content["choice"], content["seconds"]
    except (ValueError, KeyError, TypeError):
        guards.refuse(400, "wanted trial, choice and seconds as JSON")
    if type(trial) is not int or not 0 <= trial < trials:
        guards.refuse(400, f"trial: wanted a number below {trials}")
    if choice not in get_args(Choice) or (choice == "tie" and not ties):
        guards.refuse(400, "choice: wanted left or right" + ", or tie" * ties)
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        guards.refuse(400, "seconds: wanted a number")
    return trial, choice, min(max(float(seconds), 0.0), _LONGEST)


async def _rater(request: Request) -> int:
    rater = await run_in_threadpool(_store(request).find_rater, request.path_params["token"])
    if rater is None:
        guards.refuse(404, "no such rater: the link is incomplete, or belongs to another study")
    return rater


def _store(request: Request) -> Store:
    store = request.app.state.store
    assert isinstance(store, Store)
    return store
