"""What a build finds in its folder: a dataset of its own, one of other settings, or a build that did not end."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from ccharmony.build.settings import BuildSettings
from ccharmony.dataset import tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, OutputError
from ccharmony.files import remove_unfinished
from ccharmony.jobs.journal import Journal
from ccharmony.records import Pair

log = logging.getLogger(__name__)


def refuse_others_work(settings: BuildSettings, out: Path, kept: Journal, fresh: bool) -> None:
    """Refuse a folder with a dataset or an unfinished build of other settings; nothing of it is touched.

    Parameters
    ----------
    settings
        What is to be built.
    out, kept
        The folder and its journal.
    fresh
        Whether an unfinished build is dropped, of whatever settings; a finished dataset is refused then.

    Raises
    ------
    OutputError
        The folder is refused.
    """
    finished, begun = tables.read_settings(out), kept.settings()
    if finished and fresh:
        raise OutputError(f"{out}: holds a finished dataset, which --fresh leaves alone; wanted a new folder")
    wanted = json.loads(json.dumps(settings.as_dict()))
    for what, there in (("a dataset", finished), ("an unfinished build", {} if fresh else begun)):
        if there and (different := sorted(name for name in wanted if wanted[name] != there.get(name))):
            hint = "a new folder" if there is finished else "a new folder, or --fresh to drop it"
            raise OutputError(f"{out}: holds {what} of other settings ({', '.join(different)}), wanted {hint}")
    if fresh:
        kept.drop()


def begin(out: Path, kept: Journal, digest: str, settings: BuildSettings) -> None:
    """Start the journal, say what is made anew, and remove what writers that were killed left behind.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    dropped = kept.start(digest, settings.as_dict())
    if tables.read_report(out):
        log.info("%s: its inputs have changed since it was built, or a file is gone; built anew", out)
    elif dropped:
        log.info("%s: inputs have changed since the unfinished build; begun anew", out)
    for folder in ("", *tables.FOLDERS):
        remove_unfinished(out / folder)


def read_finished(out: Path, digest: str) -> BuildReport | None:
    """Return the report of a dataset of the same plan if all its files are there; None otherwise."""
    content = tables.read_report(out)
    if content.get("plan") != digest:
        return None
    try:
        rows = read_manifest(out / tables.MANIFEST)
        report = BuildReport.from_dict(content)
    except (KeyError, ManifestError):
        return None
    if not are_there(out, rows) or not (out / tables.FITS).is_file():
        return None
    report.resumed, report.seconds = sum(report.photos.values()), 0.0
    return report


def are_there(out: Path, rows: Sequence[Pair]) -> bool:
    """Tell whether all pictures that rows of the manifest name are there."""
    files = {name for row in rows for name in (row.composite, row.mask, row.real)}
    return all((out / name).is_file() for name in files)
