"""`ccharmony verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ccharmony.console import progress_bar
from ccharmony.dataset import verify
from ccharmony.dataset.packing import verify as verify_packed


@click.command("verify")
@click.argument("dataset", type=click.Path(path_type=Path))
def command(dataset: Path) -> None:
    """Check a built dataset, or a packed one: counts, sizes, hashes, masks, splits; exit 1 if anything is wrong."""
    check = verify_packed.verify if verify_packed.is_packed(dataset) else verify.verify
    with progress_bar() as progress:
        verdict = check(dataset, progress=progress)
    for line in verdict.problems:
        click.echo(line)
    click.echo(f"{verdict.pairs} pairs of {verdict.photos} photos, {len(verdict.problems)} problems")
    sys.exit(1 if verdict.problems else 0)
