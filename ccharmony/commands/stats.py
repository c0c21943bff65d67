"""`ccharmony stats`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ccharmony import files
from ccharmony.arguments import LocalPath, WholeNumber, force_option
from ccharmony.console import echo, progress_bar
from ccharmony.dataset import tables
from ccharmony.inspection import statistics, statistics_text
from ccharmony.outputs import check_files


@click.command("stats")
@click.argument("dataset", type=LocalPath())
@click.option("--against", type=LocalPath(), metavar="DATASET", help="Compare with this dataset.")
@click.option("--html", type=LocalPath(), metavar="FILE", help="Write a page with pictures and plots.")
@force_option
@click.option("--jobs", type=WholeNumber(1), default=2, show_default=True, help="Pictures read at a time.")
def command(dataset: Path, against: Path | None, html: Path | None, force: bool, jobs: int) -> None:
    """Show the figures of a dataset that a paper prints, and pictures of train and test that look alike.

    Exits with 1 if a picture cannot be read.
    """
    read = [root / name for root in filter(None, (dataset, against)) for name in (tables.MANIFEST, tables.FITS)]
    if html:
        check_files([html], read, force=force)
    with progress_bar() as progress:
        found = statistics.measure_dataset(dataset, jobs=jobs, progress=progress)
        other = statistics.measure_dataset(against, jobs=jobs, progress=progress) if against else None
    shown = statistics_text.tabulate(found, statistics.compare(found, other) if other else ())
    for line in statistics_text.print_tables(shown):
        echo(line)
    problems = [*found.problems, *(other.problems if other else ())]
    for line in problems:
        echo(f"problem: {line}", err=True)
    if html:
        files.make_folder(html.parent)
        statistics_text.write_page(html, dataset.resolve().name, dataset, found, shown)
        echo(f"{html}: {html.stat().st_size / 1e6:.1f} MB")
    sys.exit(1 if problems else 0)
