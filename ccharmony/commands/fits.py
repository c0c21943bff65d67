"""`ccharmony fits`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony import checker, polynomial, released, store


@click.command("fits")
@click.option("--release", type=click.Path(path_type=Path), required=True, help="Clone of the authors' repository.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The fits.h5 to write.")
@click.option(
    "--fit",
    type=click.Choice(polynomial.KINDS),
    default="published",
    show_default=True,
    help="published takes the published matrices as they are; the others are fitted to the published patches.",
)
def command(release: Path, out: Path, fit: polynomial.Kind) -> None:
    """Write the lights of a release, all its photos, to one fits.h5; no pictures are needed."""
    problems: list[str] = []
    records = released.record_lights(release, fit, skip=lambda error: problems.append(str(error)))
    store.write_fits(out, records, checker.STANDARD, {"release": release.name, "fit": fit})
    for line in problems:
        click.echo(f"skipped: {line}", err=True)
    splits = ", ".join(f"{sum(r.split == split for r in records)} {split}" for split in ("train", "test"))
    click.echo(f"{out}: {len(records)} photos ({splits}), {len(problems)} skipped")
