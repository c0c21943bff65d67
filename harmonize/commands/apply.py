"""`harmonize apply`: a file, folders of files, or a cut-out put on a background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccharmony.console import progress_bar
from ccharmony.errors import ImageError, SettingsError
from harmonize.commands import shared

if TYPE_CHECKING:
    from ccharmony.arrays import Float32, UInt8
    from harmonize.inference.image import Size

_PATH = click.Path(path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_FORMATS = ("png", "jpg", "webp", "tif")


@dataclass(frozen=True)
class _Options:
    """What the options say; names and meanings are theirs."""

    weights: str | None
    model: str | None
    strength: float
    size: Size
    device: str
    position: tuple[int, int] | None
    scale: float
    kind: str
    quality: int
    strict: bool
    params: Path | None
    curves: Path | None
    plot: Path | None
    from_params: Path | None

    @property
    def parametric(self) -> list[str]:
        """The options given that only PIH has."""
        named = {"params": self.params, "curves": self.curves, "plot": self.plot, "from-params": self.from_params}
        return [f"--{name}" for name, path in named.items() if path is not None]


def _read_position(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read `120,40`."""
    if value is None:
        return None
    try:
        x, y = (int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value}: wanted two whole numbers such as 120,40") from error
    return x, y


@click.command("apply")
@click.argument("composite", type=_PATH)
@click.argument("mask", type=_PATH, required=False)
@click.option("-o", "--out", type=_PATH, required=True, help="File, or folder that the results go to.")
@shared.weights_option
@click.option("--strength", type=float, default=1.0, show_default=True, help="How much of the change is made, 0 to 1.")
@click.option(
    "--size",
    callback=shared.read_size,
    default="256",
    metavar="SIDE|full",
    show_default=True,
    help="Side of what the network sees, a multiple of 32; the result has full resolution in any case.",
)
@shared.device_option
@click.option("--background", type=_PATH, help="COMPOSITE is a cut-out with alpha: put it on this picture first.")
@click.option(
    "--position", callback=_read_position, metavar="X,Y", help="Where the cut-out's upper left corner goes, in pixels."
)
@click.option("--scale", type=float, default=1.0, show_default=True, help="Factor for the cut-out's sides.")
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="png", show_default=True, help="In a folder.")
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of JPEG and WebP.")
@click.option("--model", callback=shared.read_model, metavar="NAME", help="The best bundled weights of this model.")
@click.option("--params", type=_FILE, help="PIH: write curves and shading map here, as JSON that can be edited.")
@click.option("--curves", type=_FILE, help="PIH: write the curves as a .cube table for image editors.")
@click.option("--plot", type=_FILE, help="PIH: draw curves and shading map into this picture.")
@click.option("--from-params", type=_FILE, help="Apply this JSON, edited or not, in place of a network.")
@shared.strict_option
def command(composite: Path, mask: Path | None, out: Path, background: Path | None, **rest: Any) -> None:
    """Give the foreground of COMPOSITE, where MASK is white, the light of its background.

    Both are files or both are folders; a mask has its composite's name, or c1_2.png that of c1_2_3.jpg. The
    background stays as it is to the bit; JPEG as the result's format changes it a little, PNG does not.
    """
    given = _Options(**rest)
    if background is not None and mask is not None:
        raise click.UsageError("--background takes the mask from the cut-out's alpha, found MASK too")
    if background is not None and given.position is None:
        raise click.UsageError("--background needs --position X,Y")
    if background is None and mask is None:
        raise click.UsageError("wanted MASK, or --background for a cut-out with alpha")
    given = _settle_weights(composite, background, given)
    if background is not None:
        _apply_cutout(composite, background, out, given)
    elif mask is not None and composite.is_dir():
        _apply_folders(composite, mask, out, given)
    elif mask is not None:
        _apply_file(composite, mask, out, given)


def _apply_file(composite: Path, mask: Path, out: Path, given: _Options) -> None:
    from ccharmony.images import pixels

    target = _target(out, composite, given)
    picture = pixels.read_image(composite)
    foreground = pixels.read_mask(mask, shape=picture.shape[:2])
    if given.parametric:
        result = _adjust(composite, picture, foreground, given)
    else:
        result = _harmonize(picture, foreground, given)
    pixels.write_image(target, result, given.quality)
    click.echo(target)


def _adjust(composite: Path, picture: UInt8, mask: Float32, given: _Options) -> UInt8:
    """Predict or read curves and map, write what was asked for, and return the adjusted picture."""
    from ccharmony.images import pixels
    from harmonize.inference import adjustment, parametric
    from harmonize.settings import check_number

    check_number("strength", given.strength, 0, 1)
    if given.from_params:
        found = adjustment.read_json(given.from_params)
    else:
        assert given.weights is not None  # _settle_weights chose some
        found = parametric.predict(parametric.load(given.weights, given.device), picture, mask)
    if given.params:
        adjustment.write_json(given.params, found, notes={"picture": composite.name, "weights": given.weights})
    if given.curves:
        adjustment.write_cube(given.curves, found, mask, title=composite.stem)
    if given.plot:
        pixels.write_image(given.plot, parametric.plot(found))
    return adjustment.apply(found, picture, mask, given.strength)


def _settle_weights(composite: Path, background: Path | None, given: _Options) -> _Options:
    """Choose the weights where none are named (loading says which); refuse options that do not go together."""
    from harmonize.weights import cards

    asked = given.parametric
    if asked and (background is not None or composite.is_dir()):
        raise click.UsageError(f"{asked[0]} is for one composite and its mask")
    if given.from_params:
        if given.weights or given.model:
            raise click.UsageError("--from-params takes the place of a network, --weights and --model have no use")
        return given
    if given.weights is None:
        return replace(given, weights=cards.default_weights(given.model, parametric=bool(asked)))
    if given.model:
        raise click.UsageError("--weights and --model exclude each other")
    return given


def _apply_cutout(cutout: Path, background: Path, out: Path, given: _Options) -> None:
    from ccharmony.images import pixels
    from harmonize.inference.cutout import paste_cutout

    target = _target(out, cutout, given, background)
    assert given.position is not None  # the command asked for one
    colors, opacity = pixels.read_cutout(cutout)
    try:
        picture, mask = paste_cutout(colors, opacity, pixels.read_image(background), given.position, given.scale)
    except ImageError as error:
        raise ImageError(f"{cutout}: {error}") from error
    pixels.write_image(target, _harmonize(picture, mask, given), given.quality)
    click.echo(target)


def _apply_folders(composites: Path, masks: Path, out: Path, given: _Options) -> None:
    from ccharmony import files
    from ccharmony.images import pixels
    from harmonize.inference import folders, network

    if not masks.is_dir():
        raise SettingsError(f"{masks}: a file or nothing, wanted a folder as {composites} is one")
    if out.resolve() in (composites.resolve(), masks.resolve()):
        raise SettingsError(f"{out}: holds the input, wanted another folder for the results")
    jobs, unmatched = folders.match(composites, masks, out, f".{given.kind}")
    for problem in unmatched:
        if given.strict:
            raise ImageError(problem)
        click.echo(f"left out: {problem}", err=True)
    files.make_folder(out)
    # Before the first picture: weights that do not load are no picture's fault.
    network.load_network(given.weights, given.device)

    def work(job: folders.PictureTask) -> None:
        picture = pixels.read_image(job.composite)
        result = _harmonize(picture, pixels.read_mask(job.mask, shape=picture.shape[:2]), given)
        pixels.write_image(job.output, result, given.quality)

    with progress_bar() as progress:
        failed = folders.run_all(jobs, work, strict=given.strict, progress=partial(progress, "pictures"))
    if len(failed) == len(jobs):
        raise ImageError(f"{composites}: none of {len(jobs)} pictures could be harmonized; the first: {failed[0]}")
    click.echo(f"{out}: {len(jobs) - len(failed)} harmonized, {len(failed) + len(unmatched)} left out")


def _harmonize(picture: UInt8, mask: Float32, given: _Options) -> UInt8:
    from harmonize.inference.image import harmonize_image

    return harmonize_image(picture, mask, given.weights, strength=given.strength, size=given.size, device=given.device)


def _target(out: Path, source: Path, given: _Options, *others: Path) -> Path:
    """Return the file to write: `out` itself, or one named after the source if `out` is a folder."""
    from ccharmony.files import make_folder

    target = out / f"{source.stem}.{given.kind}" if out.is_dir() or not out.suffix else out
    if target.resolve() in {path.resolve() for path in (source, *others)}:
        raise SettingsError(f"{target}: is an input, wanted another file for the result")
    make_folder(target.parent)
    return target
