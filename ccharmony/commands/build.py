"""`ccharmony build`."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ccharmony import sources
from ccharmony.arguments import LocalPath, Number, WholeNumber
from ccharmony.build import settings
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import PairSettings
from ccharmony.color import polynomial
from ccharmony.command_classes import VariadicCommand
from ccharmony.console import echo, progress_bar
from ccharmony.dataset import build_report, tables
from ccharmony.errors import SettingsError
from ccharmony.images import pixels
from ccharmony.images.headers import MAX_PIXELS
from ccharmony.inspection import marks
from ccharmony.jobs.engine import ENGINE_NAMES, Engine, EngineName
from ccharmony.jobs.threads import Threads


@click.command("build", cls=VariadicCommand, variadic=("--src",))
@click.option("--src", multiple=True, required=True, metavar="NAME...", help=f"Sources: {' '.join(sources.NAMES)}.")
@click.option("--data", type=LocalPath(), help="Folder with one folder a source.  [default: OUT/source]")
@click.option("--out", type=LocalPath(), required=True, help="Folder to build into.")
@click.option("--release", type=LocalPath(), help="Clone of the authors' repository.")
@click.option(
    "--lights",
    type=LocalPath(),
    help="fits.h5 with more donor lights; photos without a checker use its lights.",
)
@click.option("--fit", type=click.Choice(polynomial.KINDS), help="[default: published with --release, else ridge]")
@click.option("--composites", type=WholeNumber(1), default=10, show_default=True, help="Donors a foreground.")
@click.option("--format", "suffix", type=click.Choice(["jpg", "png"]), default="jpg", show_default=True)
@click.option("--quality", type=WholeNumber(1, 100), default=pixels.JPEG_QUALITY, show_default=True, help="Of JPEG.")
@click.option("--size", default="full", show_default=True, help="Longest side in pixels, or full.")
@click.option("--crop/--no-crop", default=True, show_default=True, help="Crop the chart away.")
@click.option("--soft", is_flag=True, help="Keep soft masks; hard ones are made otherwise.")
@click.option(
    "--max-clipped",
    type=Number(0, 1),
    help="Reject donors that clip more.  [default: 0.2; 1 with --release]",
)
@click.option(
    "--min-change",
    type=Number(0),
    help="Reject donors that change less, ΔE2000.  [default: 2; 0 with --release]",
)
@click.option(
    "--test-share",
    type=Number(0, 1),
    default=settings.TEST_SHARE,
    show_default=True,
    help="Share of photos in test.",
)
@click.option("--seed", type=WholeNumber(), default=0, show_default=True, help="Of donors and split.")
@click.option("--drop-flagged", is_flag=True, help="Fit published terms to fewer than 24 patches.")
@click.option("--keep-flagged", is_flag=True, help="Fit to clipped, uneven and covered patches, too.")
@click.option("--exclude", type=LocalPath(), help="CSV of marks: photos marked bad are left out.")
@click.option("--override", type=LocalPath(), help="CSV of marks: fit kind by photo.")
@click.option("--jobs", type=WholeNumber(1), default=2, show_default=True, help="Photos at a time.")
@click.option(
    "--engine", type=click.Choice(ENGINE_NAMES), default="threads", show_default=True, help="Runs the work on photos."
)
@click.option(
    "--ray-address", metavar="HOST:PORT", help="Of a cluster, or auto.  [default: RAY_ADDRESS, else started here]"
)
@click.option("--strict", is_flag=True, help="Stop at the first bad photo.")
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Resume an unfinished build of OUT, or drop its work; --fresh refuses a finished dataset that is whole.",
)
@click.option("--check", is_flag=True, help="Compare the hashes of pictures made before, not their sizes alone.")
@click.option(
    "--max-pixels",
    type=WholeNumber(0),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse photos of more pixels before they are decoded; 0 lifts the limit.",
)
def command(
    src: tuple[str, ...],
    data: Path | None,
    out: Path,
    release: Path | None,
    lights: Path | None,
    fit: polynomial.FitKind | None,
    composites: int,
    suffix: str,
    quality: int,
    size: str,
    crop: bool,
    soft: bool,
    max_clipped: float | None,
    min_change: float | None,
    test_share: float,
    seed: int,
    drop_flagged: bool,
    keep_flagged: bool,
    exclude: Path | None,
    override: Path | None,
    jobs: int,
    engine: EngineName,
    ray_address: str | None,
    strict: bool,
    resume: bool,
    check: bool,
    max_pixels: int,
) -> None:
    """Make composite/real pairs from photos that show a color checker.

    Exits with 0 if every photo and foreground was used, with 1 if any was skipped or the build failed.
    """
    limits = settings.Limits(
        (1.0 if release else settings.MAX_CLIPPED) if max_clipped is None else max_clipped,
        (0.0 if release else settings.MIN_DELTA_E) if min_change is None else min_change,
    )
    pair = PairSettings(composites, f".{suffix}", quality, parse_size(size), crop, soft, seed, limits)
    wanted = settings.BuildSettings(
        src=src,
        data=data or out / "source",
        release=release,
        lights=lights,
        fit=fit,
        drop_flagged=drop_flagged,
        keep_flagged=keep_flagged,
        test_share=test_share,
        exclude=marks.read_excluded(exclude) if exclude else frozenset(),
        override=marks.read_overrides(override) if override else {},
        pair=pair,
        max_pixels=max_pixels or None,
    )
    with open_engine(engine, jobs, ray_address) as workers, progress_bar() as progress:
        try:
            report = build_dataset(
                wanted, out, engine=workers, strict=strict, fresh=not resume, check=check, progress=progress
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{out}: stopped; the same command resumes it") from None
    _print(report, out)
    sys.exit(1 if report.problems else 0)


def parse_size(text: str) -> int:
    """Return the longest side that `--size` asks for; 0 for full."""
    if text == "full":
        return 0
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 16:
        raise click.BadParameter(f"{text}, wanted full or 16 and more", param_hint="--size")
    return int(text)


def _print(report: build_report.BuildReport, out: Path) -> None:
    photos = sum(report.photos.values())
    if report.resumed:
        rest = f"{photos - report.resumed} made now" if report.resumed < photos else "nothing was left to do"
        echo(f"{report.resumed} photos were finished before, {rest}")
    for split in ("train", "test"):
        counts = [part.get(split, 0) for part in (report.photos, report.foregrounds, report.pairs)]
        echo(f"{split:5s}  {counts[0]} photos, {counts[1]} foregrounds, {counts[2]} pairs")
    rejected = f"{report.passed_clipped} would clip, {report.passed_unchanged} would hardly change the foreground"
    echo(f"donors rejected: {rejected}")
    if report.shortages:
        echo(f"{len(report.shortages)} foregrounds got fewer donors than asked for, such as")
        echo(f"  {report.shortages[0]}")
    if report.problems:
        echo(f"{len(report.problems)} skipped, all listed in {out / tables.REPORT}:")
        for line in report.problems[: build_report.SHOWN]:
            echo(f"  {line}")
        if len(report.problems) > build_report.SHOWN:
            echo(f"  and {len(report.problems) - build_report.SHOWN} more")
    echo(f"{sum(report.pairs.values())} pairs in {out} after {report.seconds:.1f} s")


@contextlib.contextmanager
def open_engine(name: EngineName, jobs: int = 1, address: str | None = None) -> Iterator[Engine]:
    """Open an engine by name, and close it afterwards.

    Parameters
    ----------
    name
        ``threads`` or ``ray``.
    jobs
        Photos processed at a time; a Ray cluster processes one on each of its cores.
    address
        Of the Ray cluster: ``auto`` for the one that runs on this machine, or ``host:port``. None for that in
        RAY_ADDRESS; where that is not set either, a cluster of `jobs` cores is started here and stopped afterwards.

    Yields
    ------
    Engine
        Ready to run work.

    Raises
    ------
    SettingsError
        Ray is not installed, the cluster cannot be reached, or threads are given an address.
    """
    if name == "threads":
        if address:
            raise SettingsError(f"address {address} of a Ray cluster, wanted --engine ray with it")
        yield Threads(jobs)
        return
    from ccharmony.jobs import ray_engine  # here, since it is needed with this engine alone

    with ray_engine.connected(jobs, address) as engine:
        yield engine
