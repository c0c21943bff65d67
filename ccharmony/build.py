"""The whole construction: photos in, composite/real pairs out."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from ccharmony import __version__, checker, donors, journal, layout, lights, manifest, pairs, pixels, sources, store
from ccharmony.errors import CcharmonyError, OutputError, SettingsError, SourceError
from ccharmony.lights import Light
from ccharmony.manifest import Pair, Photo, Split
from ccharmony.pairs import PairSettings, PhotoLight, PhotoPairs
from ccharmony.polynomial import Kind

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Progress = Callable[[str, int, int], None]

NAME = "ccHarmony"
MANIFEST, FITS, REPORT = "manifest.csv", "fits.h5", "build.json"


@dataclass(frozen=True)
class BuildSettings:
    """Everything that decides what a build writes.

    Attributes
    ----------
    src
        Names of sources.
    data
        Folder that holds one folder a source; None for sources that need none.
    release
        Clone of the authors' repository; None without.
    fit
        Fit kind; None for ``published`` with a release and ``ridge`` without.
    drop_flagged
        Whether eleven plain terms may be fitted to fewer than 24 patches.
    test_share
        Share of the photos that go to test where the source does not say.
    exclude
        Ids of photos to leave out.
    override
        Fit kind by photo id.
    pair
        What shapes a pair; its arithmetic and limits follow `fit` and `release` unless given.
    """

    src: tuple[str, ...]
    data: Path | None = None
    release: Path | None = None
    fit: Kind | None = None
    drop_flagged: bool = False
    test_share: float = donors.TEST_SHARE
    exclude: frozenset[str] = frozenset()
    override: Mapping[str, Kind] = field(default_factory=dict)
    pair: PairSettings = field(default_factory=PairSettings)

    def __post_init__(self) -> None:
        if not self.src:
            raise SettingsError("no source named, wanted one of " + " ".join(sources.NAMES))
        if self.pair.composites < 1:
            raise SettingsError(f"{self.pair.composites} composites a foreground, wanted 1 or more")
        if not 1 <= self.pair.quality <= 100:
            raise SettingsError(f"quality {self.pair.quality}, wanted 1 to 100")

    @property
    def kind(self) -> Kind:
        """Return the fit kind that applies where no override does."""
        return self.fit or ("published" if self.release else "ridge")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON keeps them."""
        plain = dataclasses.asdict(self)
        plain.update(
            src=list(self.src),
            data=None if self.data is None else self.data.name,
            release=None if self.release is None else self.release.name,
            fit=self.kind,
            exclude=sorted(self.exclude),
            override=dict(sorted(self.override.items())),
        )
        return plain


@dataclass
class BuildReport:
    """How a build went.

    Attributes
    ----------
    photos, foregrounds, pairs
        Counts of what was written, by split where a mapping.
    problems
        One line for each photo or foreground that was skipped or came short, with the reason.
    found
        One line a source: what was found and what is missing.
    resumed
        Photos whose pairs were finished by an earlier run.
    passed_clipped, passed_unchanged
        Donors passed over.
    seconds
        Wall time.
    """

    photos: dict[str, int] = field(default_factory=dict)
    foregrounds: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    resumed: int = 0
    passed_clipped: int = 0
    passed_unchanged: int = 0
    seconds: float = 0.0


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
    run = _Run(settings, out, jobs, strict, progress or _no_progress)
    with journal.locked(out) as run.journal:
        run.refuse_other_dataset()
        photos = run.find_photos()
        run.journal.start(run.plan(photos))
        found = run.record_lights(photos)
        made = run.make_pairs(photos, found)
        run.report.seconds = round(time.monotonic() - started, 2)
        run.write_tables(found, made)
        run.journal.clear()
    return run.report


class _Run:
    """One build on its way; the methods stand in the order in which they are called."""

    journal: journal.Journal

    def __init__(self, settings: BuildSettings, out: Path, jobs: int, strict: bool, progress: Progress) -> None:
        self.settings, self.out, self.jobs, self.strict, self.progress = settings, out, jobs, strict, progress
        self.report = BuildReport()
        self.splits: dict[str, Split] = {}

    def refuse_other_dataset(self) -> None:
        """Refuse a folder with a finished dataset of other settings; nothing of it is touched."""
        try:
            finished = json.loads((self.out / REPORT).read_text(encoding="utf-8"))["settings"]
        except (OSError, ValueError, KeyError):
            return
        wanted = json.loads(json.dumps(self.settings.as_dict()))
        different = sorted(name for name in wanted if wanted[name] != finished.get(name))
        if different:
            raise OutputError(
                f"{self.out}: holds a dataset of other settings ({', '.join(different)}), wanted a new folder"
            )

    def find_photos(self) -> list[Photo]:
        """Find the photos of all sources and assign each to a split."""
        settings = self.settings
        data = settings.data or self.out / journal.FOLDER / "data"
        found = sources.find(settings.src, data, settings.release)
        self.report.found += found.summary
        for problem in found.problems:
            self.skip(SourceError(problem))
        photos = [photo for photo in found.photos if photo.id not in settings.exclude]
        if not photos:
            raise SourceError(f"no photo of {' '.join(settings.src)} to build from")
        self.splits = donors.split(photos, settings.test_share, settings.pair.seed)
        return photos

    def plan(self, photos: Sequence[Photo]) -> str:
        """Return a digest of all that decides the result: settings, and every input file's name, size and time."""
        digest = hashlib.sha256(json.dumps([__version__, self.settings.as_dict()], sort_keys=True).encode())
        for photo in photos:
            for path in (photo.path, *photo.masks.values()):
                digest.update(f"{photo.id} {path} {_stamp(path)}\n".encode())
        return digest.hexdigest()

    def record_lights(self, photos: Sequence[Photo]) -> dict[str, Light]:
        """Fit every photo's light; photos that are refused are reported and left out."""

        def work(photo: Photo, _: threading.Event) -> Light:
            kind = self.settings.override.get(photo.id, self.settings.kind)
            image = None if photo.patches is not None else sources.read(photo)
            return lights.record_light(image, photo, kind, drop_flagged=self.settings.drop_flagged)

        found = self.each("lights", photos, work, _light_to_json, _light_from_json)
        if not found:
            raise SourceError(
                f"none of {len(photos)} photos has a usable checker; the first: {self.report.problems[0]}"
            )
        return {photo.id: found[photo.id] for photo in photos if photo.id in found}

    def make_pairs(self, photos: Sequence[Photo], found: Mapping[str, Light]) -> dict[str, PhotoPairs]:
        """Make the pairs of every photo that has a light and a mask."""
        for folder in (layout.COMPOSITES, layout.MASKS, layout.REALS):
            journal.make_folder(self.out / folder)
        arithmetic = "published" if self.settings.kind == "published" else "float"
        shape = dataclasses.replace(self.settings.pair, arithmetic=arithmetic)

        def work(photo: Photo, stop: threading.Event) -> PhotoPairs:
            light = self.light_of(photo, found)
            return pairs.make_pairs(photo, sources.read(photo), light, shape, self.out, stop)

        ready = [photo for photo in photos if photo.id in found and photo.masks]
        made = self.each("pairs", ready, work, PhotoPairs.to_json, PhotoPairs.from_json)
        for result in made.values():
            self.report.problems += result.problems
            self.report.passed_clipped += result.passed_clipped
            self.report.passed_unchanged += result.passed_unchanged
        return made

    def light_of(self, photo: Photo, found: Mapping[str, Light]) -> PhotoLight:
        """Return a photo's light and the lights of the other photos of its split."""
        split = self.splits[photo.id]
        others = {
            other: light.record for other, light in found.items() if other != photo.id and self.splits[other] == split
        }
        return PhotoLight(found[photo.id].record, others, found[photo.id].box, split)

    def write_tables(self, found: Mapping[str, Light], made: Mapping[str, PhotoPairs]) -> None:
        """Write lists, manifest, fits and report, and remove pictures that no row names."""
        rows = sorted((row for result in made.values() for row in result.pairs), key=_place)
        if not rows:
            first = f"; the first problem: {self.report.problems[0]}" if self.report.problems else ""
            raise SourceError(f"no pair was made of {len(found)} photos (do they have masks?){first}")
        _remove_strays(self.out, rows)
        for split in manifest.SPLITS:
            names = [Path(row.composite).name for row in rows if row.split == split]
            pixels.write_bytes(self.out / f"{NAME}_{split}.txt", "".join(f"{name}\n" for name in names).encode())
        records = [
            dataclasses.replace(light.record, split=self.splits[photo]) for photo, light in sorted(found.items())
        ]
        plain = self.settings.as_dict()
        store.write_fits(self.out / FITS, records, checker.STANDARD, plain)
        manifest.write_pairs(self.out / MANIFEST, rows)
        self.count(rows)
        content = {"settings": plain, "versions": _versions(), **dataclasses.asdict(self.report)}
        pixels.write_bytes(self.out / REPORT, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())

    def count(self, rows: Sequence[Pair]) -> None:
        """Fill in the report's counts."""
        self.report.problems.sort()
        self.report.pairs = dict(Counter(row.split for row in rows))
        self.report.foregrounds = dict(
            Counter(split for _, _, split in {(r.photo, r.foreground, r.split) for r in rows})
        )
        self.report.photos = dict(Counter(split for _, split in {(row.photo, row.split) for row in rows}))

    def each(
        self,
        stage: str,
        photos: Sequence[Photo],
        work: Callable[[Photo, threading.Event], Result],
        to_json: Callable[[Result], Any],
        from_json: Callable[[Any], Result],
    ) -> dict[str, Result]:
        """Do the work of a stage for every photo, those that the journal has finished excepted."""
        done: dict[str, Result] = {}
        for photo in photos:
            if (kept := self.journal.load(stage, photo.id)) is not None:
                done[photo.id] = from_json(kept)
        if stage == "pairs":
            self.report.resumed = len(done)
        waiting = [photo for photo in photos if photo.id not in done]
        for count, (photo, result) in enumerate(self.pool(waiting, work), start=1):
            if isinstance(result, CcharmonyError):
                self.skip(result)
            else:
                self.journal.save(stage, photo.id, to_json(result))
                done[photo.id] = result
            self.progress(stage, len(photos) - len(waiting) + count, len(photos))
        return done

    def pool(
        self, photos: Sequence[Photo], work: Callable[[Photo, threading.Event], Result]
    ) -> Iterator[tuple[Photo, Result | CcharmonyError]]:
        """Run the work on `jobs` threads: codecs and array arithmetic, which take the time, release the lock."""
        stop = threading.Event()
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        executor = ThreadPoolExecutor(self.jobs)
        try:
            futures = {executor.submit(work, photo, stop): photo for photo in photos}
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and (not isinstance(error, CcharmonyError) or isinstance(error, OutputError)):
                    raise error
                yield futures[future], error if isinstance(error, CcharmonyError) else future.result()
        finally:
            stop.set()
            executor.shutdown(cancel_futures=True)
            cv2.setNumThreads(threads)

    def skip(self, error: CcharmonyError) -> None:
        """Report a photo that is left out; with `strict`, stop."""
        if self.strict:
            raise error
        self.report.problems.append(str(error))
        log.warning("skipped: %s", error)


def _no_progress(_stage: str, _done: int, _total: int) -> None:
    """Show nothing."""


def _light_to_json(light: Light) -> Any:
    record = dataclasses.asdict(light.record)
    arrays = {name: np.asarray(record[name]).tolist() for name in ("patches", "to_standard", "from_standard")}
    return {"record": {**record, **arrays}, "box": light.box}


def _light_from_json(data: Any) -> Light:
    record = dict(data["record"])
    for name in ("patches", "to_standard", "from_standard"):
        record[name] = np.array(record[name], np.float64)
    record["flags"] = tuple(record["flags"])
    return Light(store.FitRecord(**record), None if data["box"] is None else tuple(data["box"]))


def _place(row: Pair) -> tuple[str, str, int]:
    return row.photo, row.foreground, int(Path(row.composite).stem.rpartition("_")[2])


def _remove_strays(out: Path, rows: Sequence[Pair]) -> None:
    """Remove pictures of an earlier build of the folder that no row names, and unfinished files."""
    named = {name for row in rows for name in (row.composite, row.mask, row.real)}
    for folder in (layout.COMPOSITES, layout.MASKS, layout.REALS):
        for path in sorted((out / folder).iterdir()):
            if f"{folder}/{path.name}" not in named and path.is_file():
                path.unlink()


def _stamp(path: pixels.Readable) -> str:
    if isinstance(path, Path):
        with contextlib.suppress(OSError):
            status = path.stat()
            return f"{status.st_size} {status.st_mtime_ns}"
    return ""


def _versions() -> dict[str, str]:
    return {
        "ccharmony": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
