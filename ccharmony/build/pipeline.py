"""The whole construction, top to bottom: photos in, composite/real pairs out."""

from __future__ import annotations

import dataclasses
import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony import sources
from ccharmony.arrays import UInt8
from ccharmony.build import donors, fingerprint, light_pool, pairs, resume
from ccharmony.build.light import Light, from_json, record_light, to_json
from ccharmony.build.pairs import PhotoLight, PhotoPairs
from ccharmony.build.photo_cache import Recent
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset import tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.files import StrPath
from ccharmony.jobs import journal
from ccharmony.jobs.engine import Engine
from ccharmony.jobs.stage import Outcome, Stage, run_stage
from ccharmony.jobs.threads import Threads
from ccharmony.progress import Progress, no_progress
from ccharmony.records import FitRecord, Pair, Photo, Split

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """What the work of both stages needs; an engine may send it elsewhere."""

    settings: BuildSettings
    out: Path
    splits: Mapping[str, Split]
    decoded: Recent


def build_dataset(
    settings: BuildSettings,
    out: StrPath,
    *,
    jobs: int = 1,
    engine: Engine | None = None,
    strict: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Build a dataset.

    Parameters
    ----------
    settings
        What to build.
    out
        Folder to build into; a build that was killed there is gone on with.
    jobs
        Photos worked on at a time. The files written do not depend on it.
    engine
        What works on the photos, see `engines`; `jobs` threads by default. The files written do not depend on it.
    strict
        Whether the first bad photo stops the build.
    fresh
        Whether what an unfinished build of the folder has done is dropped. A finished dataset is refused then.
    progress
        Called with the stage, the photos done and their number.

    Raises
    ------
    SourceError
        A source is missing, or no photo at all gives a pair.
    OutputError
        The folder cannot be written, is in use, or holds a dataset or an unfinished build of other settings.
    SettingsError
        A worker of the engine does not see the folder or the photos.
    CcharmonyError
        With `strict`, whatever is wrong with the first bad photo.
    """
    started, out = time.monotonic(), Path(out)
    report = BuildReport()
    skip = _stop if strict else _skipper(report)
    with journal.locked(out) as kept:
        resume.refuse_others_work(settings, out, kept, fresh)
        photos = _find_photos(settings, report, skip)
        splits = donors.split(photos, settings.test_share, settings.pair.seed)
        lent = light_pool.read(settings.release, settings.lights, settings.kind)
        planned = fingerprint.draw(settings, photos, lent)
        if finished := resume.read_finished(out, planned.digest):
            kept.clear()
            return finished
        resume.begin(out, kept, planned.digest, settings)
        engine = engine or Threads(jobs)
        engine.check(kept.folder, photos[0])
        follow = functools.partial(
            run_stage,
            journal=kept,
            engine=engine,
            skip=skip,
            complaint=planned.complaint,
            progress=progress or no_progress,
        )
        job = _Job(settings, out, splits, Recent())
        found = follow(_lights_stage(job), [photo for photo in photos if photo.charted]).results
        book = {**lent, **_own_lights(found, splits)}
        if not book:
            reason = report.first_problem if report.problems else "they show none, wanted --lights to borrow from"
            raise SourceError(f"no checker of {len(photos)} photos could be fitted; {reason}")
        tables.begin(out)
        ready = [photo for photo in photos if photo.masks and (photo.id in found or not photo.charted)]
        made = follow(_pairs_stage(job, found, book), ready)
        rows = _gather(made, report)
        report.seconds, report.plan = round(time.monotonic() - started, 2), planned.digest
        tables.write_tables(out, rows, book, settings.as_dict(), report.as_dict())
        kept.clear()
    return report


def record_lights(
    settings: BuildSettings, *, strict: bool = False, progress: Progress | None = None
) -> tuple[list[FitRecord], BuildReport]:
    """Fit the light of every photo of the sources and write nothing; what `inspect --src` shows.

    Parameters
    ----------
    settings
        Sources and fit.
    strict, progress
        As in `build_dataset`.
    """
    report = BuildReport()
    skip = _stop if strict else _skipper(report)
    photos = _find_photos(settings, report, skip)
    splits = donors.split(photos, settings.test_share, settings.pair.seed)
    records = []
    for count, photo in enumerate(photos, start=1):
        try:
            record = _record_light(settings, photo, _read_for_light(settings, photo)).record
            records.append(dataclasses.replace(record, split=splits[photo.id]))
        except CcharmonyError as error:
            skip(error)
        (progress or no_progress)("lights", count, len(photos))
    return records, report


def _find_photos(settings: BuildSettings, report: BuildReport, skip: Callable[[CcharmonyError], None]) -> list[Photo]:
    found = sources.find(settings.src, settings.data, settings.release)
    report.found += found.summary
    for problem in found.problems:
        skip(SourceError(problem))
    photos = [photo for photo in found.photos if photo.id not in settings.exclude]
    if not photos:
        raise SourceError(f"no photo of {' '.join(settings.src)} in {settings.data} to build from")
    return photos


def _lights_stage(job: _Job) -> Stage[Light]:
    """Return the stage that fits the light of a photo that shows a checker."""

    def work(photo: Photo, _: threading.Event) -> Light:
        image = _read_for_light(job.settings, photo)
        light = _record_light(job.settings, photo, image)
        if image is not None and photo.masks:
            job.decoded.keep(photo.id, image)
        return light

    return Stage("lights", work, to_json, from_json)


def _read_for_light(settings: BuildSettings, photo: Photo) -> UInt8 | None:
    """Decode a photo whose patches have to be read."""
    return None if photo.patches is not None else sources.read(photo, max_pixels=settings.max_pixels)


def _record_light(settings: BuildSettings, photo: Photo, image: UInt8 | None) -> Light:
    kind = settings.override.get(photo.id, settings.kind)
    return record_light(image, photo, kind, drop_flagged=settings.drop_flagged)


def _own_lights(found: Mapping[str, Light], splits: Mapping[str, Split]) -> dict[str, FitRecord]:
    """Return the photos' own lights by id, each with its split; they win over lights of the same id from elsewhere."""
    return {name: dataclasses.replace(light.record, split=splits[name]) for name, light in found.items()}


def _pairs_stage(job: _Job, found: Mapping[str, Light], book: Mapping[str, FitRecord]) -> Stage[PhotoPairs]:
    """Return the stage that makes the pairs of a photo with a mask and a light, its own or a borrowed one."""
    settings, out = job.settings, job.out

    def read(photo: Photo) -> UInt8:
        known = job.decoded.take(photo.id)
        return sources.read(photo, max_pixels=settings.max_pixels) if known is None else known

    def work(photo: Photo, stop: threading.Event) -> PhotoPairs:
        images = [read(photo)]  # given away below: held here too, it would not be freed once its crop is made
        split = job.splits[photo.id]
        others = {name: record for name, record in book.items() if record.split == split and name != photo.id}
        if photo.charted:
            light = PhotoLight(book[photo.id], others, found[photo.id].box, split, settings.arithmetic)
        else:
            own = others.pop(light_pool.nearest(images[0], others).id)
            light = PhotoLight(own, others, None, split, settings.arithmetic)
        return pairs.make_pairs(photo, images.pop(), light, settings.pair, out, stop)

    def read_kept(data: Any) -> PhotoPairs:
        result = PhotoPairs.from_json(data)
        if not resume.are_there(out, result.pairs):
            raise ValueError("a picture is gone")
        return result

    return Stage("pairs", work, PhotoPairs.to_json, read_kept)


def _gather(made: Outcome[PhotoPairs], report: BuildReport) -> list[Pair]:
    """Return all rows in the manifest's order, and sum up the photos' reports."""
    report.resumed = made.resumed
    for result in made.results.values():
        report.problems += result.problems
        report.shortages += result.shortages
        report.passed_clipped += result.passed_clipped
        report.passed_unchanged += result.passed_unchanged
    report.problems.sort()
    report.shortages.sort()
    rows = sorted((row for result in made.results.values() for row in result.pairs), key=tables.place)
    if not rows:
        raise SourceError(f"no pair was made of {len(made.results)} photos with masks; {report.first_problem}")
    report.count(rows)
    return rows


def _skipper(report: BuildReport) -> Callable[[CcharmonyError], None]:
    def skip(error: CcharmonyError) -> None:
        report.problems.append(str(error))
        log.warning("skipped: %s", error)

    return skip


def _stop(error: CcharmonyError) -> None:
    raise error
