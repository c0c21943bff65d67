"""Builds on a Ray cluster of two workers, which is started here and stopped at the end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccharmony import files, sources
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.commands import build
from ccharmony.dataset import tables
from ccharmony.dataset.verify import verify_folder
from ccharmony.errors import OutputError, SettingsError
from ccharmony.jobs import journal, ray_engine
from ccharmony.jobs.engine import AHEAD, Engine, Finished, PhotoWork
from ccharmony.outputs import MARKER
from ccharmony.records import Photo
from ccharmony.sources.found import Found

ray = pytest.importorskip("ray", reason="ray is not installed, wanted pip install -e '.[ray]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of ray's own sockets and processes
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(address="local", num_cpus=2, object_store_memory=80 * 2**20, **options)
    yield
    ray.shutdown()


@pytest.fixture
def engine(cluster: None) -> Iterator[Engine]:  # noqa: ARG001
    with build.open_engine("ray") as opened:
        yield opened


@pytest.fixture
def found(photos: list[Photo], monkeypatch: pytest.MonkeyPatch) -> list[Photo]:
    """The photos that every source finds in these tests; a test may change the list."""
    monkeypatch.setattr(sources, "find", lambda *_: Found(photos=list(photos)))
    return photos


def settings(tmp_path: Path) -> BuildSettings:
    return BuildSettings(("nus",), tmp_path, pair=PairSettings(composites=3, suffix=".png"), test_share=0.5)


def contents(root: Path) -> dict[str, bytes]:
    """The files of a dataset but for the report, which holds seconds."""
    found = [path for path in root.rglob("*") if path.is_file() and path.name != tables.REPORT]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def temporary(out: Path) -> list[Path]:
    return list(out.rglob("*.part"))


@pytest.mark.usefixtures("found")
def test_same_bytes_as_on_threads(tmp_path: Path, engine: Engine) -> None:
    build_dataset(settings(tmp_path), tmp_path / "threads")
    report = build_dataset(settings(tmp_path), tmp_path / "ray", engine=engine)
    assert report.pairs == {"train": 12, "test": 12}
    assert contents(tmp_path / "ray") == contents(tmp_path / "threads")
    assert verify_folder(tmp_path / "ray").problems == []


class Dying(ray_engine.RayEngine):
    """Kills the worker that works on a photo, once, in the middle of writing a file."""

    def __init__(self, photo: str, notes: Path) -> None:
        super().__init__(ray)
        self.photo, self.notes = photo, notes

    def run(self, work: PhotoWork[Any], photos: Any) -> Finished[Any]:
        doomed, notes = self.photo, self.notes

        def die_once(photo: Photo, stop: threading.Event) -> Any:
            if photo.id == doomed and not notes.exists():
                whole, count = files.write_bytes, iter(range(9))

                def die(path: Path, data: bytes) -> None:
                    if next(count) < 3:
                        whole(path, data)
                    else:
                        torn = path.with_name(f".{path.name}.0a1b2c3d.part")
                        torn.write_bytes(data[: len(data) // 2])
                        notes.write_text(f"{os.getpid()} {torn}")
                        os.kill(os.getpid(), signal.SIGKILL)

                files.write_bytes = die
            return work(photo, stop)

        return super().run(die_once, photos)


@pytest.mark.usefixtures("found", "cluster")
def test_photo_of_a_killed_worker_is_done_again(tmp_path: Path) -> None:
    build_dataset(settings(tmp_path), tmp_path / "whole")
    out, notes = tmp_path / "killed", tmp_path / "notes"
    report = build_dataset(settings(tmp_path), out, engine=Dying("photo 3", notes))
    assert "composite_images" in notes.read_text(), "the worker was to die while it wrote a composite"
    assert (report.problems, temporary(out)) == ([], [])
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.usefixtures("cluster")
def test_photo_that_kills_every_worker_is_reported_and_the_rest_goes_on(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "RETRIES", 1)

    def work(photo: Photo, _: threading.Event) -> str:
        if photo.id == "photo 1":
            os.kill(os.getpid(), signal.SIGKILL)
        return photo.id.upper()

    got = {photo.id: result for photo, result in ray_engine.RayEngine(ray).run(work, photos[:3])}
    assert str(got.pop("photo 1")).startswith("photo 1: its worker died 2 times")
    assert got == {"photo 0": "PHOTO 0", "photo 2": "PHOTO 2"}


def test_bad_photo_is_reported_as_it_is_on_threads(
    tmp_path: Path, found: list[Photo], make_photo: Callable[..., Photo], engine: Engine
) -> None:
    truncated = make_photo("truncated")
    truncated.path.write_bytes(truncated.path.read_bytes()[:500])
    found.append(truncated)
    here = build_dataset(settings(tmp_path), tmp_path / "threads")
    there = build_dataset(settings(tmp_path), tmp_path / "ray", engine=engine)
    assert len(there.problems) == 1
    assert there.problems == here.problems


@pytest.mark.usefixtures("found")
def test_build_begun_on_threads_is_gone_on_with(tmp_path: Path, engine: Engine) -> None:
    build_dataset(settings(tmp_path), tmp_path / "whole")
    out = tmp_path / "out"

    def interrupt(stage: str, done: int, _total: int) -> None:
        if (stage, done) == ("pairs", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_dataset(settings(tmp_path), out, progress=interrupt)
    report = build_dataset(settings(tmp_path), out, engine=engine)
    assert report.resumed == 3
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.usefixtures("cluster")
def test_interrupted_build_leaves_no_worker_at_work(tmp_path: Path, photos: list[Photo]) -> None:
    def work(photo: Photo, _: threading.Event) -> None:
        while photo.id != "photo 0":  # until it is stopped
            (tmp_path / "beat").write_text(photo.id)
            time.sleep(0.01)

    running = ray_engine.RayEngine(ray).run(work, photos)
    assert next(running)[0].id == "photo 0"
    while not (tmp_path / "beat").exists():
        time.sleep(0.01)
    started = time.monotonic()
    running.close()
    # Two seconds on an idle machine; this one may be busy with other tests.
    assert time.monotonic() - started < 2 + 2 * os.getloadavg()[0] / (os.cpu_count() or 1)
    last = (tmp_path / "beat").stat().st_mtime_ns
    time.sleep(0.1)
    assert (tmp_path / "beat").stat().st_mtime_ns == last


@pytest.mark.usefixtures("cluster")
def test_few_photos_are_handed_out_at_a_time(photos: list[Photo]) -> None:
    taken: list[str] = []

    class Counted(list[Photo]):
        def __iter__(self) -> Iterator[Photo]:
            for photo in photos * 10:
                taken.append(photo.id)
                yield photo

    for count, _ in enumerate(ray_engine.RayEngine(ray).run(lambda photo, _: photo.id, Counted()), start=1):
        assert len(taken) - count < AHEAD * 2
    assert count == len(taken) == 80


@pytest.mark.usefixtures("found")
def test_folder_that_workers_do_not_see_is_refused_in_one_line(tmp_path: Path, engine: Engine) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    os.dup2(here, 900)
    try:
        only_here = Path("/proc/self/fd/900")  # this process's own name for the folder
        with pytest.raises(SettingsError, match=r"Ray node .*: does not see .*wanted --out on a file system that all"):
            build_dataset(settings(tmp_path), only_here / "out", engine=engine)
    finally:
        os.close(900)
        os.close(here)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [journal.FOLDER, MARKER]


def test_photos_that_workers_do_not_see_are_refused(tmp_path: Path, found: list[Photo], engine: Engine) -> None:
    found[0] = replace(found[0], path=tmp_path / "absent.png")
    with pytest.raises(SettingsError, match=r"does not see .*absent\.png, wanted the sources on a file system"):
        build_dataset(settings(tmp_path), tmp_path / "out", engine=engine)


def test_worker_that_joins_late_without_the_folder_stops_the_build(
    tmp_path: Path, photos: list[Photo], engine: Engine
) -> None:
    engine.check(tmp_path, photos[0])
    (tmp_path / "token").unlink()
    with pytest.raises(OutputError, match="does not see"):
        list(engine.run(lambda photo, _: photo.id, photos))


def test_other_versions_on_a_node_are_refused(
    tmp_path: Path, photos: list[Photo], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tables.versions()
    monkeypatch.setattr(tables, "versions", lambda: {**here, "opencv": "4.0.0"})
    with pytest.raises(
        SettingsError, match=rf"has opencv {here['opencv']}, wanted .*opencv 4\.0\.0 for the same bytes"
    ):
        engine.check(tmp_path, photos[0])


def test_relative_paths_mean_the_same_to_workers(
    tmp_path: Path, photos: list[Photo], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine.check(Path(), replace(photos[0], path=photos[0].path.relative_to(tmp_path)))
    seen = dict(engine.run(lambda *_: Path.cwd(), photos))
    assert set(seen.values()) == {tmp_path}


def test_mistake_in_the_work_stops_the_build(photos: list[Photo], engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        list(engine.run(lambda *_: 1 // 0, photos))


def test_absent_library_is_named_with_its_extra(tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from ccharmony import cli; cli.main()"
    args = ["build", "--src", "demo", "--out", str(tmp_path / "out"), "--engine", "ray"]
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: ray is not installed, wanted pip install 'ccharmony[ray]'\n"
    assert not (tmp_path / "out").exists()


def test_address_without_a_cluster_is_refused() -> None:
    code = (
        "from ccharmony.commands import build\n"
        "from ccharmony.errors import SettingsError\n"
        "try:\n"
        "    with build.open_engine('ray', address='127.0.0.1:1'): pass\n"
        "except SettingsError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("Ray at 127.0.0.1:1: [Errno 111] Connection refused"), done.stderr
    assert ", wanted the address of a running cluster, and RAY_AUTH_MODE=token" in done.stdout


def test_address_wants_its_engine() -> None:
    with (
        pytest.raises(SettingsError, match="address auto of a Ray cluster, wanted --engine ray"),
        build.open_engine("threads", address="auto"),
    ):
        pass
