"""`harmonize apply`: a picture, a folder of pictures, or cut-outs put on a background."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccharmony.console import echo, force_option, progress_bar
from ccharmony.errors import ImageError, OutputError
from ccharmony.files import make_folder
from ccharmony.outputs import Job, check_files, check_folder, claim_folder
from harmonize import processors
from harmonize.commands import shared
from harmonize.commands.apply_video import apply_video
from harmonize.video.container import is_video

if TYPE_CHECKING:
    from ccharmony.arrays import Float32, UInt8
    from harmonize.inference.folders import PictureTask
    from harmonize.inference.image import Size

_PATH = click.Path(path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_JOB = Job("harmonize apply")
_FORMATS = ("png", "jpg", "webp", "tif")


@dataclass(frozen=True)
class _Options:
    """What the options say; names and meanings are theirs."""

    weights: str | None
    model: str | None
    strength: float
    size: Size
    device: str
    background: Path | None
    position: tuple[int, int] | None
    scale: float
    kind: str
    quality: int
    jobs: int | None
    strict: bool
    before_after: Path | None
    params: Path | None
    curves: Path | None
    cube_size: int | None
    smooth: float
    plot: Path | None
    from_params: Path | None
    force: bool

    @property
    def writes_parameters(self) -> list[str]:
        """The options given that write what only PIH has."""
        named = {"params": self.params, "curves": self.curves, "plot": self.plot}
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


def _read_cube_size(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    """Read a side, or `1d`, which is None."""
    if value.lower() == "1d":
        return None
    if not value.isdecimal() or not 2 <= int(value) <= 129:
        raise click.BadParameter(f"{value}: wanted a side of 2 to 129, or 1d")
    return int(value)


@click.command("apply")
@click.argument("composite", type=_PATH)
@click.argument("mask", type=_PATH, required=False)
@click.option("-o", "--out", required=True, metavar="PATH", help="File, or folder that the results go to.")
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
@click.option(
    "--background", type=_PATH, help="COMPOSITE is a cut-out with alpha, or a folder of such: put it on this picture."
)
@click.option(
    "--position",
    callback=_read_position,
    metavar="X,Y",
    help="Where the cut-out's upper left corner goes, in pixels. [the middle]",
)
@click.option("--scale", type=float, default=1.0, show_default=True, help="Factor for the cut-out's sides.")
@click.option("--format", "kind", type=click.Choice(_FORMATS), default="png", show_default=True, help="In a folder.")
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of JPEG and WebP.")
@click.option("--jobs", type=click.IntRange(1), help="Pictures of a folder at a time.  [one a processor]")
@click.option(
    "--before-after", type=_PATH, help="Write composite and result side by side, too: a file, or a folder for a folder."
)
@click.option("--model", callback=shared.read_model, metavar="NAME", help="The best bundled weights of this model.")
@click.option("--params", type=_FILE, help="PIH: write curves and shading map here, as JSON that can be edited.")
@click.option("--curves", type=_FILE, help="PIH: write the curves as a .cube table for image editors; no shading map.")
@click.option(
    "--cube-size",
    callback=_read_cube_size,
    default="33",
    metavar="SIDE|1d",
    show_default=True,
    help="Of that table: the side of a cube, 2 to 129, or three curves by themselves.",
)
@click.option("--plot", type=_FILE, help="PIH: draw curves and shading map into this picture.")
@click.option("--from-params", type=_FILE, help="Apply this JSON, edited or not, in place of a network.")
@click.option(
    "--smooth",
    type=click.FloatRange(0),
    default=1.0,
    metavar="SECONDS",
    show_default=True,
    help="Video: over how long a time changes are averaged; 0 harmonizes each frame by itself.",
)
@shared.strict_option
@force_option
def command(composite: Path, mask: Path | None, out: str, **rest: Any) -> int:
    """Give the foreground of COMPOSITE, where MASK is white, the light of its background.

    Both are files or both are folders, sub-folders included. A mask has its composite's name, with or without a word
    (a_mask, mask_a, a-mask), or c1_2 is that of c1_2_3; numbered frames are matched by number. Without MASK, the masks
    are those in COMPOSITE that such a word names; a file as MASK is the mask of every frame of a folder.

    A video has its masks in a video, a folder, or a file for all of its frames, and gives a video.

    The background stays as it is to the bit; JPEG as the result's format changes it a little, PNG does not. The exit
    code is 1 where a picture was left out.
    """
    given = _Options(**rest)
    if given.background is not None and mask is not None:
        raise click.UsageError("--background takes the mask from the cut-out's alpha, found MASK too")
    if mask is None and given.background is None and not composite.is_dir():
        raise click.UsageError("wanted MASK, or --background for a cut-out with alpha")
    given = _settle_weights(composite, given)
    if is_video(composite):
        return _apply_video(composite, mask, Path(out), given)
    if composite.is_dir():
        return _apply_folder(composite, mask, Path(out), given)
    _apply_file(composite, mask, out, given)
    return 0


def _apply_file(composite: Path, mask: Path | None, out: str, given: _Options) -> None:
    from harmonize.inference.folders import PictureTask

    inputs = [path for path in (composite, mask, given.background) if path is not None]
    task = PictureTask(composite, mask or composite, _target(out, composite, given.kind))
    if given.before_after is not None:
        given = replace(given, before_after=_target(str(given.before_after), composite, given.kind))
    named = (task.output, given.before_after, given.params, given.curves, given.plot)
    written = [path for path in named if path is not None]
    inputs += [Path(path) for path in (given.from_params, given.weights) if path is not None]
    check_files(written, inputs, force=given.force)
    for path in written:
        make_folder(path.parent)
    _work(task, given, given.before_after)
    echo(str(task.output))


def _apply_video(video: Path, masks: Path | None, out: Path, given: _Options) -> int:
    named = {"--background": given.background, "--before-after": given.before_after}
    unfit = [*(name for name, value in named.items() if value is not None), *given.writes_parameters]
    if unfit or masks is None:
        raise click.UsageError(f"{unfit[0]} is for pictures, {video.name} is a video" if unfit else "wanted MASK")
    apply_video(
        video,
        masks,
        out,
        given.weights,
        strength=given.strength,
        size=given.size,
        device=given.device,
        smoothing=given.smooth,
        from_params=given.from_params,
        force=given.force,
    )
    return 0


def _apply_folder(composites: Path, masks: Path | None, out: Path, given: _Options) -> int:
    """Work on every picture of a folder; 1 where one was left out."""
    from harmonize.inference import folders, network

    written = [folder for folder in (out, given.before_after) if folder is not None]
    for folder in written:
        check_folder(folder, _JOB, [path for path in (composites, masks) if path is not None])
    if given.background is not None:
        tasks, unmatched = folders.list_tasks(composites, out, f".{given.kind}")
    else:
        tasks, unmatched = folders.match(composites, masks or composites, out, f".{given.kind}")
    for problem in unmatched:
        if given.strict:
            raise ImageError(problem)
        echo(f"left out: {problem}", err=True)
    if not given.from_params:  # before the first picture: weights that do not load are no picture's fault
        network.load_network(given.weights, given.device)

    def work(task: PictureTask) -> None:
        beside = given.before_after and given.before_after / task.output.relative_to(out)
        for path in filter(None, (task.output, beside)):
            make_folder(path.parent)
        _work(task, given, beside)

    with contextlib.ExitStack() as stack:
        for folder in written:
            stack.enter_context(claim_folder(folder, _JOB))
        progress = stack.enter_context(progress_bar())
        jobs = given.jobs or processors.count()
        failed = folders.run_all(tasks, work, jobs=jobs, strict=given.strict, progress=partial(progress, "pictures"))
    if len(failed) == len(tasks):
        raise ImageError(f"{composites}: none of {len(tasks)} pictures could be harmonized; the first: {failed[0]}")
    left_out = len(failed) + len(unmatched)
    echo(f"{out}: {len(tasks) - len(failed)} harmonized, {left_out} left out")
    return 1 if left_out else 0


def _work(task: PictureTask, given: _Options, before_after: Path | None) -> None:
    """Read, harmonize and write one picture."""
    from ccharmony.images import pixels

    picture, mask = _read(task, given)
    if remark := _remark(mask):
        echo(f"{task.mask}: {remark}", err=True)
    result = _harmonize(task.composite, picture, mask, given)
    pixels.write_image(task.output, result, given.quality)
    if before_after is not None:
        pixels.write_image(before_after, _side_by_side(picture, result), given.quality)


def _read(task: PictureTask, given: _Options) -> tuple[UInt8, Float32]:
    """Return a composite and its mask: read, or made of a cut-out and the background."""
    from ccharmony.images import pixels
    from harmonize.inference.cutout import paste_cutout

    if given.background is None:
        picture = pixels.read_image(task.composite)
        return picture, pixels.read_mask(task.mask, shape=picture.shape[:2])
    colors, opacity = pixels.read_cutout(task.composite)
    try:
        return paste_cutout(colors, opacity, pixels.read_image(given.background), given.position, given.scale)
    except ImageError as error:
        raise ImageError(f"{task.composite}: {error}") from error


def _remark(mask: Float32) -> str:
    """Return what a person should know of a mask that selects nothing, or may be inverted; empty for others."""
    from ccharmony.images import mask_rules

    if not mask.any():
        return "nothing is foreground, the result is the composite; the mask is white where the foreground is"
    return mask_rules.remark(mask)


def _harmonize(composite: Path, picture: UInt8, mask: Float32, given: _Options) -> UInt8:
    from harmonize.inference.image import harmonize_image

    if given.from_params or given.writes_parameters:
        return _adjust(composite, picture, mask, given)
    return harmonize_image(picture, mask, given.weights, strength=given.strength, size=given.size, device=given.device)


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
        adjustment.write_cube(given.curves, found, mask, size=given.cube_size, title=composite.stem)
        gain = adjustment.mean_gain(found, mask)
        echo(f"{given.curves}: the curves alone; of the shading map only its mean, {gain:.3f}, is in it", err=True)
    if given.plot:
        pixels.write_image(given.plot, parametric.plot(found))
    return adjustment.apply(found, picture, mask, given.strength)


def _settle_weights(composite: Path, given: _Options) -> _Options:
    """Choose the weights where none are named (loading says which); refuse options that do not go together."""
    from harmonize.weights import cards

    writes = given.writes_parameters
    if writes and composite.is_dir():
        how = "write --params of one picture, then --from-params takes them to all of a folder"
        raise click.UsageError(f"{writes[0]} is for one picture; {how}")
    if given.from_params:
        if given.weights or given.model:
            raise click.UsageError("--from-params takes the place of a network, --weights and --model have no use")
        return given
    if given.weights is None:
        chosen = cards.default_weights(given.model, parametric=bool(writes))
        if writes and not given.model and chosen != cards.default_weights():
            why = f"weights {chosen} make curves and result, since {cards.default_weights()} has no curves"
            echo(f"{writes[0]}: {why}", err=True)
        return replace(given, weights=chosen)
    if given.model:
        raise click.UsageError("--weights and --model exclude each other")
    return given


def _target(out: str, source: Path, kind: str) -> Path:
    """Return the file to write: `out` itself, or one named after the source if `out` is a folder."""
    from ccharmony.images.pixels import WRITABLE_SUFFIXES

    path = Path(out)
    folder = path.is_dir() or not path.suffix or out.endswith(("/", os.sep))
    target = path / f"{source.stem}.{kind}" if folder else path
    if target.suffix.lower() not in WRITABLE_SUFFIXES:
        wanted = f"wanted one of {' '.join(WRITABLE_SUFFIXES)}, or a folder: {out}/"
        raise OutputError(f"{out}: {target.suffix} is not a format to write, {wanted}")
    return target


def _side_by_side(before: UInt8, after: UInt8) -> UInt8:
    """Return both pictures, (H, 2 W and a hundredth, 3), with a white line between them."""
    import numpy as np

    line = np.full((before.shape[0], max(before.shape[1] // 100, 1), 3), 255, np.uint8)
    return np.hstack([before, line, after])
