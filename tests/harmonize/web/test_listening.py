"""A server ends at each signal that ends programs, and what stands behind it is done."""

from __future__ import annotations

import signal
import subprocess
import sys

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
