"""The construction of a dataset from top to bottom: photos in, composite/real pairs out."""

from __future__ import annotations

import dataclasses
import functools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony.arrays import UInt8
from ccharmony.build import donors, light_pool, pairs, resume
from ccharmony.build.find import find_photos, refuse_without_masks
from ccharmony.build.fingerprint import compute_fingerprint, digest_files, digest_lights
from ccharmony.build.light import RecordedLight, from_json, record_light, to_json
from ccharmony.build.pairs import PhotoLights, PhotoPairs
from ccharmony.build.photo_cache import PhotoCache
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset import tables, write_tables
from ccharmony.dataset.build_report import SHOWN, BuildReport
from ccharmony.errors import CcharmonyError, CheckerError, FitError, SourceError
from ccharmony.files import StrPath
from ccharmony.jobs.engine import Engine, Result
from ccharmony.jobs.journal import KEPT, begin_journal
from ccharmony.jobs.stage import Outcome, Stage, run_stage
from ccharmony.jobs.threads import Threads
from ccharmony.outputs import claim_folder
from ccharmony.progress import Progress, no_progress
from ccharmony.records import FitRecord, Pair, Photo, Split
from ccharmony.sources import reading

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _BuildContext:
    """The context of the work of both stages; an engine may send it to another process."""

    settings: BuildSettings
    out: Path
    splits: Mapping[str, Split]
    decoded: PhotoCache
    same_times: bool = True
    check: bool = False

    def has_inputs(self, photo: Photo, known: Sequence[str]) -> bool:
        """Return whether a photo's files are those of an earlier result: by their times, or by their content."""
        return self.same_times or list(known) == digest_files(photo)


def build_dataset(
    settings: BuildSettings,
    out: StrPath,
    *,
    jobs: int = 1,
    engine: Engine | None = None,
    strict: bool = False,
    fresh: bool = False,
    check: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Build a dataset.

    Parameters
    ----------
    settings
        Settings of the build.
    out
        Folder to build into; an interrupted build in it is resumed.
    jobs
        Photos processed at a time. The files written do not depend on it.
    engine
        Engine that runs the work, see `ccharmony.jobs.engine`; `jobs` threads by default. Files do not depend on it.
    strict
        Whether the first bad photo stops the build.
    fresh
        Whether the work of an unfinished build in the folder is dropped. A finished dataset is then refused, unless it
        is damaged or left out what could not be read.
    check
        Whether the hashes of pictures made before are compared, too, not their sizes alone.
    progress
        Called with the stage, the number of photos done and that of all.

    Returns
    -------
    BuildReport
        Counts by split, and one line for each problem.

    Raises
    ------
    SourceError
        A source is missing, no photo has a mask, or none gives a pair.
    OutputError
        The folder cannot be written, is in use, or holds a dataset or an unfinished build of other settings.
    SettingsError
        A worker of the engine does not see the folder or the photos.
    CcharmonyError
        With `strict`, the error of the first bad photo.
    """
    started, out = time.monotonic(), Path(out)
    report = BuildReport()
    skip = _raise if strict else _note_problems_in(report)
    with claim_folder(out, resume.JOB, settings.inputs()), begin_journal(out) as journal:
        resume.refuse_other_work(settings, out, journal, fresh)
        photos = find_photos(settings, report, skip)
        refuse_without_masks(settings, photos)
        splits = donors.assign_splits(photos, settings.test_share, settings.pair.seed)
        pool = light_pool.read_light_pool(settings.release, settings.lights, settings.kind)
        fingerprint = compute_fingerprint(settings, photos, pool)
        resume.refuse_other_work(settings, out, journal, fresh, fingerprint.digest)
        finished = None if fresh else resume.read_finished(out, fingerprint.digest, fingerprint.times, check=check)
        if finished and set(report.problems) <= set(finished.problems):  # a file that gives nothing may have come since
            journal.clear()
            return finished
        same_times = resume.begin(out, journal, fingerprint, settings, fresh)
        engine = engine or Threads(jobs)
        engine.check(journal.folder, photos[0])
        run = functools.partial(
            run_stage,
            journal=journal,
            engine=engine,
            skip=_counting(report, skip),
            check=fingerprint.check,
            progress=progress or no_progress,
        )
        context = _BuildContext(settings, out, splits, PhotoCache(), same_times, check)
        recorded = run(_lights_stage(context), [photo for photo in photos if photo.charted]).results
        splits = _adapt_splits(photos, splits, {**pool, **_own_lights(recorded, splits)}, report)
        context = dataclasses.replace(context, splits=splits)
        lights = {**pool, **_own_lights(recorded, splits)}
        if not lights:
            reason = report.first_problem if report.problems else "they show none, wanted --lights with recorded lights"
            raise SourceError(f"no checker of {len(photos)} photos could be fitted; {reason}")
        write_tables.prepare_folders(out)
        ready = [photo for photo in photos if photo.masks and (photo.id in recorded or not photo.charted)]
        made = run(_pairs_stage(context, recorded, lights), ready)
        rows = _gather(made, report)
        report.plan, report.inputs = fingerprint.digest, fingerprint.times
        report.seconds = round(time.monotonic() - started, 2)
        results = {"lights": _stored(recorded, to_json), "pairs": _stored(made.results, PhotoPairs.to_json)}
        journal.keep(fingerprint.digest, results)
        settled = settings.as_dict(), report.as_dict()
        write_tables.write_tables(out, rows, lights, *settled, former=journal.former(), others=[KEPT])
        journal.clear()
    return report


def record_lights(
    settings: BuildSettings, *, strict: bool = False, progress: Progress | None = None
) -> tuple[list[FitRecord], BuildReport]:
    """Record the light of every photo of the sources and write nothing; this is what `inspect --src` shows.

    Parameters
    ----------
    settings
        Sources and fit.
    strict, progress
        As in `build_dataset`.

    Returns
    -------
    records
        Lights in the order of the photos, each with a split.
    report
        One line for each photo that has none.
    """
    report = BuildReport()
    skip = _raise if strict else _note_problems_in(report)
    photos = find_photos(settings, report, skip)
    splits = donors.assign_splits(photos, settings.test_share, settings.pair.seed)
    records = []
    for count, photo in enumerate(photos, start=1):
        try:
            record = _record_light(settings, photo, _read_for_light(settings, photo)).record
            records.append(dataclasses.replace(record, split=splits[photo.id]))
        except CcharmonyError as error:
            skip(error)
        (progress or no_progress)("lights", count, len(photos))
    return records, report


def _lights_stage(context: _BuildContext) -> Stage[RecordedLight]:
    """Return the stage that fits the light of a photo that shows a checker."""

    def work(photo: Photo, _: threading.Event) -> RecordedLight:
        image = _read_for_light(context.settings, photo)
        light = _record_light(context.settings, photo, image)
        if image is not None and photo.masks:
            context.decoded.add(photo.id, image)
        return dataclasses.replace(light, inputs=tuple(digest_files(photo)))

    def holds(photo: Photo, light: RecordedLight) -> bool:
        return context.has_inputs(photo, light.inputs)

    return Stage("lights", work, to_json, from_json, holds)


def _read_for_light(settings: BuildSettings, photo: Photo) -> UInt8 | None:
    """Decode a photo whose patches have to be read."""
    return None if photo.patches is not None else reading.read_photo(photo, max_pixels=settings.max_pixels)


def _record_light(settings: BuildSettings, photo: Photo, image: UInt8 | None) -> RecordedLight:
    kind = settings.override.get(photo.id, settings.kind)
    flagged = {"drop_flagged": settings.drop_flagged, "keep_flagged": settings.keep_flagged}
    return record_light(image, photo, kind, **flagged)


def _adapt_splits(
    photos: Sequence[Photo], splits: Mapping[str, Split], lights: Mapping[str, FitRecord], report: BuildReport
) -> dict[str, Split]:
    """Return the splits that give every photo a donor, and report a change."""
    counts = Counter(light.split for light in lights.values())
    adapted, note = donors.adapt_splits(photos, splits, counts)
    if note:
        report.found.append(note)
        log.info("%s", note)
    return adapted


def _own_lights(found: Mapping[str, RecordedLight], splits: Mapping[str, Split]) -> dict[str, FitRecord]:
    """Return the photos' own lights by id, each with its split; they replace lights of the same id from the pool."""
    return {name: dataclasses.replace(light.record, split=splits[name]) for name, light in found.items()}


def _pairs_stage(
    context: _BuildContext, recorded: Mapping[str, RecordedLight], lights: Mapping[str, FitRecord]
) -> Stage[PhotoPairs]:
    """Return the stage that makes the pairs of a photo with a mask and a light, its own or the nearest recorded one."""
    settings, out, of_all = context.settings, context.out, digest_lights(lights)

    def read(photo: Photo) -> UInt8:
        known = context.decoded.pop(photo.id)
        return reading.read_photo(photo, max_pixels=settings.max_pixels) if known is None else known

    def work(photo: Photo, stop: threading.Event) -> PhotoPairs:
        images = [read(photo)]  # emptied below, so that the photo is freed once its crop is made
        split = context.splits[photo.id]
        others = {name: record for name, record in lights.items() if record.split == split and name != photo.id}
        if photo.charted:
            shown = recorded[photo.id]
            light = PhotoLights(lights[photo.id], others, shown.box, split, settings.arithmetic, shown.others)
        else:
            own = others.pop(light_pool.find_nearest_light(images[0], others).id)
            light = PhotoLights(own, others, None, split, settings.arithmetic)
        made = pairs.make_pairs(photo, images.pop(), light, settings.pair, out, stop)
        sizes = {name: (out / name).stat().st_size for name in tables.pictures_of(made.pairs)}
        return dataclasses.replace(made, inputs=digest_files(photo), lights=of_all, sizes=sizes)

    def holds(photo: Photo, made: PhotoPairs) -> bool:
        same = made.lights == of_all and not made.unread and context.has_inputs(photo, made.inputs)
        return same and resume.are_whole(out, made, check=context.check)

    def files_of(made: PhotoPairs) -> dict[str, str]:
        return tables.pictures_of(made.pairs)

    return Stage("pairs", work, PhotoPairs.to_json, PhotoPairs.from_json, holds, files_of)


def _stored(results: Mapping[str, Result], to_json: Callable[[Result], Any]) -> Iterator[tuple[str, Any]]:
    """Yield results as the journal stores them, each with its photo, in the order of ids."""
    yield from ((name, to_json(results[name])) for name in sorted(results))


def _gather(made: Outcome[PhotoPairs], report: BuildReport) -> list[Pair]:
    """Return all rows in the manifest's order, and add up the problems and counts of the photos."""
    report.resumed = made.resumed
    for result in made.results.values():
        report.problems += result.problems
        report.shortages += result.shortages
        report.passed_clipped += result.passed_clipped
        report.passed_unchanged += result.passed_unchanged
        report.unread += result.unread
    report.problems.sort()
    report.shortages.sort()
    rows = sorted((row for result in made.results.values() for row in result.pairs), key=tables.manifest_order)
    if not rows:
        raise SourceError(f"no pair was made of {len(made.results)} photos with masks; {report.first_problem}")
    report.count(rows)
    return rows


def _note_problems_in(report: BuildReport) -> Callable[[CcharmonyError], None]:
    def skip(error: CcharmonyError) -> None:
        report.problems.append(str(error))
        if len(report.problems) <= SHOWN:
            log.warning("skipped: %s", error)

    return skip


def _counting(report: BuildReport, skip: Callable[[CcharmonyError], None]) -> Callable[[CcharmonyError], None]:
    """Return `skip`, counting photos that another build may read; a chart or a fit fails each time."""

    def count(error: CcharmonyError) -> None:
        report.unread += not isinstance(error, CheckerError | FitError)
        skip(error)

    return count


def _raise(error: CcharmonyError) -> None:
    raise error
