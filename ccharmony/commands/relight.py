"""`ccharmony relight`."""

from __future__ import annotations

from pathlib import Path

import click

from ccharmony import files
from ccharmony.arguments import LocalPath, WholeNumber, force_option
from ccharmony.color.relight import make_composite
from ccharmony.console import echo
from ccharmony.dataset.fits import read_fits
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.outputs import check_files
from ccharmony.sources import reading


@click.command("relight")
@click.argument("photo", type=LocalPath())
@click.argument("mask", type=LocalPath())
@click.option("--fits", type=LocalPath(), required=True, help="fits.h5 of a dataset.")
@click.option("--from", "own", required=True, metavar="ID", help="Whose light the photo has.")
@click.option("--to", "donor", required=True, metavar="ID", help="Whose light the foreground gets.")
@click.option("-o", "--out", type=LocalPath(), required=True, help="The composite.")
@click.option("--quality", type=WholeNumber(1, 100), default=pixels.JPEG_QUALITY, show_default=True, help="Of JPEG.")
@force_option
def command(photo: Path, mask: Path, fits: Path, own: str, donor: str, out: Path, quality: int, force: bool) -> None:
    """Carry the masked foreground of one photo into another photo's light."""
    check_files([out], [photo, mask, fits], force=force)
    lights = read_fits(fits)
    own_light, donor_light = lights[own], lights[donor]
    image = reading.read_file(photo)
    try:
        levels = pixels.read_mask(mask, shape=image.shape[:2])
        composite = make_composite(image, levels, own_light, donor_light)
    except ImageError as error:
        raise ImageError(f"{mask}: {error}") from error
    files.make_folder(out.parent)
    pixels.write_image(out, composite.image, quality)
    echo(f"{out}: {composite.pixels} pixels from {own} to {donor}, {composite.clipped_share:.1%} clipped")
