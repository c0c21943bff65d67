"""A server of S3 on this machine, which fails at times: a dataset is packed into it, verified, scored, trained on."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
import s3fs

from ccharmony import console
from ccharmony.cli import group as ccharmony
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.stores import cache, objects, patience
from harmonize.cli import group
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.weights import checkpoint

URL = "s3://bucket/mine"
TRAIN = "--device cpu --width 2 --size 32 --batch 2 --gift none --no-tensorboard --steps 1 --set reconstruct_steps=1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The server, as a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """An empty bucket behind a gate that passes requests on, but answers every nth with 503, or cuts its answer."""
    state = SimpleNamespace(every=0, asked=0, failed=0)
    gate = ThreadingHTTPServer(("127.0.0.1", 0), _make_gate(server, state))
    thread = threading.Thread(target=gate.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{gate.server_port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        cache.FOLDER: str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(patience, "WAITS", (0.01,) * 5)
    monkeypatch.setattr(objects, "PART_BYTES", 60_000)
    s3fs.S3FileSystem.clear_instance_cache()  # it would still ask the gate of the test before
    s3 = boto3.client("s3", endpoint_url=f"http://{server}")
    s3.create_bucket(Bucket="bucket")
    state.names = lambda: [entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
    yield state
    gate.shutdown()
    gate.server_close()
    for name in state.names():
        s3.delete_object(Bucket="bucket", Key=name)


def _make_gate(server: str, state: SimpleNamespace) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Gate(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                state.asked += 1
                fails = state.every and state.asked % state.every == 0
                state.failed += bool(fails)
                cut = fails and state.failed % 2 == 0
            if fails and not cut:
                self._answer(503, [], b"")
                return
            answered = http.client.HTTPConnection(server, timeout=20)
            answered.request(self.command, self.path, body, dict(self.headers))
            found = answered.getresponse()
            self._answer(found.status, found.getheaders(), found.read(), cut=bool(cut))
            answered.close()

        def _answer(self, status: int, head: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
            self.send_response_only(status)
            kept = {name.lower(): value for name, value in head if name.lower() not in ("connection", "date")}
            kept.setdefault("content-length", str(len(body)))
            kept.pop("transfer-encoding", None)
            for name, value in kept.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.wfile.flush()
            self.close_connection = cut

        def log_message(self, *_words: object) -> None:
            pass

    return Gate


@pytest.fixture(scope="module")
def here(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set as a folder and as shards, and weights."""
    root = tmp_path_factory.mktemp("here")
    tiny.write_pairs(root / "tiny", train=6, test=2)
    pack_dataset(root / "tiny", "shards", root / "mine", limit=Limit(pairs=3))
    settings = NetworkSettings(width=2, mlp_width=4)
    checkpoint.save_weights(root / "w.safetensors", giftnet.build(settings), settings, metadata={"data": "none"})
    return root


def run(commands: object, words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        console.run(commands, words.split())  # type: ignore[arg-type]  # a group of either package
    return int(stop.value.code or 0)


def test_dataset_is_packed_verified_scored_and_trained_on_over_a_bad_connection(
    here: Path,
    store: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.every = 7
    assert run(ccharmony, f"pack {here}/tiny --to shards --shard-pairs 3 --out {URL}") == 0
    local = {f"mine/{path.relative_to(here / 'mine').as_posix()}" for path in (here / "mine").rglob("*.*")}
    assert set(store.names()) == {name for name in local if not name.rpartition("/")[2].startswith(".")}
    assert run(ccharmony, f"verify {URL}") == 0
    assert ", 0 problems" in capsys.readouterr().out
    tables = []
    for name, data in (("here", here / "mine"), ("there", URL)):
        words = f"evaluate --data {data} --weights {here}/w.safetensors --device cpu --out {tmp_path}/{name}"
        assert run(group, words) == 0
        tables.append((tmp_path / name / "images.csv").read_bytes())
    assert tables[0] == tables[1]
    assert run(group, f"train --data {URL} --out {tmp_path}/run {TRAIN}") == 0
    assert store.failed > 3
    assert "credentials" not in caplog.text + capsys.readouterr().err


def test_server_that_is_gone_no_bucket_and_no_key_are_one_line_each(
    here: Path,
    store: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def say(words: str) -> str:
        assert run(ccharmony, words) == 1
        return capsys.readouterr().err.splitlines()[-1]

    assert say("verify s3://bucket/none") == (
        "error: s3://bucket/none/index.json: no such file, wanted what ccharmony pack --to shards or parquet wrote"
    )
    assert say(f"pack {here}/tiny --to shards --out s3://nobody/mine").startswith("error: s3://nobody/mine")
    store.every = 1
    found = say(f"verify {URL}")
    assert found.startswith(f"error: {URL}/index.json: ")
    assert found.endswith("; tried 6 times in 0.05 s")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    assert "credentials" in say("verify s3://other/none")
