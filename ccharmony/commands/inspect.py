"""`ccharmony inspect`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from ccharmony import files, inputs, sources
from ccharmony.arguments import LocalPath, WholeNumber, force_option
from ccharmony.build.settings import BuildSettings
from ccharmony.color import polynomial
from ccharmony.command_classes import VariadicCommand
from ccharmony.console import echo, progress_bar
from ccharmony.dataset.fits import refuse_absent
from ccharmony.errors import ManifestError
from ccharmony.inspection import report, terminal, thumbnails
from ccharmony.inspection.target import Subject, find_photos, fit_sources, list_tables, read_release, read_target
from ccharmony.inspection.thumbnails import PictureSources
from ccharmony.outputs import Job, check_files, check_folder, claim_folder
from ccharmony.progress import Progress

_SHEETS = Job("ccharmony inspect")
_HEAD = 2048
"""Bytes of a page within which its head says what wrote it."""


@click.command("inspect", cls=VariadicCommand, variadic=("--src",))
@click.argument("target", required=False, type=LocalPath(), metavar="[DATASET|FITS.H5]")
@click.option("--src", multiple=True, metavar="NAME...", help=f"Fit these sources instead: {' '.join(sources.NAMES)}.")
@click.option("--data", type=LocalPath(), help="Folder with the photos.  [default: DATASET/source]")
@click.option("--release", type=LocalPath(), help="Clone of the authors' repository; alone, its fits.")
@click.option("--fit", type=click.Choice(polynomial.KINDS), help="[default: published with --release, else ridge]")
@click.option("--top", type=WholeNumber(0), default=20, show_default=True, help="Rows of the table; 0 for all.")
@click.option("--photo", metavar="ID", help="Show one photo, patch by patch.")
@click.option("--compare", is_flag=True, help="Show the fit kinds side by side over all photos.")
@click.option("--html", type=LocalPath(), metavar="FILE", help="Write the report as one HTML page.")
@click.option("--sheet", type=LocalPath(), metavar="DIR", help="Write contact sheets of the composites.")
@force_option
@click.option("--jobs", type=WholeNumber(1), default=2, show_default=True, help="Pictures read at a time.")
def command(
    target: Path | None,
    src: tuple[str, ...],
    data: Path | None,
    release: Path | None,
    fit: polynomial.FitKind | None,
    top: int,
    photo: str | None,
    compare: bool,
    html: Path | None,
    sheet: Path | None,
    force: bool,
    jobs: int,
) -> None:
    """Show how well each checker was fitted, worst first, and why a fit should be looked at.

    Exits with 1 where a photo of --src or of a release has no fit, or a picture of the page is missing.
    """
    if html:
        check_files([html], list_tables(target), force=force, is_own=_is_page)
    if sheet:
        check_folder(sheet, _SHEETS, list_tables(target)[:1])
    with progress_bar() as progress:
        looked_at = _find(target, src, data, release, fit, progress)
    found = looked_at.report()
    if photo is not None:
        _print(terminal.detail(_named(found, photo), _swatch))
    elif compare:
        _print(terminal.comparison(found))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        _print(terminal.worst_first(found, top, width))
    for line in found.problems:
        echo(f"problem: {line}", err=True)
    missing = 0 if target else len(found.problems)  # those of a dataset were its build's
    if html:
        missing += _write_page(
            html, found, PictureSources(looked_at.root, find_photos(target, src, data, release)), jobs
        )
    if sheet:
        with claim_folder(sheet, _SHEETS):
            _write_sheets(sheet, found, looked_at, jobs)
    sys.exit(1 if missing else 0)


def _find(
    target: Path | None,
    src: tuple[str, ...],
    data: Path | None,
    release: Path | None,
    fit: polynomial.FitKind | None,
    progress: Progress,
) -> Subject:
    """Read a dataset or its fits, or fit what the sources or the release hold."""
    if target is not None:
        return read_target(target)
    if src and data:
        return fit_sources(BuildSettings(src=src, data=data, release=release, fit=fit), progress)
    if release and not src:
        return read_release(release, fit or "published")
    raise click.UsageError("wanted a dataset, a fits.h5, --src with --data, or --release")


def _named(found: report.FitReport, photo: str) -> report.PhotoReport:
    for one in found.photos:
        if one.record.id == photo:
            return one
    raise refuse_absent(photo, [one.record.id for one in found.photos])


def _is_page(path: Path) -> bool:
    """Return whether a file is a page that this command wrote: its head says so."""
    try:
        with inputs.open_binary(path) as file:
            return b'<meta name="generator" content="ccharmony ' in file.read(_HEAD)
    except OSError:
        return False


def _write_page(path: Path, found: report.FitReport, found_in: PictureSources, jobs: int) -> int:
    """Write the page, name each picture that is missing, and return how many are."""
    from ccharmony.inspection import page  # here, since only the page needs jinja2

    files.make_folder(path.parent)
    with progress_bar() as progress:
        shown = (
            thumbnails.collect_pictures(found, found_in, jobs=jobs, progress=progress)
            if found_in.root or found_in.photos
            else {}
        )
        page.write_page(path, found, shown, progress)
    problems = [line for pictures in shown.values() for line in pictures.problems]
    for line in problems:
        echo(f"problem: {line}", err=True)
    echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(found.photos)} photos")
    return len(problems)


def _write_sheets(folder: Path, found: report.FitReport, looked_at: Subject, jobs: int) -> None:
    from ccharmony.inspection import contact_sheets  # here, since matplotlib takes a second to import

    if looked_at.root is None or not looked_at.pairs:
        raise ManifestError(f"{looked_at.title}: no composites to make sheets of, wanted a built dataset")
    with progress_bar() as progress:
        written = contact_sheets.write_sheets(folder, found, looked_at.root, jobs=jobs, progress=progress)
    echo(f"{folder}: {len(written)} contact sheets of {len(looked_at.pairs)} composites")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)  # not `echo`, since swatches have codes of color; `terminal` escaped the texts


def _swatch(color: tuple[int, int, int]) -> str:
    """Return two blanks on a background of the color; nothing where the output is no terminal."""
    return click.style("  ", bg=color) + " " if sys.stdout.isatty() else ""
