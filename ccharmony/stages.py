"""One stage of a build: the same work for every photo, on several threads, finished photos kept in the journal."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2

from ccharmony.errors import CcharmonyError, OutputError
from ccharmony.journal import Journal
from ccharmony.manifest import Photo

Result = TypeVar("Result")
Work = Callable[[Photo, threading.Event], Result]
Progress = Callable[[str, int, int], None]
"""Called with the stage's name, the photos done and their number."""


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A stage: its name in the journal, its work, and how a result is kept.

    Attributes
    ----------
    name
        Name in the journal and for the reader.
    work
        Makes the result of one photo; looks at the event now and then, and raises once it is set.
    to_json, from_json
        How the journal keeps a result.
    """

    name: str
    work: Work[Result]
    to_json: Callable[[Result], Any]
    from_json: Callable[[Any], Result]


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What a stage gave.

    Attributes
    ----------
    results
        By photo id, in the order of the photos.
    resumed
        How many of them an earlier run had finished.
    """

    results: Mapping[str, Result]
    resumed: int


def run(
    stage: Stage[Result],
    photos: Sequence[Photo],
    journal: Journal,
    *,
    jobs: int,
    skip: Callable[[CcharmonyError], None],
    progress: Progress,
) -> Outcome[Result]:
    """Do the work of a stage for every photo that the journal has not finished.

    Parameters
    ----------
    stage
        What to do.
    photos
        For which photos.
    journal
        Where results are kept.
    jobs
        Photos worked on at a time.
    skip
        Called with the error of a photo that is left out; may raise it.
    progress
        Called after each photo.

    Raises
    ------
    OutputError
        A result cannot be written; the stage stops.
    """
    done: dict[str, Result] = {}
    for photo in photos:
        if (kept := journal.load(stage.name, photo.id)) is not None:
            done[photo.id] = stage.from_json(kept)
    resumed = len(done)
    waiting = [photo for photo in photos if photo.id not in done]
    for count, (photo, result) in enumerate(_pool(waiting, stage.work, jobs), start=resumed + 1):
        if isinstance(result, CcharmonyError):
            skip(result)
        else:
            journal.save(stage.name, photo.id, stage.to_json(result))
            done[photo.id] = result
        progress(stage.name, count, len(photos))
    return Outcome({photo.id: done[photo.id] for photo in photos if photo.id in done}, resumed)


def _pool(photos: Sequence[Photo], work: Work[Result], jobs: int) -> Iterator[tuple[Photo, Result | CcharmonyError]]:
    """Run the work on threads: codecs and array arithmetic, which take the time, release the interpreter's lock."""
    stop = threading.Event()
    executor = ThreadPoolExecutor(jobs)
    with _one_thread_a_call():
        try:
            futures = {executor.submit(work, photo, stop): photo for photo in photos}
            for future in as_completed(futures):
                error = future.exception()
                if error is None:
                    yield futures[future], future.result()
                elif isinstance(error, CcharmonyError) and not isinstance(error, OutputError):
                    yield futures[future], error
                else:
                    raise error
        finally:
            stop.set()
            executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _one_thread_a_call() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own inside each of ours."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
