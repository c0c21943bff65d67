"""Resuming: a build's folder may hold its own finished dataset, one of other settings, or an unfinished build.

Finished means whole: a dataset is found done when its tables have their hashes and its pictures their sizes, which a
power cut does not leave to an emptied file (their hashes, too, on request). Anything less is an unfinished build, which
starts from the journal that the dataset kept.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccharmony import strict_json
from ccharmony.build.fingerprint import Fingerprint
from ccharmony.build.pairs import PhotoPairs
from ccharmony.build.settings import PLACES, BuildSettings
from ccharmony.dataset import checksums, tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, OutputError
from ccharmony.files import remove_unfinished
from ccharmony.jobs import journal as journals
from ccharmony.jobs.journal import Journal
from ccharmony.outputs import Job

log = logging.getLogger(__name__)

DATA = tables.SOURCES
"""Folder in the output folder where photos are looked for unless another is named; a build only reads it."""


def _is_earlier(out: Path) -> bool:
    """Return whether a folder holds a dataset or an unfinished build of a version that wrote no marker."""
    return bool(tables.read_settings(out) or Journal(out).settings())


JOB = Job("ccharmony build", (journals.FOLDER, *tables.FOLDERS), (DATA,), _is_earlier)


def refuse_other_work(
    settings: BuildSettings, out: Path, journal: Journal, fresh: bool, digest: str | None = None
) -> None:
    """Refuse a folder with a dataset or an unfinished build of other settings; nothing in it is changed.

    Parameters
    ----------
    settings
        Settings of the build.
    out, journal
        The folder and its journal.
    fresh
        Whether an unfinished build is dropped, whatever its settings; a finished dataset is then refused, unless it is
        damaged, or left out what could not be read.
    digest
        Fingerprint of the build. Without one, the names of what is read are not compared; with one, they are where the
        fingerprint is another: the same photos in a folder of another name are no other settings.

    Raises
    ------
    OutputError
        The folder is refused.
    """
    report, begun = tables.read_report(out), journal.settings()
    finished = tables.read_settings(out)
    if finished and fresh and not report.get("unread") and is_whole(out):
        raise OutputError(f"{out}: holds a finished dataset, which --fresh leaves alone; wanted a new folder")
    wanted = strict_json.parse(json.dumps(settings.as_dict()))
    for what, existing, plan in (
        ("a dataset", finished, report.get("plan")),
        ("an unfinished build", {} if fresh else begun, journal.digest()),
    ):
        compared = [name for name in wanted if name not in PLACES or digest not in (None, plan)]
        if existing and (different := sorted(name for name in compared if wanted[name] != existing.get(name))):
            hint = "a new folder" if existing is finished else "a new folder, or --fresh to drop it"
            raise OutputError(f"{out}: holds {what} of other settings ({', '.join(different)}), wanted {hint}")


def begin(out: Path, journal: Journal, fingerprint: Fingerprint, settings: BuildSettings, fresh: bool) -> bool:
    """Start the journal, log what is built again, and remove unfinished files of processes that were killed.

    Parameters
    ----------
    out, journal
        The folder and its journal.
    fingerprint, settings
        Of the build.
    fresh
        Whether all earlier work is dropped.

    Returns
    -------
    bool
        Whether the input files are those of the journal by their times; otherwise their content is to be compared.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    if fresh or journal.digest() != fingerprint.digest or (out / tables.MANIFEST).exists():
        _remember_pictures(out, journal)
    if fresh:
        journal.drop()
    report, digest = tables.read_report(out), fingerprint.digest
    times = str(report.get("inputs", "")) if report.get("plan") == digest else ""
    if not fresh and journal.restore(digest, settings.as_dict(), times):
        log.info("%s: what is missing or damaged, or could not be read, is built again", out)
    elif journal.start(digest, settings.as_dict(), fingerprint.times) and not report:
        log.info("%s: inputs have changed since the unfinished build; it starts again", out)
    elif report:
        log.info("%s: its inputs have changed since it was built, or a file is missing; it is built again", out)
    for folder in ("", *tables.FOLDERS):
        remove_unfinished(out / folder)
    return journal.times() == fingerprint.times


def _remember_pictures(out: Path, journal: Journal) -> None:
    """Note which pictures the folder's dataset and unfinished build wrote, before what names them is removed."""
    rows = [row for done in journal.load("pairs", PhotoPairs.from_json).values() for row in done.pairs]
    with contextlib.suppress(ManifestError):
        rows += read_manifest(out / tables.MANIFEST)
    journal.remember(tables.pictures_of(rows))


def read_finished(out: Path, digest: str, times: str = "", *, check: bool = False) -> BuildReport | None:
    """Return the report of a finished dataset.

    Parameters
    ----------
    out
        The dataset.
    digest, times
        Of the fingerprint of the build.
    check
        Whether the hashes of pictures are compared, too.

    Returns
    -------
    BuildReport | None
        None where it has another fingerprint, is not whole, or left out what could not be read.
    """
    content = tables.read_report(out)
    if content.get("plan") != digest or content.get("inputs") != times or content.get("unread"):
        return None
    try:
        report = BuildReport.from_dict(content)
        report.resumed, report.seconds = sum(report.photos.values()), 0.0
    except (KeyError, TypeError, AttributeError):
        return None
    return report if is_whole(out, check=check) else None


def is_whole(out: Path, *, check: bool = False) -> bool:
    """Return whether every file of a dataset is what the build wrote: tables by hash, pictures by size or by both."""
    content = tables.read_report(out)
    try:
        found = checksums.read_checksums(out)
    except ManifestError:
        return False
    if found is None or content.get(tables.CHECKSUMS) != found[1] or not checksums.is_sealed(content):
        return False
    return all(
        checksums.is_file_whole(out / name, line, check=check or not name.startswith(tables.PICTURE_FOLDERS))
        for name, line in found[0].items()
    )


def are_whole(out: Path, result: PhotoPairs, *, check: bool) -> bool:
    """Return whether all pictures of a photo are there with their sizes and, with `check`, their hashes."""
    wanted: Mapping[str, Any] = tables.pictures_of(result.pairs)
    return wanted.keys() == result.sizes.keys() and all(
        checksums.is_file_whole(out / name, checksums.Checksum(result.sizes[name], sha256), check=check)
        for name, sha256 in wanted.items()
    )
