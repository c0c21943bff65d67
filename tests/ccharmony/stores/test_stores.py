"""Object stores: asked with patience, read by ranges, kept in a bounded cache."""

import multiprocessing
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest

from ccharmony.errors import SettingsError, StoreError
from ccharmony.stores import cache, client, objects, patience, places
from ccharmony.stores.cache import Cache
from ccharmony.stores.objects import StoredObject
from ccharmony.urls import Url, as_place

BYTES = bytes(range(256)) * 40
PLACE = Url("memory://tests/object.bin")


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Url]:
    """An object in memory, read in parts of 1,000 bytes."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(objects, "PART_BYTES", 1000)
    monkeypatch.setattr(patience, "WAITS", (0.0, 0.0, 0.0))
    memory = fsspec.filesystem("memory")
    memory.pipe("/tests/object.bin", BYTES)
    yield PLACE
    memory.rm("/tests", recursive=True)


class Failing:
    """A stand-in for a request that fails some times, with these errors one after the other."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


class RefusedError(Exception):
    """As aiohttp's errors: no OSError, with the status of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/data/", Url("s3://bucket/data")),
        ("memory://", Url("memory://")),
        ("s3:/bucket", Path("s3:/bucket")),
        ("C://data", Path("C://data")),
        (Path("a"), Path("a")),
        (Url("gs://b"), Url("gs://b")),
    ],
)
def test_text_is_the_url_or_the_path_that_it_is(text: str | Path | Url, expected: Path | Url) -> None:
    assert as_place(text) == expected


@pytest.mark.parametrize(
    "error", [ConnectionError("reset"), TimeoutError(), RefusedError(503), RefusedError(429), OSError(5, "EIO")]
)
def test_request_that_fails_for_a_moment_is_asked_again_after_growing_waits(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", waited.append)
    request = Failing(error, error, error)
    assert patience.ask(PLACE, request) == "answer"
    assert (request.asked, waited) == (4, [0.5, 1.0, 2.0])


def test_request_that_keeps_failing_ends_in_one_line_with_url_reason_and_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience.time, "sleep", lambda _seconds: None)
    with pytest.raises(StoreError) as raised:
        patience.ask(PLACE, Failing(*[ConnectionError("Connection\nreset by peer")] * 6))
    assert str(raised.value) == f"{PLACE}: Connection reset by peer (ConnectionError); tried 6 times in 15.5 s"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError("Access Denied"), "Access Denied (PermissionError)"),
        (ValueError("Protocol not known: foo"), "Protocol not known: foo (ValueError)"),
        (ImportError("Install s3fs"), "Install s3fs, wanted pip install 'ccharmony[stores]'"),
        (ImportError("Please install gcsfs to access Google Storage"), "Please install gcsfs to access Google Storage"),
        (RefusedError(401), "HTTP 401 (RefusedError)"),
        (type("NoCredentialsError", (Exception,), {})("none"), "none (NoCredentialsError)"),
    ],
)
def test_refusal_is_not_asked_again(error: Exception, line: str) -> None:
    request = Failing(error)
    with pytest.raises(StoreError) as raised:
        patience.ask(PLACE, request)
    assert (str(raised.value), request.asked) == (f"{PLACE}: {line}", 1)


def test_missing_object_is_told_from_a_connection_that_fails() -> None:
    hidden = FileNotFoundError("url")
    hidden.__cause__ = ConnectionError("no route")  # as fsspec's HTTP says it
    assert patience.ask(PLACE, Failing(hidden)) == "answer"
    for missing in (FileNotFoundError("key"), RefusedError(404)):
        with pytest.raises(FileNotFoundError, match="no such object"):
            patience.ask(PLACE, Failing(missing))


@pytest.mark.parametrize(("start", "size"), [(0, 1), (0, 1000), (999, 2), (1000, 1000), (10, 5000), (10239, 5), (7, 0)])
def test_any_range_is_what_the_object_has_there(stored: Url, start: int, size: int) -> None:
    assert StoredObject.of(stored).read(start, size) == BYTES[start : start + size]


def test_part_is_fetched_once_and_then_read_from_the_cache(stored: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    fetch = client.fetch

    def count(url: Url, start: int, end: int) -> bytes:
        asked.append((start, end))
        return fetch(url, start, end)

    monkeypatch.setattr(client, "fetch", count)
    found = StoredObject.of(stored)
    assert [found.read(2500, 10), found.read(2990, 20), found.read(2100, 900)] == [
        BYTES[2500:2510],
        BYTES[2990:3010],
        BYTES[2100:3000],
    ]
    assert asked == [(2000, 3000), (3000, 4000)]


def test_object_that_changes_or_goes_while_it_is_read_is_refused(stored: Url) -> None:
    found, memory = StoredObject.of(stored), fsspec.filesystem("memory")
    memory.pipe("/tests/object.bin", BYTES[:-1])
    with pytest.raises(StoreError, match=r"10239 bytes, 10240 before: changed while it was in use"):
        found.read(0, 10)
    memory.pipe("/tests/object.bin", BYTES)  # as long as before, but another one
    with pytest.raises(StoreError, match=r"changed while it was in use"):
        found.read(0, 10)
    memory.rm("/tests/object.bin")
    with pytest.raises(StoreError, match=r"object.bin: is gone, it was there before"):
        found.read(0, 10)
    memory.pipe("/tests/other.bin", b"")


def test_answer_that_is_too_short_is_asked_for_again(stored: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    whole, cut = memory.cat_file, [b"", b"x"]
    monkeypatch.setattr(type(memory), "cat_file", lambda _self, path, **places: (cut or [whole(path, **places)]).pop())
    assert client.fetch(stored, 0, 4) == BYTES[:4]
    assert not cut


def test_stream_over_an_object_reads_and_seeks_as_a_file(stored: Url) -> None:
    with places.open_binary(stored) as file:
        assert file.read(3) == BYTES[:3]
        assert file.seek(-5, os.SEEK_END) == len(BYTES) - 5
        assert file.read() == BYTES[-5:]
        assert (file.seek(1500), file.read(1200)) == (1500, BYTES[1500:2700])
    assert places.size_of(stored) == len(BYTES)
    assert places.size_of(Url("memory://tests/none")) == 0


def test_cache_holds_its_limit_and_drops_what_was_read_longest_ago(tmp_path: Path) -> None:
    kept = Cache(tmp_path, 16_000)
    for number in range(12):
        kept.read(f"part {number}", 0, 1, lambda: bytes(1000))
        for path in tmp_path.rglob("[0-9a-f]*"):
            if path.is_file() and path.stat().st_mtime > 1e9:
                os.utime(path, (number + 1, number + 1))
    assert kept.read("part 0", 0, 1, _never) == b"\0"  # read now: the youngest
    for number in range(12, 24):
        kept.read(f"part {number}", 0, 1, lambda: bytes(1000))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 16_000
    assert kept.read("part 0", 0, 1, _never) == b"\0"
    with pytest.raises(AssertionError, match="fetched"):
        kept.read("part 1", 0, 1, _never)


def _never() -> bytes:
    raise AssertionError("fetched")


def test_threads_that_want_one_part_fetch_it_once(tmp_path: Path) -> None:
    kept, fetched, ready = Cache(tmp_path, 10**6), [], threading.Barrier(4)

    def fetch() -> bytes:
        fetched.append(1)
        return b"abcdef"

    def read(found: list[bytes]) -> None:
        ready.wait()
        found.append(kept.read("part", 2, 3, fetch))

    found: list[bytes] = []
    threads = [threading.Thread(target=read, args=(found,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, fetched) == ([b"cde"] * 4, [1])


def test_part_that_lost_its_end_is_fetched_again(tmp_path: Path) -> None:
    kept = Cache(tmp_path, 10**6)
    assert kept.read("part", 0, 3, lambda: b"abc") == b"abc"
    path = next(path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(b"a")  # as after a power cut
    assert kept.read("part", 1, 2, lambda: b"abc") == b"bc"
    assert path.read_bytes() == b"abc"


def _read_parts(folder: Path, seed: int) -> int:
    """Read parts at random in a process of its own, and return how many were wrong."""
    kept, random = Cache(folder, 30_000), np.random.default_rng(seed)
    numbers = random.integers(60, size=400).tolist()
    found = [kept.read(f"part {number}", 10, 5, lambda number=number: bytes([number]) * 1000) for number in numbers]
    return sum(data != bytes([number]) * 5 for number, data in zip(numbers, found, strict=True))


def test_processes_share_a_folder_that_is_too_small_for_them(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(_read_parts, [tmp_path] * 3, range(3))) == [0, 0, 0]
    assert 10_000 < sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 32_000


def test_folder_that_cannot_be_written_is_said_once_and_costs_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    kept = Cache(tmp_path / "file", 10**6)
    assert [kept.read("a", 0, 2, lambda: b"ab"), kept.read("b", 1, 2, lambda: b"abc")] == [b"ab", b"bc"]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["nothing more is cached in this run"]


@pytest.mark.parametrize("limit", ["much", "0", "nan", "inf", "-1"])
def test_limit_that_is_none_is_refused_by_name(limit: str, stored: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.LIMIT, limit)
    with pytest.raises(SettingsError, match="CCHARMONY_CACHE_GB"):
        StoredObject.of(stored)


def test_scheme_that_nobody_knows_and_a_folder_are_named() -> None:
    call: Callable[[], object] = lambda: client.look_up(Url("nowhere://a/b"))  # noqa: E731
    with pytest.raises(StoreError, match=r"nowhere://a/b: Protocol not known: nowhere"):
        call()
    with pytest.raises(FileNotFoundError, match="no such object"):
        client.look_up(Url("memory://"))


class _Files(SimpleHTTPRequestHandler):
    """A web server of one file, which reads by ranges at `/ranges` and sends the whole file elsewhere."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        if self.path not in ("/ranges", "/whole"):
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        data = BYTES
        if wanted and self.path == "/ranges":
            data = BYTES[int(wanted[1]) : int(wanted[2]) + 1]
        self.send_response(206 if data is not BYTES else 200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Url]:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(objects, "PART_BYTES", 1000)
    monkeypatch.setattr(patience, "WAITS", (0.0,))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Url(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_web_server_is_read_by_ranges_and_one_that_cannot_is_named(web: Url) -> None:
    assert StoredObject.of(web / "ranges").read(2500, 1200) == BYTES[2500:3700]
    with pytest.raises(StoreError, match=r"whole: 10240 bytes came, wanted 1000: the server does not read by ranges"):
        StoredObject.of(web / "whole").read(0, 10)
    with pytest.raises(FileNotFoundError, match="none: no such object"):
        StoredObject.of(web / "none")


def test_web_server_that_is_gone_is_said_to_be_so(web: Url) -> None:
    closed = Url(web.text.rpartition(":")[0] + ":9")  # no server listens to that port
    with pytest.raises(StoreError, match=r"9/index.json: Cannot connect to host .*; tried 2 times"):
        StoredObject.of(closed / "index.json")
