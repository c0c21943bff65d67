"""One stage of a build: the same work for every photo, by an engine, finished photos kept in the journal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ccharmony.errors import CcharmonyError
from ccharmony.jobs.engine import Engine, Result, Work
from ccharmony.jobs.journal import Journal
from ccharmony.progress import Progress
from ccharmony.records import Photo

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A stage: its name in the journal, its work, and how a result is kept.

    Attributes
    ----------
    name
        Name in the journal and for the reader.
    work
        Makes the result of one photo.
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


def run_stage(
    stage: Stage[Result],
    photos: Sequence[Photo],
    journal: Journal,
    *,
    engine: Engine,
    skip: Callable[[CcharmonyError], None],
    complaint: Callable[[Photo], CcharmonyError | None],
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
    engine
        What does the work.
    skip
        Called with the error of a photo that is left out; may raise it.
    complaint
        Asked after a photo has been worked on; what it returns is the photo's error.
    progress
        Called after each photo.

    Raises
    ------
    OutputError
        A result cannot be written; the stage stops.
    """
    kept = journal.load(stage.name, stage.from_json)
    done = {photo.id: kept[photo.id] for photo in photos if photo.id in kept}
    resumed = len(done)
    waiting = [photo for photo in photos if photo.id not in done]
    if resumed:
        log.info("%s: %d of %d photos finished before, %d left", stage.name, resumed, len(photos), len(waiting))
    with contextlib.closing(engine.run(stage.work, waiting)) as finished:
        for count, (photo, result) in enumerate(finished, start=resumed + 1):
            error = result if isinstance(result, CcharmonyError) else complaint(photo)
            if error is not None:
                skip(error)
            elif not isinstance(result, CcharmonyError):
                journal.save(stage.name, photo.id, stage.to_json(result))
                done[photo.id] = result
            progress(stage.name, count, len(photos))
    return Outcome({photo.id: done[photo.id] for photo in photos if photo.id in done}, resumed)
