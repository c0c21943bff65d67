"""The construction of a dataset from top to bottom: photos in, composite/real pairs out."""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony.build import donors, light_pool, resume
from ccharmony.build.find import find_photos, refuse_without_masks
from ccharmony.build.fingerprint import compute_fingerprint
from ccharmony.build.light import RecordedLight, to_json
from ccharmony.build.pairs import PhotoPairs
from ccharmony.build.photo_cache import PhotoCache
from ccharmony.build.settings import BuildSettings
from ccharmony.build.skipped import count_unread, skip_into
from ccharmony.build.stages import BuildContext, decode_for_light, light_stage, pair_stage, record_photo_light
from ccharmony.dataset import tables, write_tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.files import StrPath
from ccharmony.jobs.engine import Engine, Result
from ccharmony.jobs.journal import KEPT, Journal, begin_journal
from ccharmony.jobs.stage import Outcome, run_stage
from ccharmony.jobs.threads import Threads
from ccharmony.outputs import claim_folder
from ccharmony.progress import Progress, no_progress
from ccharmony.records import FitRecord, Pair, Photo, Split

log = logging.getLogger(__name__)


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
    skip = skip_into(report, strict=strict)
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
            skip=count_unread(report, skip),
            check=fingerprint.check,
            progress=progress or no_progress,
        )
        context = BuildContext(settings, out, splits, PhotoCache(), same_times, check)
        results = _run_stages(run, photos, context, pool, report)
        report.plan, report.inputs = fingerprint.digest, fingerprint.times
        report.seconds = round(time.monotonic() - started, 2)
        _write_dataset(settings, out, journal, results, report)
    return report


@dataclass(frozen=True)
class _BuildResults:
    """The lights of the photos, those of all donors, and the pairs, each by photo id, with the rows of the manifest."""

    recorded: Mapping[str, RecordedLight]
    lights: Mapping[str, FitRecord]
    pairs: Mapping[str, PhotoPairs]
    rows: Sequence[Pair]


def _run_stages(
    run: Callable[..., Outcome[Any]],
    photos: Sequence[Photo],
    context: BuildContext,
    pool: Mapping[str, FitRecord],
    report: BuildReport,
) -> _BuildResults:
    """Record the light of each photo that shows a checker, then make the pairs of each photo that has a mask."""
    charted = [photo for photo in photos if photo.charted]
    recorded = run(light_stage(context), charted).results
    splits = _adapt_splits(photos, context.splits, {**pool, **_own_lights(recorded, context.splits)}, report)
    lights = {**pool, **_own_lights(recorded, splits)}
    if not lights:
        reason = report.first_problem if report.problems else "they show none, wanted --lights with recorded lights"
        raise SourceError(f"no checker of {len(photos)} photos could be fitted; {reason}")
    write_tables.prepare_folders(context.out)
    ready = [photo for photo in photos if photo.masks and (photo.id in recorded or not photo.charted)]
    made = run(pair_stage(dataclasses.replace(context, splits=splits), recorded, lights), ready)
    return _BuildResults(recorded, lights, made.results, _gather(made, report))


def _write_dataset(
    settings: BuildSettings, out: Path, journal: Journal, results: _BuildResults, report: BuildReport
) -> None:
    """Write the journal that the dataset keeps, and its tables; the journal of the unfinished build goes."""
    stages = {"lights": _stored(results.recorded, to_json), "pairs": _stored(results.pairs, PhotoPairs.to_json)}
    journal.keep(report.plan, stages)
    settled = settings.as_dict(), report.as_dict()
    write_tables.write_tables(out, results.rows, results.lights, *settled, former=journal.former(), others=[KEPT])
    journal.clear()


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
    skip = skip_into(report, strict=strict)
    photos = find_photos(settings, report, skip)
    splits = donors.assign_splits(photos, settings.test_share, settings.pair.seed)
    records = []
    for count, photo in enumerate(photos, start=1):
        try:
            record = record_photo_light(settings, photo, decode_for_light(settings, photo)).record
            records.append(dataclasses.replace(record, split=splits[photo.id]))
        except CcharmonyError as error:
            skip(error)
        (progress or no_progress)("lights", count, len(photos))
    return records, report


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
