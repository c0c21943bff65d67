"""`ccharmony relight`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony.color import transfer
from ccharmony.dataset.fits import read_fits
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.sources import reading


@click.command("relight")
@click.argument("photo", type=click.Path(path_type=Path))
@click.argument("mask", type=click.Path(path_type=Path))
@click.option("--fits", type=click.Path(path_type=Path), required=True, help="fits.h5 of a dataset.")
@click.option("--from", "own", required=True, metavar="ID", help="Whose light the photo has.")
@click.option("--to", "donor", required=True, metavar="ID", help="Whose light the foreground gets.")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The composite.")
@click.option("--quality", type=click.IntRange(1, 100), default=pixels.JPEG_QUALITY, show_default=True, help="Of JPEG.")
def command(photo: Path, mask: Path, fits: Path, own: str, donor: str, out: Path, quality: int) -> None:
    """Carry the masked foreground of one photo into another photo's light."""
    lights = read_fits(fits)
    to_standard, from_standard = lights[own].to_standard, lights[donor].from_standard
    image = reading.read_file(photo)
    try:
        foreground = transfer.take(image, pixels.read_mask(mask, shape=image.shape[:2]), to_standard)
    except ImageError as error:
        raise ImageError(f"{mask}: {error}") from error
    relit = transfer.relight(foreground, from_standard)
    pixels.write_image(out, transfer.paste(image, foreground, relit), quality)
    click.echo(f"{out}: {len(foreground.index)} pixels from {own} to {donor}, {relit.clipped_share:.1%} clipped")
