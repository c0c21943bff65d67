"""`ccharmony fits`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ccharmony import files
from ccharmony.build import light_pool
from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial
from ccharmony.console import LocalPath, echo, force_option
from ccharmony.dataset import fits
from ccharmony.outputs import check_files
from ccharmony.records import SPLITS


@click.command("fits")
@click.option("--release", type=LocalPath(), required=True, help="Clone of the authors' repository.")
@click.option("--out", type=LocalPath(), required=True, help="The fits.h5 to write.")
@click.option(
    "--fit",
    type=click.Choice(polynomial.KINDS),
    default="published",
    show_default=True,
    help="published takes the published matrices as they are; the others are fitted to the published patches.",
)
@force_option
def command(release: Path, out: Path, fit: polynomial.FitKind, force: bool) -> None:
    """Write the lights of a release, all its photos, to one fits.h5; no pictures are needed."""
    check_files([out], [release], force=force)
    records, problems = light_pool.record_release_lights(release, fit)
    files.make_folder(out.parent)
    fits.write_fits(out, records, STANDARD, {"release": release.name, "fit": fit})
    for line in problems:
        echo(line, err=True)
    counts = ", ".join(f"{sum(record.split == split for record in records)} {split}" for split in SPLITS)
    echo(f"{out}: {len(records)} photos ({counts}), {len(problems)} problems")
    sys.exit(1 if problems else 0)
