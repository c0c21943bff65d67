"""The whole construction, top to bottom: photos in, composite/real pairs out."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccharmony import __version__, dataset, donors, journal, lenders, lights, manifest, pairs, pixels, sources, store
from ccharmony.errors import CcharmonyError, ManifestError, OutputError, SourceError
from ccharmony.journal import Journal
from ccharmony.lights import Light
from ccharmony.manifest import Pair, Photo, Split
from ccharmony.pairs import PhotoLight, PhotoPairs
from ccharmony.settings import BuildReport, BuildSettings
from ccharmony.stages import Outcome, Progress, Stage
from ccharmony.stages import run as run_stage

log = logging.getLogger(__name__)


def build(
    settings: BuildSettings, out: Path, *, jobs: int = 1, strict: bool = False, progress: Progress | None = None
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
    strict
        Whether the first bad photo stops the build.
    progress
        Called with the stage, the photos done and their number.

    Raises
    ------
    SourceError
        A source is missing, or no photo at all gives a pair.
    OutputError
        The folder cannot be written, is in use, or holds a dataset of other settings.
    CcharmonyError
        With `strict`, whatever is wrong with the first bad photo.
    """
    started = time.monotonic()
    report = BuildReport()
    skip = _stop if strict else _skipper(report)
    _refuse_other_dataset(settings, out)
    photos = _find_photos(settings, report, skip)
    splits = donors.split(photos, settings.test_share, settings.pair.seed)
    plan = _plan(settings, photos)
    if finished := _read_finished(out, plan):
        return finished
    with journal.locked(out) as kept:
        kept.start(plan)
        options: dict[str, Any] = {"jobs": jobs, "skip": skip, "progress": progress or _no_progress}
        found = _record_lights(settings, photos, kept, options).results
        book = _book(settings, found, splits)
        if not book:
            reason = report.first_problem if report.problems else "they show none, wanted --lights to borrow from"
            raise SourceError(f"no checker of {len(photos)} photos could be fitted; {reason}")
        made = _make_pairs(settings, photos, found, book, splits, out, kept, options)
        rows = _gather(made, report)
        report.seconds, report.plan = round(time.monotonic() - started, 2), plan
        dataset.write_tables(out, rows, book, settings.as_dict(), dataclasses.asdict(report))
        kept.clear()
    return report


def record_lights(
    settings: BuildSettings, *, strict: bool = False, progress: Progress | None = None
) -> tuple[list[store.FitRecord], BuildReport]:
    """Fit the light of every photo of the sources and write nothing; what `inspect --src` shows.

    Parameters
    ----------
    settings
        Sources and fit.
    strict, progress
        As in `build`.
    """
    report = BuildReport()
    skip = _stop if strict else _skipper(report)
    photos = _find_photos(settings, report, skip)
    splits = donors.split(photos, settings.test_share, settings.pair.seed)
    records = []
    for count, photo in enumerate(photos, start=1):
        try:
            record = _record_light(settings, photo).record
            records.append(dataclasses.replace(record, split=splits[photo.id]))
        except CcharmonyError as error:
            skip(error)
        (progress or _no_progress)("lights", count, len(photos))
    return records, report


def _refuse_other_dataset(settings: BuildSettings, out: Path) -> None:
    """Refuse a folder with a finished dataset of other settings; nothing of it is touched."""
    finished = dataset.read_settings(out)
    if not finished:
        return
    wanted = json.loads(json.dumps(settings.as_dict()))
    if different := sorted(name for name in wanted if wanted[name] != finished.get(name)):
        raise OutputError(f"{out}: holds a dataset of other settings ({', '.join(different)}), wanted a new folder")


def _find_photos(settings: BuildSettings, report: BuildReport, skip: Callable[[CcharmonyError], None]) -> list[Photo]:
    found = sources.find(settings.src, settings.data, settings.release)
    report.found += found.summary
    for problem in found.problems:
        skip(SourceError(problem))
    photos = [photo for photo in found.photos if photo.id not in settings.exclude]
    if not photos:
        raise SourceError(f"no photo of {' '.join(settings.src)} in {settings.data} to build from")
    return photos


def _read_finished(out: Path, plan: str) -> BuildReport | None:
    """Return the report of a dataset of the same plan if all its files are there; None otherwise."""
    content = dataset.read_report(out)
    try:
        rows = manifest.read_pairs(out / dataset.MANIFEST)
        report = BuildReport(**{name: content[name] for name in BuildReport.__dataclass_fields__})
    except (KeyError, ManifestError):
        return None
    files = {name for row in rows for name in (row.composite, row.mask, row.real)} | {dataset.FITS}
    if report.plan != plan or not all((out / name).is_file() for name in files):
        return None
    report.resumed, report.seconds = sum(report.photos.values()), 0.0
    return report


def _plan(settings: BuildSettings, photos: Sequence[Photo]) -> str:
    """Return a digest of all that decides the result: settings, and every input file's name, size and time."""
    digest = hashlib.sha256(json.dumps([__version__, settings.as_dict()], sort_keys=True).encode())
    if settings.lights:
        digest.update(f"{settings.lights} {_stamp(settings.lights)}\n".encode())
    for photo in photos:
        for path in (photo.path, *photo.masks.values()):
            digest.update(f"{photo.id} {path!r} {_stamp(path)}\n".encode())
    return digest.hexdigest()


def _stamp(source: pixels.Readable) -> str:
    """Return size and time of a file, or of the archive or table that a mask comes out of."""
    for path in (source, getattr(source, "archive", None), getattr(source, "source", None)):
        if isinstance(path, Path):
            with contextlib.suppress(OSError):
                status = path.stat()
                return f"{status.st_size} {status.st_mtime_ns}"
    return ""


def _record_lights(
    settings: BuildSettings, photos: Sequence[Photo], kept: Journal, options: Mapping[str, Any]
) -> Outcome[Light]:
    """Fit the light of every photo that shows a checker; photos that are refused are reported and left out."""

    def work(photo: Photo, _: threading.Event) -> Light:
        return _record_light(settings, photo)

    stage = Stage("lights", work, lights.to_json, lights.from_json)
    return run_stage(stage, [photo for photo in photos if photo.charted], kept, **options)


def _record_light(settings: BuildSettings, photo: Photo) -> Light:
    kind = settings.override.get(photo.id, settings.kind)
    image = None if photo.patches is not None else sources.read(photo)
    return lights.record_light(image, photo, kind, drop_flagged=settings.drop_flagged)


def _book(
    settings: BuildSettings, found: Mapping[str, Light], splits: Mapping[str, Split]
) -> dict[str, store.FitRecord]:
    """Return every light that may be lent, by id, each with its split: the photos' own, then those of elsewhere."""
    own = {name: dataclasses.replace(light.record, split=splits[name]) for name, light in found.items()}
    return {**lenders.read(settings.release, settings.lights, settings.kind), **own}


def _make_pairs(
    settings: BuildSettings,
    photos: Sequence[Photo],
    found: Mapping[str, Light],
    book: Mapping[str, store.FitRecord],
    splits: Mapping[str, Split],
    out: Path,
    kept: Journal,
    options: Mapping[str, Any],
) -> Outcome[PhotoPairs]:
    """Make the pairs of every photo that has a mask and a light, its own or a borrowed one."""
    for folder in dataset.FOLDERS:
        pixels.make_folder(out / folder)

    def work(photo: Photo, stop: threading.Event) -> PhotoPairs:
        split = splits[photo.id]
        others = {name: record for name, record in book.items() if record.split == split and name != photo.id}
        if photo.charted:
            light = PhotoLight(book[photo.id], others, found[photo.id].box, split, settings.arithmetic)
        else:
            own = others.pop(lenders.nearest(sources.read(photo), others).id)
            light = PhotoLight(own, others, None, split, settings.arithmetic)
        return pairs.make_pairs(photo, sources.read(photo), light, settings.pair, out, stop)

    ready = [photo for photo in photos if photo.masks and (photo.id in found or not photo.charted)]
    return run_stage(Stage("pairs", work, PhotoPairs.to_json, PhotoPairs.from_json), ready, kept, **options)


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
    rows = sorted((row for result in made.results.values() for row in result.pairs), key=dataset.place)
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


def _no_progress(_stage: str, _done: int, _total: int) -> None:
    """Show nothing."""
