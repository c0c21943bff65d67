"""One stage of a build: the same work on every photo, run by an engine; finished photos are saved in the journal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ccharmony.errors import CcharmonyError
from ccharmony.jobs.engine import Engine, PhotoWork, Result
from ccharmony.jobs.journal import Journal
from ccharmony.progress import Progress
from ccharmony.records import Photo

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A stage: its name in the journal, its work, and how a result is saved.

    Attributes
    ----------
    name
        Name in the journal and for the reader.
    work
        Returns the result of one photo.
    to_json, from_json
        How the journal stores a result.
    holds
        Whether the result that the journal has of a photo still holds; the photo is worked on again otherwise.
    files_of
        Returns the files that a result stands for: SHA-256 by name below the output folder.
    """

    name: str
    work: PhotoWork[Result]
    to_json: Callable[[Result], Any]
    from_json: Callable[[Any], Result]
    holds: Callable[[Photo, Result], bool]
    files_of: Callable[[Result], Mapping[str, str]] = lambda _: {}


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """The results of a stage.

    Attributes
    ----------
    results
        By photo id, in the order of the photos.
    resumed
        How many of them an earlier run had finished.
    """

    results: Mapping[str, Result]
    resumed: int


def run_stage(
    stage: Stage[Result],
    photos: Sequence[Photo],
    journal: Journal,
    *,
    engine: Engine,
    skip: Callable[[CcharmonyError], None],
    check: Callable[[Photo], CcharmonyError | None],
    progress: Progress,
) -> Outcome[Result]:
    """Run the work of a stage on every photo that is not in the journal.

    Parameters
    ----------
    stage
        The work.
    photos
        The photos to run it on.
    journal
        Journal that results are saved in.
    engine
        Engine that runs the work.
    skip
        Called with the error of a photo that is left out; may raise it.
    check
        Called when the work on a photo is finished; the error that it returns, if any, is the photo's.
    progress
        Called after each photo.

    Returns
    -------
    Outcome
        Results by photo id, and how many of them were in the journal.

    Raises
    ------
    OutputError
        A result cannot be written; the stage stops.
    """
    saved = journal.load(stage.name, stage.from_json)
    done = {photo.id: saved[photo.id] for photo in photos if photo.id in saved and stage.holds(photo, saved[photo.id])}
    resumed = len(done)
    waiting = [photo for photo in photos if photo.id not in done]
    if resumed:
        log.info("%s: %d of %d photos finished before, %d left", stage.name, resumed, len(photos), len(waiting))
    with contextlib.closing(engine.run(stage.work, waiting)) as finished:
        for count, (photo, result) in enumerate(finished, start=resumed + 1):
            if isinstance(result, CcharmonyError):
                skip(result)
            elif error := check(photo):
                journal.remember(stage.files_of(result))  # they are there, and go when the dataset is finished
                skip(error)
            else:
                journal.save(stage.name, photo.id, stage.to_json(result))
                done[photo.id] = result
            progress(stage.name, count, len(photos))
    return Outcome({photo.id: done[photo.id] for photo in photos if photo.id in done}, resumed)
