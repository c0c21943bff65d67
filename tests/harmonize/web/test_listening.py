"""A server ends at each signal that ends programs, and what stands behind it is done."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

SERVER = """
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from harmonize.web import guards, listening

async def hello(request):
    return PlainTextResponse("hello")

socket = listening.listen("127.0.0.1", 0)
print(listening.link_of("127.0.0.1", socket.getsockname()[1], "key"), flush=True)
listening.run(guards.make_app([Route("/", hello)], "127.0.0.1"), socket)
print("done", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_returns_at_a_signal(number: signal.Signals) -> None:
    import urllib.request

    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        assert urllib.request.urlopen(link).read() == b"hello"
        process.send_signal(number)
        assert process.stdout.read() == "done\n"
    assert process.returncode == 0


def test_requests_that_never_come_whole_are_counted_in_one_line_at_the_end(tmp_path: Path) -> None:
    code = """
import sys
from starlette.responses import Response
from starlette.routing import Route
from harmonize.web import guards, listening
listening._PATIENCE = 1
async def take(request):
    await guards.read_body(request, 1000)
    return Response()
socket = listening.listen("127.0.0.1", 0)
print(socket.getsockname()[1], flush=True)
listening.run(guards.make_app([Route("/", take, methods=["POST"])], "127.0.0.1"), socket)
"""
    with (
        (tmp_path / "said").open("w+") as said,
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=said, text=True) as server,
    ):
        assert server.stdout is not None
        address = "127.0.0.1", int(server.stdout.readline())
        with socket.create_connection(address) as slow, socket.create_connection(address) as slower:
            for each in (slow, slower):
                each.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
            with socket.create_connection(address) as other:
                other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert other.recv(12) == b"HTTP/1.1 405"
            server.terminate()
            assert server.wait(30) == 0
        said.seek(0)
        lines = said.read().splitlines()
    assert len(lines) == 1
    assert "Cancel 2 running task(s)" in lines[0]


def test_connections_that_say_nothing_are_bounded_and_closed(tmp_path: Path) -> None:
    limits = "from harmonize.web import connections\nconnections.MOST, connections.WAITING = 20, 0.5\n"
    command = [sys.executable, "-c", limits + SERVER]
    with (
        (tmp_path / "said").open("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as server,
        contextlib.ExitStack() as held,
    ):
        held.callback(server.kill)
        assert server.stdout is not None
        address = "127.0.0.1", int(server.stdout.readline().strip().strip("/").rpartition(":")[2])
        slow = [held.enter_context(socket.create_connection(address, timeout=10)) for _ in range(30)]
        with contextlib.suppress(ConnectionError):
            for each in slow:
                each.sendall(b"GET / HTTP/1.1\r\nX: ")
        for each in slow:
            with contextlib.suppress(ConnectionError):
                assert each.recv(1) == b""
        with socket.create_connection(address) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.recv(15) == b"HTTP/1.1 200 OK"
        server.terminate()
        assert server.wait(30) == 0
        said.seek(0)
        assert said.read() == ""
