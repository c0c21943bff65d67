"""Requests that go wrong end in a line or in nothing, never in a traceback."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from harmonize.studio import uploads
from harmonize.web import guards


def ask(messages: list[dict[str, Any]], handler: Any, **headers: str) -> list[dict[str, Any]]:
    """Send the messages of a server to an application of one route, and return what it answers."""
    sent: list[dict[str, Any]] = []
    app = guards.make_app([Route("/", handler, methods=["PUT"])], "127.0.0.1")
    named = {"host": "127.0.0.1", **headers}
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/",
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
        "scheme": "http",
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize("read", ["body", "upload"])
def test_a_browser_that_goes_away_in_the_middle_is_no_failure_and_leaves_nothing(read: str, tmp_path: Path) -> None:
    async def take(request: Request) -> Response:
        if read == "body":
            return Response(await guards.read_body(request, 100))
        return PlainTextResponse(str(await uploads.receive(request, tmp_path)))

    ask([{"type": "http.request", "body": b"half", "more_body": True}], take)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("claimed", [True, False])
def test_a_body_beyond_the_limit_is_refused_before_it_comes_where_its_length_is_known(claimed: bool) -> None:
    async def take(request: Request) -> Response:
        return Response(b"".join([part async for part in guards.parts_of(request, 10, "a.png")]))

    parts = [{"type": "http.request", "body": b"12345", "more_body": True} for _ in range(3)]
    answer = ask(parts, take, **({"content_length": "15"} if claimed else {}))
    assert (answer[0]["status"], answer[1]["body"]) == (413, b"a.png: more than 10 bytes, the limit")
    assert len(parts) == (3 if claimed else 0)  # of the three none, or each, was asked for


def test_an_upload_that_cannot_be_kept_is_an_answer_of_one_line(tmp_path: Path) -> None:
    async def take(request: Request) -> Response:
        return PlainTextResponse(str(await uploads.receive(request, tmp_path / "ended")))

    client = TestClient(guards.make_app([Route("/", take, methods=["PUT"])], "127.0.0.1"), "http://127.0.0.1")
    answer = client.put("/", content=b"x", headers={"X-File-Name": "a%0A.png"})
    assert (answer.status_code, answer.text) == (422, "a\\n.png: cannot be kept (No such file or directory)")


def test_reasons_do_not_repeat_control_characters() -> None:
    async def refuse(_request: Request) -> Response:
        guards.refuse(404, "\x1b[2J: no such role")

    client = TestClient(guards.make_app([Route("/", refuse)], "127.0.0.1"), "http://127.0.0.1")
    assert client.get("/").text == "\\x1b[2J: no such role"
