"""`ccharmony inspect`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ccharmony import build, dataset, listing, manifest, polynomial, released, report, sources, store
from ccharmony.commands.shared import progress_bar
from ccharmony.console import VariadicCommand
from ccharmony.errors import ManifestError
from ccharmony.manifest import Pair, Photo
from ccharmony.settings import BuildSettings
from ccharmony.stages import Progress
from ccharmony.store import FitRecord


@click.command("inspect", cls=VariadicCommand, variadic=("--src",))
@click.argument("target", required=False, type=click.Path(path_type=Path), metavar="[DATASET|FITS.H5]")
@click.option("--src", multiple=True, metavar="NAME...", help=f"Fit these sources instead: {' '.join(sources.NAMES)}.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder with one folder a source; shows photos and charts."
)
@click.option(
    "--release", type=click.Path(path_type=Path), help="Clone of the authors' repository; alone, its 350 fits."
)
@click.option("--fit", type=click.Choice(polynomial.KINDS), help="[default: published with --release, else ridge]")
@click.option("--top", type=click.IntRange(min=0), default=20, show_default=True, help="Rows of the table; 0 for all.")
@click.option("--photo", metavar="ID", help="Show one photo, patch by patch.")
@click.option("--compare", is_flag=True, help="Show the fit kinds side by side over all photos.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the report as one HTML page.")
@click.option("--sheet", type=click.Path(path_type=Path), metavar="DIR", help="Write contact sheets of the composites.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Pictures read at a time.")
def command(
    target: Path | None,
    src: tuple[str, ...],
    data: Path | None,
    release: Path | None,
    fit: polynomial.Kind | None,
    top: int,
    photo: str | None,
    compare: bool,
    html: Path | None,
    sheet: Path | None,
    jobs: int,
) -> None:
    """Show how well each checker was fitted, worst first, and why a fit should be looked at."""
    with progress_bar() as progress:
        subject = _find(target, src, data, release, fit, progress)
    found = report.make_report(subject.title, subject.records, subject.pairs, subject.problems)
    if photo is not None:
        _print(listing.detail(_named(found, photo), _swatch))
    elif compare:
        _print(listing.comparison(found))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        _print(listing.worst_first(found, top, width))
    for line in found.problems:
        click.echo(f"problem: {listing.printable(line)}", err=True)
    if html:
        _write_page(html, found, subject, jobs)
    if sheet:
        _write_sheets(sheet, found, subject, jobs)


@dataclass
class _Subject:
    """What is looked at: fits, the pairs made of them, where their pictures are, and what went wrong."""

    title: str
    records: Sequence[FitRecord]
    pairs: Sequence[Pair] = ()
    problems: list[str] = field(default_factory=list)
    root: Path | None = None
    photos: dict[str, Photo] = field(default_factory=dict)


def _find(
    target: Path | None,
    src: tuple[str, ...],
    data: Path | None,
    release: Path | None,
    fit: polynomial.Kind | None,
    progress: Progress,
) -> _Subject:
    """Read a dataset or its fits, or fit what the sources or the release hold."""
    if target is not None:
        subject = _read(target)
        names = src or tuple(dataset.read_settings(target).get("src", ()))
        if data and names:
            subject.photos = {photo.id: photo for photo in sources.find(names, data, release).photos}
        return subject
    if src and data:
        settings = BuildSettings(src=src, data=data, release=release, fit=fit)
        records, outcome = build.record_lights(settings, progress=progress)
        photos = {photo.id: photo for photo in sources.find(src, data, release).photos}
        return _Subject(" ".join(src), records, problems=outcome.problems, photos=photos)
    if release and not src:
        records, problems = released.record_lights(release, fit or "published")
        return _Subject(release.resolve().name, records, problems=problems)
    raise click.UsageError("wanted a dataset, a fits.h5, --src with --data, or --release")


def _read(target: Path) -> _Subject:
    """Read a fits.h5, or a dataset with its pairs and the problems that its build reported."""
    if not target.is_dir():
        return _Subject(target.name, store.read_fits(target).records)
    fits = store.read_fits(target / dataset.FITS)
    subject = _Subject(target.resolve().name, fits.records, root=target)
    if (target / dataset.MANIFEST).is_file():
        subject.pairs = manifest.read_pairs(target / dataset.MANIFEST)
    try:
        said: Any = json.loads((target / dataset.REPORT).read_text(encoding="utf-8"))
        subject.problems += [str(line) for line in said["problems"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a dataset whose report is lost has fits to look at all the same
    return subject


def _named(found: report.Report, photo: str) -> report.PhotoReport:
    for one in found.photos:
        if one.record.id == photo:
            return one
    raise ManifestError(f"{photo}: no fit of this photo among {len(found.photos)}")


def _write_page(path: Path, found: report.Report, subject: _Subject, jobs: int) -> None:
    from ccharmony import page, pictures  # here, since only the page needs jinja2

    places = pictures.Places(subject.root, subject.photos)
    with progress_bar() as progress:
        shown = pictures.collect(found, places, jobs=jobs, progress=progress) if subject.root or subject.photos else {}
        page.write_page(path, found, shown, progress)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(found.photos)} photos")


def _write_sheets(folder: Path, found: report.Report, subject: _Subject, jobs: int) -> None:
    from ccharmony import sheets  # here, since matplotlib takes a second to import

    if subject.root is None or not subject.pairs:
        raise ManifestError(f"{subject.title}: no composites to make sheets of, wanted a built dataset")
    with progress_bar() as progress:
        written = sheets.write_sheets(folder, found, subject.root, jobs=jobs, progress=progress)
    click.echo(f"{folder}: {len(written)} contact sheets of {len(subject.pairs)} composites")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _swatch(color: tuple[int, int, int]) -> str:
    """Return two blanks on a background of the color; nothing where the output is no terminal."""
    return click.style("  ", bg=color) + " " if sys.stdout.isatty() else ""
