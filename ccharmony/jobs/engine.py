"""What does the work of a stage for many photos: threads of this process, or a Ray cluster (`ray_engine`).

An engine is given pure work, so which one runs it, and in which order photos come back, changes no byte of a dataset.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args

import cv2

from ccharmony.dataset.manifest import Photo
from ccharmony.errors import CcharmonyError, OutputError, SettingsError

Result = TypeVar("Result")
Work = Callable[[Photo, threading.Event], Result]
"""Makes the result of one photo; looks at the event now and then, and raises once it is set."""

Finished = Generator[tuple[Photo, Result | CcharmonyError], None, None]
"""Photos with their results, or with the errors for which they are left out, as they are finished."""

Name = Literal["threads", "ray"]
NAMES: tuple[Name, ...] = get_args(Name)
AHEAD = 2
"""Photos handed out for each worker, the one it works on among them: memory does not grow with the number of photos."""


_SECONDS_TO_STOP = 1.0
"""How long a thread that writes a file may take to finish it. One that decodes or searches for a chart may go on for
longer, but finds itself stopped before it writes anything."""


class Engine(Protocol):
    """Runs work on photos."""

    def check(self, folder: Path, photo: Photo) -> None:
        """Refuse workers that do not see what this process sees.

        Parameters
        ----------
        folder
            A folder of the dataset that goes when it is whole; written to.
        photo
            One whose file every worker must be able to open.

        Raises
        ------
        SettingsError
            A worker cannot do the work.
        """

    def run(self, work: Work[Result], photos: Sequence[Photo]) -> Finished[Result]:
        """Do the work for each photo.

        Closing the generator stops the work; nothing is written any more when that returns.

        Raises
        ------
        OutputError
            A result cannot be written.
        """


class Threads:
    """Threads of this process: codecs and array arithmetic, which take the time, release the interpreter's lock.

    Parameters
    ----------
    jobs
        Photos worked on at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs

    def check(self, folder: Path, photo: Photo) -> None:
        """Find nothing amiss: threads see what their process sees."""

    def run(self, work: Work[Result], photos: Sequence[Photo]) -> Finished[Result]:
        """See `Engine.run`."""
        stop = threading.Event()
        executor = ThreadPoolExecutor(self.jobs)
        left = iter(photos)
        waiting: dict[Future[Result], Photo] = {}
        with _one_thread_a_call():
            try:
                while True:
                    for photo in islice(left, AHEAD * self.jobs - len(waiting)):
                        waiting[executor.submit(work, photo, stop)] = photo
                    if not waiting:
                        return
                    done = wait(waiting, return_when=FIRST_COMPLETED).done
                    for future in [future for future in waiting if future in done]:  # in order: one job, one journal
                        yield waiting.pop(future), _outcome(future)
            finally:
                stop.set()
                executor.shutdown(wait=False, cancel_futures=True)
                wait([future for future in waiting if not future.cancelled()], _SECONDS_TO_STOP)


@contextlib.contextmanager
def opened(name: Name, jobs: int = 1, address: str | None = None) -> Iterator[Engine]:
    """Give an engine by name, and let go of what it holds afterwards.

    Parameters
    ----------
    name
        ``threads`` or ``ray``.
    jobs
        Photos worked on at a time; a Ray cluster works on one for each of its cores.
    address
        Of the Ray cluster: ``auto`` for the one that runs on this machine, or ``host:port``. None for that in
        RAY_ADDRESS; where that is not set either, a cluster of `jobs` cores is started here and stopped afterwards.

    Raises
    ------
    SettingsError
        Ray is not installed, the cluster cannot be reached, or threads are given an address.
    """
    if name == "threads":
        if address:
            raise SettingsError(f"address {address} of a Ray cluster, wanted --engine ray with it")
        yield Threads(jobs)
        return
    from ccharmony.jobs import ray_engine  # here, since it is needed with this engine alone

    with ray_engine.connected(jobs, address) as engine:
        yield engine


def _outcome(future: Future[Any]) -> Any:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, CcharmonyError) and not isinstance(error, OutputError):
        return error
    raise error


@contextlib.contextmanager
def _one_thread_a_call() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own inside each of ours."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
