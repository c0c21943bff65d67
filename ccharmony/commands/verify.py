"""`ccharmony verify`."""

from __future__ import annotations

import sys

import click

from ccharmony.arguments import PlaceOfData
from ccharmony.console import echo, progress_bar
from ccharmony.dataset.packing.verify import verify_dataset
from ccharmony.urls import Place


@click.command("verify")
@click.argument("dataset", type=PlaceOfData())
@click.option("--deep", is_flag=True, help="Decode every picture; relight, measure and fit again.")
def command(dataset: Place, deep: bool) -> None:
    """Check a built dataset, or a packed one: hashes, tables, splits; exit 1 if anything is wrong."""
    with progress_bar() as progress:
        verdict = verify_dataset(dataset, deep=deep, progress=progress)
    for line in verdict.notes:
        echo(line)
    for line in verdict.problems:
        echo(line)
    echo(f"{verdict.pairs} pairs of {verdict.photos} photos, {len(verdict.problems)} problems")
    sys.exit(1 if verdict.problems else 0)
