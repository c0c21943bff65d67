"""`ccharmony verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ccharmony.console import progress_bar
from ccharmony.dataset.packing.verify import verify_dataset


@click.command("verify")
@click.argument("dataset", type=click.Path(path_type=Path))
def command(dataset: Path) -> None:
    """Check a built dataset, or a packed one: counts, sizes, hashes, masks, splits; exit 1 if anything is wrong."""
    with progress_bar() as progress:
        verdict = verify_dataset(dataset, progress=progress)
    for line in verdict.problems:
        click.echo(line)
    click.echo(f"{verdict.pairs} pairs of {verdict.photos} photos, {len(verdict.problems)} problems")
    sys.exit(1 if verdict.problems else 0)
