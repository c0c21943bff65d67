"""`ccharmony lights`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony import files
from ccharmony.arguments import LocalPath, WholeNumber, force_option
from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial
from ccharmony.console import echo
from ccharmony.dataset import fits
from ccharmony.outputs import check_files
from ccharmony.records import SPLITS

MOST = 500_000
"""Lights of one file: those of more would be larger than a fits.h5 that is read."""


@click.group("lights")
def command() -> None:
    """Make lights of recorded ones."""


@command.command("sample")
@click.argument("recorded", metavar="FITS.H5", type=LocalPath())
@click.option("--count", type=WholeNumber(1, MOST), default=1000, show_default=True, help="Lights to sample.")
@click.option("--out", type=LocalPath(), required=True, help="The fits.h5 to write.")
@click.option("--plot", type=LocalPath(), metavar="PNG", help="Draw their casts, and the recorded ones'.")
@click.option("--fit", type=click.Choice(polynomial.KINDS), default="ridge", show_default=True, help="Fit kind.")
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Of the choice of lights and shares.")
@force_option
def sample(
    recorded: Path, count: int, out: Path, plot: Path | None, fit: polynomial.FitKind, seed: int, force: bool
) -> None:
    """Mix two recorded lights at a time; mixtures whose fit is flagged are rejected."""
    from ccharmony.build.light_sample import sample_lights  # here, since the group's help needs none of it
    from ccharmony.inspection.cast_plot import draw_casts

    check_files([path for path in (out, plot) if path], [recorded], force=force)
    lights = fits.read_fits(recorded).records
    found, rejected = sample_lights(lights, count, seed=seed, kind=fit)
    files.make_folder(out.parent)
    fits.write_fits(out, found, STANDARD, {"sampled": recorded.name, "count": count, "seed": seed, "fit": fit})
    counts = ", ".join(f"{sum(light.split == split for light in found)} {split}" for split in SPLITS)
    echo(f"{out}: {len(found)} lights ({counts}) of {len(lights)}; {rejected} mixtures rejected")
    if plot:
        files.make_folder(plot.parent)
        files.write_bytes(plot, draw_casts(lights, found))
        echo(f"{plot}")
