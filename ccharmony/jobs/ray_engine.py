"""A stage's work on a Ray cluster; ray is called here alone.

Workers read photos and write pairs themselves, so all machines must see one file system under the same paths. Journal,
lock and tables stay with the process that started the build. A photo whose worker dies is processed again: its files
are written completely or not at all, and with the same bytes whichever worker writes them.

Contents: :func:`connected`, :class:`RayEngine`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from ccharmony import files
from ccharmony.dataset import tables
from ccharmony.errors import CcharmonyError, ImageError, OutputError, SettingsError
from ccharmony.jobs.engine import AHEAD, Finished, PhotoWork, Result
from ccharmony.records import Photo

RETRIES = 3
"""Times that a photo is processed again after its worker died; one that kills every worker must not stop the others."""

_SECONDS_TO_CONNECT = 5.0
_SECONDS_TO_CHECK = 60.0
_SECONDS_TO_STOP = 2.0


@contextlib.contextmanager
def connected(jobs: int = 1, address: str | None = None) -> Iterator[RayEngine]:
    """Connect to a Ray cluster, or start one of `jobs` cores on this machine; see `open_engine`."""
    ray = _import_ray()
    if ray.is_initialized():
        yield RayEngine(ray)
        return
    address = address or os.environ.get("RAY_ADDRESS")
    options = {"address": address} if address else {"address": "local", "num_cpus": jobs, "include_dashboard": False}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here reports to nobody
    try:
        _check_address(address or "")
        ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        wanted = "the address of a running cluster, and RAY_AUTH_MODE=token if it asks for a token"
        raise SettingsError(f"Ray at {address or 'local'}: {reason}, wanted {wanted}") from error
    try:
        yield RayEngine(ray)
    finally:
        ray.shutdown()


class RayEngine:
    """Tasks of a cluster, one core each; see `ccharmony.jobs.engine.Engine`.

    Parameters
    ----------
    ray
        The library, connected.
    """

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.environment: BuildEnvironment | None = None

    def check(self, folder: Path, photo: Photo) -> None:
        """Check on every node the dataset's folder, the photo and the versions of libraries; see `Engine.check`."""
        environment = BuildEnvironment(
            Path.cwd(), folder / "token", secrets.token_hex(8), photo.path, tables.versions()
        )
        files.write_bytes(environment.token, environment.text.encode())
        check = self.ray.remote(num_cpus=0)(BuildEnvironment.find_difference)
        nodes = [node for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        if not nodes:
            raise SettingsError("the Ray cluster has no core to work on, wanted one at least")
        checks = {
            node["NodeID"]: check.options(scheduling_strategy=self._on(node)).remote(environment) for node in nodes
        }
        for node in nodes:
            try:
                difference = self.ray.get(checks[node["NodeID"]], timeout=_SECONDS_TO_CHECK)
            except self.ray.exceptions.RayError as error:
                difference = f"{_last_line(error)}, wanted this ccharmony installed on it"
            if difference:
                raise SettingsError(f"Ray node {node['NodeManagerHostname']}: {difference}")
        self.environment = environment

    def run(self, work: PhotoWork[Result], photos: Sequence[Photo]) -> Finished[Result]:
        """See `Engine.run`."""
        task = self.ray.remote(num_cpus=1, max_retries=RETRIES)(_do)
        # In a list, so that a worker fetches it once and not once a photo.
        handles = [self.ray.put(_StageTask(work, self.environment))]
        left = iter(photos)
        waiting: dict[Any, Photo] = {}
        try:
            while True:
                cores = int(self.ray.cluster_resources().get("CPU", 1))  # asked again each time: clusters grow
                for photo in islice(left, max(AHEAD * cores - len(waiting), 0)):
                    waiting[task.remote(handles, photo)] = photo
                if not waiting:
                    return
                for done in self.ray.wait(list(waiting))[0]:
                    photo = waiting.pop(done)
                    yield photo, self._outcome(done, photo)
        finally:
            self._cancel(list(waiting))

    def _outcome(self, done: Any, photo: Photo) -> Any:
        try:
            result = self.ray.get(done)
        except self.ray.exceptions.RayTaskError:
            raise  # a mistake in the work: it stops the build, as it does on threads
        except self.ray.exceptions.RayError as error:
            name = type(error).__name__
            return ImageError(f"{photo.id}: its worker died {RETRIES + 1} times ({name}), wanted one that finishes it")
        if isinstance(result, OutputError):
            raise result
        return result

    def _cancel(self, waiting: list[Any]) -> None:
        """Stop tasks; tasks that do not stop are killed, so that none writes into the folder afterwards."""
        for force in (False, True):
            for one in waiting:
                self.ray.cancel(one, force=force)
            if waiting:
                waiting = self.ray.wait(waiting, num_returns=len(waiting), timeout=_SECONDS_TO_STOP)[1]

    def _on(self, node: Any) -> Any:
        return self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)


@dataclass(frozen=True)
class BuildEnvironment:
    """The files and libraries of the process that started the build, which every worker must have too.

    Attributes
    ----------
    folder
        Its working folder, to which relative paths refer.
    token, text
        A file in the dataset's folder, and its content.
    photo
        A photo of a source.
    versions
        Of the libraries that decide bytes.
    """

    folder: Path
    token: Path
    text: str
    photo: Path
    versions: dict[str, str]

    def find_difference(self) -> str:
        """Change to the working folder and return what differs here from the build's process; empty if nothing does."""
        with contextlib.suppress(OSError):
            os.chdir(self.folder)  # absolute paths are found without it
        if not self.token.is_file() or self.token.read_text() != self.text:
            return f"does not see {self.token.parent}, wanted --out on a file system that all nodes share"
        if not self.photo.is_file():
            return f"does not see {self.photo}, wanted the sources on a file system that all nodes share"
        here = tables.versions()
        other = [f"{name} {here[name]}" for name, wanted in self.versions.items() if here[name] != wanted]
        wanted = " ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"has {' '.join(other)}, wanted {wanted} for the same bytes" if other else ""


@dataclass(frozen=True)
class _StageTask:
    """The work of a stage, sent to each worker once."""

    work: PhotoWork[Any]
    environment: BuildEnvironment | None


def _do(handles: list[Any], photo: Photo) -> Any:
    """Return the result of one photo, or the error that ended it; runs on a worker."""
    try:
        return _fetch(handles[0])(photo, threading.Event())
    except CcharmonyError as error:
        return error


@functools.lru_cache(maxsize=1)
def _fetch(handle: Any) -> PhotoWork[Any]:
    """Return the work of the stage; the environment is checked at the first photo, since workers may join later."""
    task: _StageTask = _import_ray().get(handle)
    if task.environment and (difference := task.environment.find_difference()):
        raise OutputError(f"Ray node {platform.node()}: {difference}")
    cv2.setNumThreads(1)  # one core a task
    return task.work


def _check_address(address: str) -> None:
    """Raise OSError where nothing answers at host:port; ray itself would try for a minute, then abort the process."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_CONNECT).close()


def _import_ray() -> Any:
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise SettingsError("ray is not installed, wanted pip install 'ccharmony[ray]'") from error
    return ray


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
