"""`ccharmony fits`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from ccharmony import files
from ccharmony.arguments import LocalPath, force_option
from ccharmony.build.public_lights import record_public_lights
from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial
from ccharmony.console import echo
from ccharmony.dataset import fits
from ccharmony.outputs import check_files
from ccharmony.records import SPLITS


@click.command("fits")
@click.option("--release", type=LocalPath(), help="Clone of the authors' repository.")
@click.option("--data", type=LocalPath(), help="Folder that holds nus/ and gehler/: their small files are read.")
@click.option("--out", type=LocalPath(), required=True, help="The fits.h5 to write.")
@click.option(
    "--fit",
    type=click.Choice(polynomial.KINDS),
    help="How patches are fitted. [the published matrices as they are, and ridge for --data]",
)
@force_option
def command(release: Path | None, data: Path | None, out: Path, fit: polynomial.FitKind | None, force: bool) -> None:
    """Write the lights of the public collections to one fits.h5; no pictures are needed.

    --release gives those of its 350 photos, --data those that the collections' own files of patch colors hold.
    """
    inputs = [path for path in (release, data) if path]
    if not inputs:
        raise click.UsageError("nothing to read lights from, wanted --release, --data or both")
    check_files([out], inputs, force=force)
    lights = record_public_lights(release, data, fit)
    files.make_folder(out.parent)
    named = {name: path and path.name for name, path in (("release", release), ("data", data))}
    fits.write_fits(out, lights.records, STANDARD, {**named, "fit": fit})
    for line in lights.problems:
        echo(line, err=True)
    for line in lights.found:
        echo(line)
    splits = Counter(record.split or "without a split" for record in lights.records)
    counts = ", ".join(f"{splits[name]} {name}" for name in (*SPLITS, "without a split") if splits[name])
    echo(f"{out}: {len(lights.records)} photos ({counts}), {len(lights.problems)} problems")
    sys.exit(1 if lights.problems else 0)
