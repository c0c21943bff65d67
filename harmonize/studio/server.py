"""The page's server.

==============================================  ==============================================================
``GET /?key=KEY``, ``/page/…``                  the page
``POST /sessions?key=KEY``                      begins a session, or goes on with one; weights to choose from
``GET /sessions/TOKEN``                         what is there
``PUT /sessions/TOKEN/files/ROLE``              takes a file in; ROLE is photo, mask, cutout or auto
``DELETE /sessions/TOKEN/files/ROLE``           takes it away
``PUT /sessions/TOKEN/placement``               lays the cut-out elsewhere
``POST /sessions/TOKEN/cut``                    makes a mask from a box and strokes
``GET /sessions/TOKEN/pixels/NAME``             a small copy: photo, cutout, composite, mask or changed
``GET /sessions/TOKEN/change?weights=NAME``     curves and shading map, and how much they miss
``POST /sessions/TOKEN/downloads/KIND``         result (full size, in the photo's format), cube or json
==============================================  ==============================================================

A token is known to the tab that began the session alone. Nothing is taken from the network, nothing is written outside
the temporary folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ccharmony import strict_json
from ccharmony.arrays import UInt8
from ccharmony.errors import CcharmonyError
from harmonize.studio import downloads, proxies, uploads
from harmonize.studio.cutting import Marks
from harmonize.studio.edges import Edge
from harmonize.studio.looks import Look
from harmonize.studio.scene import Placement
from harmonize.studio.sessions import Session, Sessions
from harmonize.studio.uploads import Role
from harmonize.web import guards

_PAGE = Path(__file__).with_name("page")
_MOST_JSON = 2**21
"""Bytes of what a page sends as JSON: curves and a shading map of 256x256 have half of that."""


def make_app(folder: Path, choices: list[str], host: str, key: str) -> Starlette:
    """Return the application.

    Parameters
    ----------
    folder
        Temporary folder for the files of its visitors.
    choices
        Weights that may be chosen, the default first.
    host, key
        Address that it listens on, and the key asked for where other machines reach it.

    Returns
    -------
    Starlette
        The application.
    """
    app = guards.make_app(
        [
            Route("/", _start),
            Mount("/page", StaticFiles(directory=_PAGE)),
            Route("/sessions", _begin, methods=["POST"]),
            Route("/sessions/{token}", _look),
            Route("/sessions/{token}/files/{role}", _put, methods=["PUT"]),
            Route("/sessions/{token}/files/{role}", _remove, methods=["DELETE"]),
            Route("/sessions/{token}/placement", _place, methods=["PUT"]),
            Route("/sessions/{token}/cut", _cut, methods=["POST"]),
            Route("/sessions/{token}/pixels/{name}", _pixels),
            Route("/sessions/{token}/change", _change),
            Route("/sessions/{token}/downloads/{kind}", _download, methods=["POST"]),
        ],
        host,
        key=key,
    )
    app.state.sessions = Sessions(folder)
    app.state.choices = choices
    return app


async def _start(request: Request) -> Response:
    guards.check_key(request)
    return FileResponse(_PAGE / "index.html", media_type="text/html")


async def _begin(request: Request) -> Response:
    guards.check_key(request)
    sessions = _sessions(request)
    token = await _known(request) or sessions.begin()
    session = sessions.find(token)
    assert session is not None
    return JSONResponse(
        {
            "session": token,
            "scene": await run_in_threadpool(session.describe),
            "weights": request.app.state.choices,
        }
    )


async def _look(request: Request) -> Response:
    return await _describe(_session(request))


async def _known(request: Request) -> str | None:
    """Return the token of the tab's session where it is still there: a page that is loaded again goes on with it."""
    given = await _json(request)
    token = given.get("session") if isinstance(given, dict) else None
    return token if isinstance(token, str) and _sessions(request).find(token) is not None else None


async def _put(request: Request) -> Response:
    session, asked = _session(request), request.path_params["role"]
    if asked not in (*get_args(Role), "auto"):
        guards.refuse(404, f"{asked}: no such role, wanted photo, mask, cutout or auto")
    upload = await uploads.receive(request, session.folder)

    def take() -> None:
        try:
            session.put(uploads.guess_role(upload) if asked == "auto" else asked, upload)
        except CcharmonyError:
            upload.path.unlink(missing_ok=True)
            raise

    await run_in_threadpool(take)
    return await _describe(session)


async def _remove(request: Request) -> Response:
    session, role = _session(request), request.path_params["role"]
    if role not in get_args(Role):
        guards.refuse(404, f"{role}: no such role, wanted photo, mask or cutout")
    await run_in_threadpool(session.remove, role)
    return await _describe(session)


async def _place(request: Request) -> Response:
    session = _session(request)
    await run_in_threadpool(session.place, Placement.from_dict(await _json(request)))
    return await _describe(session)


async def _cut(request: Request) -> Response:
    session = _session(request)
    await run_in_threadpool(session.cut, Marks.from_dict(await _json(request)))
    return await _describe(session)


async def _pixels(request: Request) -> Response:
    """Answer with the plain bytes of a small copy."""
    session, name, query = _session(request), request.path_params["name"], request.query_params
    makers: dict[str, Callable[[], UInt8]] = {
        "photo": lambda: proxies.of_picture(session.colors()),
        "cutout": lambda: proxies.of_cutout(session.cutout()),
        "composite": lambda: proxies.of_picture(session.scene().colors),
        "mask": lambda: proxies.of_mask(session.scene(), _edge(query)),
        "changed": lambda: proxies.of_change(session.scene(), session.found(_weights(request))),
    }
    if name not in makers:
        guards.refuse(404, f"{name}: no such copy, wanted one of {', '.join(makers)}")
    made = await run_in_threadpool(makers[name])
    size = {"X-Width": str(made.shape[1]), "X-Height": str(made.shape[0])}
    return Response(made.tobytes(), media_type="application/octet-stream", headers=size)


async def _change(request: Request) -> Response:
    found = await run_in_threadpool(_session(request).found, _weights(request))
    fitted = found.fitted
    curves, log_gain = fitted.adjustment.curves.tolist(), fitted.adjustment.log_gain.tolist()
    return JSONResponse({"curves": curves, "log_gain": log_gain, "change": fitted.change, "error": fitted.error})


async def _download(request: Request) -> Response:
    session, kind = _session(request), request.path_params["kind"]
    makers = {"result": downloads.result, "cube": downloads.cube, "json": downloads.json}
    if kind not in makers:
        guards.refuse(404, f"{kind}: no such download, wanted one of {', '.join(makers)}")
    look = Look.from_dict(await _json(request))
    _check_weights(request, look.weights)
    made = await run_in_threadpool(makers[kind], session, look)
    named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name, safe='')}"}
    if made.lost:
        named["X-Lost"] = quote("; ".join(made.lost))
    return Response(made.content, media_type="application/octet-stream", headers=named)


async def _describe(session: Session) -> Response:
    return JSONResponse(await run_in_threadpool(session.describe))


async def _json(request: Request) -> Any:
    try:
        return strict_json.parse(await guards.read_body(request, _MOST_JSON))
    except ValueError as error:
        guards.refuse(400, f"wanted JSON ({error})")


def _edge(query: QueryParams) -> Edge:
    try:
        return Edge(float(query.get("shift", 0)), float(query.get("feather", 0)))
    except ValueError:
        guards.refuse(400, "shift and feather: wanted numbers")


def _weights(request: Request) -> str:
    return _check_weights(request, request.query_params.get("weights", ""))


def _check_weights(request: Request, name: str) -> str:
    """Return the name of weights that were offered; refuses others, which could be any file of this machine."""
    if name not in request.app.state.choices:
        guards.refuse(404, "no such weights, wanted some that the page offers")
    return name


def _session(request: Request) -> Session:
    session = _sessions(request).find(request.path_params["token"])
    if session is None:
        guards.refuse(404, "this session has ended, since others began; load the page again")
    return session


def _sessions(request: Request) -> Sessions:
    sessions = request.app.state.sessions
    assert isinstance(sessions, Sessions)
    return sessions
