"""`ccharmony pack`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast, get_args

import click

from ccharmony.arguments import LocalPath, Number, PlaceOfData, WholeNumber
from ccharmony.console import echo, progress_bar
from ccharmony.dataset.packing.pack import PackedFormat, pack_dataset
from ccharmony.dataset.packing.write_shards import Limit
from ccharmony.urls import Place


@click.command("pack")
@click.argument("dataset", type=LocalPath())
@click.option(
    "--to", type=click.Choice(get_args(PackedFormat)), required=True, help="WebDataset tars, one HDF5 file, or Parquet."
)
@click.option(
    "--out",
    type=PlaceOfData(),
    required=True,
    help="Folder of the shards or their URL in an object store (s3://…), or name of the file.",
)
@click.option("--shard-size", type=Number(), default=256.0, show_default=True, help="Pictures in a shard, in MiB.")
@click.option(
    "--shard-pairs", type=WholeNumber(), default=0, help="Pairs in a shard, at most. [as --shard-size allows]"
)
@click.option("--jobs", type=WholeNumber(1), default=1, show_default=True, help="Shards written at a time.")
@click.option("--strict", is_flag=True, help="Stop at the first broken pair.")
def command(dataset: Path, to: str, out: Place, shard_size: float, shard_pairs: int, jobs: int, strict: bool) -> None:
    """Pack a dataset of many files into few; `harmonize train --data` and `evaluate` read either.

    The pictures' bytes stay as they are. The same command resumes interrupted packing.
    """
    with progress_bar() as progress:
        report = pack_dataset(
            dataset,
            cast(PackedFormat, to),
            out,
            limit=Limit(shard_size, shard_pairs),
            jobs=jobs,
            strict=strict,
            progress=progress,
        )
    for line in report.problems:
        echo(f"left out: {line}")
    if report.resumed:
        echo(f"{report.resumed} pairs were packed before")
    counts = ", ".join(f"{count} {split}" for split, count in report.pairs.items())
    files = "one file" if to == "h5" else f"{report.files} shards"
    echo(f"{sum(report.pairs.values())} pairs ({counts}) in {out}: {files}, {report.bytes / 1e6:.1f} MB")
    sys.exit(1 if report.problems else 0)
