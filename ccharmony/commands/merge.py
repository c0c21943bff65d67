"""`ccharmony merge`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony import records
from ccharmony.arguments import LocalPath
from ccharmony.console import echo
from ccharmony.dataset.merge import merge_datasets


@click.command("merge")
@click.argument("datasets", nargs=-1, required=True, type=LocalPath())
@click.option("--out", type=LocalPath(), required=True, help="Folder of the new dataset.")
def command(datasets: tuple[Path, ...], out: Path) -> None:
    """Join built datasets into one: ids that clash get a number, splits stay."""
    report = merge_datasets(datasets, out)
    for line in (*report.found, *report.problems):
        echo(line)
    counts = ", ".join(f"{report.pairs.get(split, 0)} {split}" for split in records.SPLITS)
    echo(f"{sum(report.pairs.values())} pairs ({counts}) in {out}")
