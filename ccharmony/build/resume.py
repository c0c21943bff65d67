"""Resuming: a build's folder may hold its own finished dataset, one of other settings, or an unfinished build."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from ccharmony import strict_json
from ccharmony.build.settings import BuildSettings
from ccharmony.dataset import tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, OutputError
from ccharmony.files import remove_unfinished
from ccharmony.jobs.journal import Journal
from ccharmony.records import Pair

log = logging.getLogger(__name__)


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
    if fresh:
        journal.drop()


def begin(out: Path, journal: Journal, digest: str, settings: BuildSettings) -> None:
    """Start the journal, log what is built again, and remove unfinished files of processes that were killed.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    dropped = journal.start(digest, settings.as_dict())
    if tables.read_report(out):
        log.info("%s: its inputs have changed since it was built, or a file is missing; it is built again", out)
    elif dropped:
        log.info("%s: inputs have changed since the unfinished build; it starts again", out)
    for folder in ("", *tables.FOLDERS):
        remove_unfinished(out / folder)


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
    files = {name for row in rows for name in (row.composite, row.mask, row.real)}
    return all((out / name).is_file() for name in files)
