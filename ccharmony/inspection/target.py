"""The targets of `inspect`: a built dataset, a fits.h5, photos that are fitted now, or a release without its photos.

Contents: :class:`Subject`, :func:`read_target`, :func:`list_tables`, :func:`fit_sources`, :func:`read_release`,
:func:`find_photos`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccharmony import sources
from ccharmony.build import light_pool, pipeline
from ccharmony.build.settings import BuildSettings
from ccharmony.color.polynomial import FitKind
from ccharmony.dataset import fits, tables
from ccharmony.dataset.formats import shards
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, SourceError
from ccharmony.inspection import report
from ccharmony.inspection.report import FitReport
from ccharmony.progress import Progress
from ccharmony.records import FitRecord, Pair, Photo

OWN_SOURCES = "source"
"""Folder of a dataset that holds its photos where `build` was given no other."""


@dataclass(frozen=True, eq=False)
class Subject:
    """The fits that are inspected, and the pairs made of them.

    Attributes
    ----------
    title
        Its name.
    records, pairs
        Fits, and the pairs made of them.
    problems
        One line for each photo that has no fit, and for each other problem of the build.
    root
        The dataset; None if there is none.
    """

    title: str
    records: Sequence[FitRecord]
    pairs: Sequence[Pair] = ()
    problems: Sequence[str] = ()
    root: Path | None = None

    def report(self) -> FitReport:
        """Return the fits in the order in which they should be looked at."""
        return report.make_report(self.title, self.records, self.pairs, self.problems)


def read_target(target: Path) -> Subject:
    """Read a fits.h5, or a dataset with its pairs and the problems that its build reported.

    Raises
    ------
    ManifestError
        There are no fits, or a table is broken.
    """
    if shards.is_packed(target):
        raise ManifestError(f"{target}: packed, without fits; wanted the dataset that it was packed from")
    if not target.is_dir():
        return Subject(target.name, fits.read_fits(target).records)
    records = fits.read_fits(target / tables.FITS).records
    listed = (target / tables.MANIFEST).is_file()
    pairs = read_manifest(target / tables.MANIFEST) if listed else ()
    problems = tables.read_report(target).get("problems")  # none where the report is lost or damaged: the fits are here
    lines = [str(line) for line in problems] if isinstance(problems, list) else []
    return Subject(target.resolve().name, records, pairs, lines, target)


def list_tables(target: Path | None) -> list[Path]:
    """Return the files that `read_target` reads; none where there is no target."""
    if target is None:
        return []
    return [target, *(target / name for name in (tables.FITS, tables.MANIFEST, tables.REPORT))]


def fit_sources(settings: BuildSettings, progress: Progress | None = None) -> Subject:
    """Fit the photos of sources and write nothing; raises SourceError where there is no photo."""
    records, outcome = pipeline.record_lights(settings, progress=progress)
    return Subject(" ".join(settings.src), records, problems=outcome.problems)


def read_release(root: Path, kind: FitKind = "published") -> Subject:
    """Return the fits of a release, which needs no photos; raises SourceError if the folder is not one."""
    records, problems = light_pool.record_release_lights(root, kind)
    return Subject(root.resolve().name, records, problems=problems)


def find_photos(
    target: Path | None, src: Sequence[str], data: Path | None, release: Path | None
) -> Mapping[str, Photo]:
    """Find the source photos of a subject, to show them with their charts.

    Parameters
    ----------
    target
        A dataset, which knows the names of its sources and may contain their folder; or None.
    src
        Names of the sources; empty for those of the dataset.
    data
        Folder that holds one folder a source; None for the dataset's own.
    release
        Clone of the authors' repository; None without.

    Returns
    -------
    Mapping
        Photos by id; empty where their folder is unknown.

    Raises
    ------
    SourceError
        `data` was given and does not contain the sources.
    """
    names = src or tuple(tables.read_settings(target).get("src", ())) if target else src
    folder = data or (target / OWN_SOURCES if target else None)
    if not names or folder is None:
        return {}
    try:
        return {photo.id: photo for photo in sources.find(names, folder, release).photos}
    except SourceError:
        if data is None:
            return {}
        raise
