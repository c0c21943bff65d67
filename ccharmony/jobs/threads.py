"""The engine of one machine: threads of this process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from ccharmony.errors import CcharmonyError, OutputError
from ccharmony.jobs.engine import AHEAD, Finished, PhotoWork, Result
from ccharmony.records import Photo

_SECONDS_TO_STOP = 1.0
"""How long a thread that writes a file may take to finish it. A thread that decodes or searches for a chart may run
longer, but is stopped before it writes anything."""


class Threads:
    """Threads of this process: codecs and array arithmetic, which take the time, release the interpreter's lock.

    Parameters
    ----------
    jobs
        Photos processed at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs

    def check(self, folder: Path, photo: Photo) -> None:
        """Accept always: threads see what their process sees."""

    def run(self, work: PhotoWork[Result], photos: Sequence[Photo]) -> Finished[Result]:
        """See `Engine.run`."""
        stop = threading.Event()
        jobs = max(min(self.jobs, len(photos)), 1)
        executor = ThreadPoolExecutor(jobs)
        left = iter(photos)
        waiting: dict[Future[Result], Photo] = {}
        with _one_thread_a_call():
            try:
                while True:
                    for photo in islice(left, AHEAD * jobs - len(waiting)):
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
