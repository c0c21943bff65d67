"""Resuming: a build's folder may hold its own finished dataset, one of other settings, or an unfinished build."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from ccharmony import strict_json
from ccharmony.build.pairs import PhotoPairs
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset import tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, OutputError
from ccharmony.files import remove_unfinished
from ccharmony.jobs import journal as journals
from ccharmony.jobs.journal import Journal
from ccharmony.outputs import Job
from ccharmony.records import Pair

log = logging.getLogger(__name__)

DATA = "source"
"""Folder in the output folder where photos are looked for unless another is named; a build only reads it."""


def _is_earlier(out: Path) -> bool:
    """Return whether a folder holds a dataset or an unfinished build of a version that wrote no marker."""
    held = {path.name for path in (out / journals.FOLDER).glob("*")}
    return bool(tables.read_settings(out) or Journal(out).settings() or held == {"lock"})


JOB = Job("ccharmony build", (journals.FOLDER, *tables.FOLDERS), (DATA,), _is_earlier)


def refuse_other_work(settings: BuildSettings, out: Path, journal: Journal, fresh: bool) -> None:
    """Refuse a folder with a dataset or an unfinished build of other settings; nothing in it is changed.

    Parameters
    ----------
    settings
        Settings of the build.
    out, journal
        The folder and its journal.
    fresh
        Whether an unfinished build is dropped, whatever its settings; a finished dataset is then refused.

    Raises
    ------
    OutputError
        The folder is refused.
    """
    finished, begun = tables.read_settings(out), journal.settings()
    if finished and fresh:
        raise OutputError(f"{out}: holds a finished dataset, which --fresh leaves alone; wanted a new folder")
    wanted = strict_json.parse(json.dumps(settings.as_dict()))
    for what, existing in (("a dataset", finished), ("an unfinished build", {} if fresh else begun)):
        if existing and (different := sorted(name for name in wanted if wanted[name] != existing.get(name))):
            hint = "a new folder" if existing is finished else "a new folder, or --fresh to drop it"
            raise OutputError(f"{out}: holds {what} of other settings ({', '.join(different)}), wanted {hint}")


def begin(out: Path, journal: Journal, digest: str, settings: BuildSettings, fresh: bool) -> None:
    """Start the journal, log what is built again, and remove unfinished files of processes that were killed.

    With `fresh`, the results of an unfinished build are dropped.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    if fresh or not journal.holds(digest) or (out / tables.MANIFEST).exists():
        _remember_pictures(out, journal)
    if fresh:
        journal.drop()
    dropped = journal.start(digest, settings.as_dict())
    if tables.read_report(out):
        log.info("%s: its inputs have changed since it was built, or a file is missing; it is built again", out)
    elif dropped:
        log.info("%s: inputs have changed since the unfinished build; it starts again", out)
    for folder in ("", *tables.FOLDERS):
        remove_unfinished(out / folder)


def _remember_pictures(out: Path, journal: Journal) -> None:
    """Note which pictures the folder's dataset and unfinished build wrote, before what names them is removed."""
    rows = [row for done in journal.load("pairs", PhotoPairs.from_json).values() for row in done.pairs]
    with contextlib.suppress(ManifestError):
        rows += read_manifest(out / tables.MANIFEST)
    journal.remember(tables.pictures_of(rows))


def read_finished(out: Path, digest: str) -> BuildReport | None:
    """Return the report of a finished dataset with this fingerprint if all its files exist; None otherwise."""
    content = tables.read_report(out)
    if content.get("plan") != digest:
        return None
    try:
        rows = read_manifest(out / tables.MANIFEST)
        report = BuildReport.from_dict(content)
    except (KeyError, ManifestError):
        return None
    if not all_exist(out, rows) or not (out / tables.FITS).is_file():
        return None
    report.resumed, report.seconds = sum(report.photos.values()), 0.0
    return report


def all_exist(out: Path, rows: Sequence[Pair]) -> bool:
    """Return whether all pictures that rows of the manifest name exist."""
    return all((out / name).is_file() for name in tables.pictures_of(rows))
