"""What browsers send to the pages of `serve` and `study serve`, and the files that a study keeps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ccharmony.errors import SettingsError
from ccharmony.files import make_folder
from harmonize.study import study
from harmonize.study.store import Store
from harmonize.study.votes import read_votes

from ..ccharmony import hostile_pictures
from ..ccharmony.hostile import Target
from .conftest import draw_mask, draw_photo

_LOOK = {"weights": "pih", "strength": 0.5, "shift": 1.0, "feather": 2.0}
_CURVES = {"curves": [[0.0] * 8] * 3, "log_gain": [[0.0] * 4] * 4}
_MARKS = {"box": [0.2, 0.2, 0.8, 0.8], "strokes": [{"kind": "in", "radius": 0.02, "points": [[0.5, 0.5], [0.6, 0.5]]}]}


def targets(root: Path) -> Iterator[Target]:
    """Votes and the plan of a study; and, where Starlette is there, the requests to both servers."""
    root.mkdir()
    votes = b"picture,left,right,choice,rater,seconds\np1,a,b,left,r1,2.5\np1,a,b,b,r2,3\n"
    yield Target("votes", root / "votes.csv", (votes,), lambda: read_votes(root / "votes.csv"))
    made = _write_study(root)
    data = (root / study.FILE).read_bytes()
    yield Target("study.json", root / study.FILE, (data,), lambda: study.read_study(root))
    store = Store(made)
    store.add_rater()
    store.save(0, 0, "left", 1.5)
    store.close()
    path = root / study.VOTES
    yield Target("votes.db", path, (path.read_bytes(),), lambda: _read_store(made))
    if find_spec("starlette"):
        yield from _served(root / "served")


def _write_study(root: Path) -> study.Study:
    made = study.Study(root, study.StudySettings(), ("a", "b"), ("p1",), (("a1.webp", "b1.webp"),), ("o1.webp",))
    for folder in (study.PICTURES, study.OUTLINES):
        (root / folder).mkdir()
    study.write_study(made)
    return made


def _read_store(made: study.Study) -> None:
    store = Store(made, only_read=True)
    try:
        store.votes()
    finally:
        store.close()


def _served(root: Path) -> Iterator[Target]:
    """Bodies of requests, which lie in files; a server that fails raises what it fails with."""
    from starlette.testclient import TestClient

    from harmonize.studio import server
    from harmonize.study import server as study_server

    root.mkdir()
    page = TestClient(server.make_app(root, ["pih"], "127.0.0.1", "key"), base_url="http://127.0.0.1")
    session = "/sessions/" + page.post("/sessions", json={}).json()["session"]
    photo, mask = _png(draw_photo(1)), _png(draw_mask(1))

    def send(path: str, body: Path, method: str = "PUT") -> Callable[[], object]:
        return lambda: _ask(page, method, session + path, body.read_bytes())

    def load() -> None:
        for role, content in (("photo", photo), ("mask", mask)):
            _ask(page, "PUT", f"{session}/files/{role}", content)

    def drop(body: Path) -> None:
        load()
        _ask(page, "PUT", f"{session}/files/auto", body.read_bytes())
        if page.get(session).json()["ready"]:
            _ask(page, "GET", f"{session}/pixels/mask?feather=2", b"")

    for each in hostile_pictures.targets(make_folder(root / "sent") / "pictures"):
        yield Target(f"sent {each.name}", each.path, each.seeds, lambda path=each.path: drop(path), each.change)
    load()
    for name, path, method, content in (
        ("cut", "/cut", "POST", _MARKS),
        ("look", "/downloads/json", "POST", {**_LOOK, **_CURVES}),
        ("result", "/downloads/result", "POST", _LOOK),
        ("session", "", "POST", {"session": "x"}),
    ):
        body = root / f"{name}.json"
        ask = send(path, body, method) if path else lambda body=body: _ask(page, "POST", "/sessions", body.read_bytes())
        yield Target(f"sent {name}", body, (json.dumps(content).encode(),), ask)
    yield from _cutout(root, page, session, photo)
    made = _write_study(root)
    app = study_server.make_app(Store(made), "127.0.0.1")
    votes = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    rater, body = votes.post("/raters").headers["location"], root / "vote.json"
    vote = json.dumps({"trial": 0, "choice": "left", "seconds": 2.5}).encode()
    yield Target("sent vote", body, (vote,), lambda: _ask(votes, "POST", f"{rater}/votes", body.read_bytes()))


def _cutout(root: Path, page: Any, session: str, photo: bytes) -> Iterator[Target]:
    """Where a cut-out is to lie, which is asked for again and again."""
    body = root / "placement.json"
    cutout = _png(np.dstack([draw_photo(2), 255 * draw_mask(2).astype(np.uint8)]))

    def place() -> None:
        for role, content in (("photo", photo), ("cutout", cutout)):
            _ask(page, "PUT", f"{session}/files/{role}", content)
        _ask(page, "PUT", f"{session}/placement", body.read_bytes())

    yield Target("sent placement", body, (json.dumps({"x": 3, "y": -2, "scale": 0.5}).encode(),), place)


def _ask(client: Any, method: str, path: str, body: bytes) -> None:
    answer = client.request(method, path, content=body, headers={"X-File-Name": "a%0A.png"})
    if answer.status_code >= 400:
        assert answer.status_code < 500, answer.text
        assert "\n" not in answer.text, answer.text
        raise SettingsError(answer.text)


def _png(picture: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    return data.getvalue()
