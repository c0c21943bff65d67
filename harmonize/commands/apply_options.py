"""The options of `harmonize apply`: what they are, which go together, and what they ask for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccharmony.arguments import LocalPath, Name, Number, WholeNumber, force_option
from ccharmony.errors import OutputError
from harmonize.commands import shared

if TYPE_CHECKING:
    from harmonize.inference.harmonizer import Harmonizer
    from harmonize.inference.image import Size
    from harmonize.inference.runtimes import Weights

_PATH = LocalPath()
_FILE = LocalPath(dir_okay=False)
_FORMATS = ("png", "jpg", "webp", "tif", "same")


@dataclass(frozen=True)
class Options:
    """What the options say; names and meanings are theirs."""

    weights: str | None
    model: str | None
    views: int
    strength: float
    size: Size
    device: str
    runtime: str | None
    background: Path | None
    position: tuple[int, int] | None
    scale: float
    kind: str
    quality: int
    jobs: int | None
    invert: bool
    each: bool
    defringe: bool
    strict: bool
    before_after: Path | None
    report: Path | None
    params: Path | None
    curves: Path | None
    cube_size: int | None
    video: bool
    smooth: float
    plot: Path | None
    from_params: Path | None
    force: bool

    @property
    def writes_parameters(self) -> list[str]:
        """The options given that write curves or map."""
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
    if not re.fullmatch("[0-9]{1,3}", value) or not 2 <= int(value) <= 129:
        raise click.BadParameter(f"{value}: wanted a side of 2 to 129, or 1d")
    return int(value)


_OPTIONS = (
    click.argument("composite", type=_PATH),
    click.argument("mask", type=_PATH, required=False),
    click.option(
        "-o", "--out", type=Name(), required=True, metavar="PATH", help="File, or folder that the results go to."
    ),
    shared.weights_option,
    shared.views_option,
    click.option(
        "--strength", type=Number(), default=1.0, show_default=True, help="How much of the change is made, 0 to 1."
    ),
    click.option(
        "--size",
        callback=shared.read_size,
        default="256",
        metavar="SIDE|full",
        show_default=True,
        help="Side of what the network sees, a multiple of 32; the result has full resolution in any case.",
    ),
    shared.device_option,
    click.option(
        "--runtime",
        type=click.Choice(["torch", "onnx"]),
        help="onnx takes a file of harmonize export as --weights.  [by the file; few pictures by OpenCV]",
    ),
    click.option(
        "--background",
        type=_PATH,
        help="COMPOSITE is a cut-out with alpha, or a folder of such: put it on this picture.",
    ),
    click.option(
        "--position",
        callback=_read_position,
        metavar="X,Y",
        help="Where the cut-out's upper left corner goes, in pixels. [the middle]",
    ),
    click.option("--scale", type=Number(), default=1.0, show_default=True, help="Factor for the cut-out's sides."),
    click.option("--invert", is_flag=True, help="The foreground is black in MASK."),
    click.option(
        "--each", is_flag=True, help="Harmonize each label, or each part that touches no other, of MASK by itself."
    ),
    click.option(
        "--defringe", is_flag=True, help="At soft edges, estimate the foreground's own colors: a cut-out keeps no halo."
    ),
    click.option(
        "--format",
        "kind",
        type=click.Choice(_FORMATS),
        default="png",
        show_default=True,
        help="In a folder; same is that of each composite.",
    ),
    click.option(
        "--quality",
        type=WholeNumber(1, 100),
        default=95,
        show_default=True,
        help="Of JPEG and WebP; at 100 WebP keeps every pixel.",
    ),
    click.option("--jobs", type=WholeNumber(1), help="Pictures of a folder at a time.  [one a processor]"),
    click.option(
        "--before-after",
        type=_PATH,
        help="Write composite and result side by side, too: a file, or a folder for a folder.",
    ),
    click.option("--report", type=_FILE, help="Folder: write composites, results and differences as an HTML page."),
    click.option("--model", callback=shared.read_model, metavar="NAME", help="The best bundled weights of this model."),
    click.option("--params", type=_FILE, help="Write curves and shading map here, as JSON that can be edited."),
    click.option("--curves", type=_FILE, help="Write the curves as a .cube table for image editors; no shading map."),
    click.option(
        "--cube-size",
        callback=_read_cube_size,
        default="33",
        metavar="SIDE|1d",
        show_default=True,
        help="Of that table: the side of a cube, 2 to 129, or three curves by themselves.",
    ),
    click.option("--plot", type=_FILE, help="Draw curves and shading map into this picture."),
    click.option("--from-params", type=_FILE, help="Apply this JSON, edited or not, in place of a network."),
    click.option(
        "--video", is_flag=True, help="COMPOSITE is a folder of frames, 25 a second in the order of their numbers."
    ),
    click.option(
        "--smooth",
        type=Number(0),
        default=0.5,
        metavar="SECONDS",
        show_default=True,
        help="Video: over how long a time changes are averaged; 0 harmonizes each frame by itself.",
    ),
    shared.strict_option,
    force_option,
)


def all_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command all arguments and options of `harmonize apply`, in the order in which help shows them."""
    return reduce(lambda function, option: option(function), reversed(_OPTIONS), command)


def refuse_contradictions(composite: Path, mask: Path | None, given: Options) -> None:
    """Raise UsageError where arguments and options do not go together."""
    if given.background is not None and mask is not None:
        raise click.UsageError("--background takes the mask from the cut-out's alpha, found MASK too")
    if mask is None and given.background is None and not composite.is_dir():
        raise click.UsageError("wanted MASK, or --background for a cut-out with alpha")
    if given.report is not None and not composite.is_dir():
        raise click.UsageError(f"--report is for a folder of pictures, {composite.name} is none")
    if given.video and (not composite.is_dir() or given.from_params or given.background or given.each):
        raise click.UsageError("--video is for a folder of frames and its masks, without --each and --from-params")
    if given.invert and given.each:
        raise click.UsageError("--each: several foregrounds have no inverse, leave out --invert")
    if given.background is not None and (given.invert or given.each):
        raise click.UsageError("--invert and --each are for MASK, with --background the mask is the cut-out's alpha")
    exported = str(given.weights).lower().endswith(".onnx")
    if given.runtime == "onnx" and not exported:
        raise click.UsageError("--runtime onnx: wanted --weights FILE.onnx, which harmonize export --onnx writes")
    if given.runtime == "torch" and exported:
        raise click.UsageError(f"--runtime torch: {given.weights} is for onnx")
    if given.views > 1 and (exported or given.from_params):
        raise click.UsageError("--views 2 is for weights that torch runs, found an exported network or parameters")
    if given.each and given.writes_parameters:
        raise click.UsageError(f"{given.writes_parameters[0]} is for one foreground, leave out --each")


def settle_weights(composite: Path, given: Options) -> Options:
    """Choose the weights where none are named (loading says which); refuse options that do not go together."""
    writes = given.writes_parameters
    if writes and composite.is_dir():
        how = "write --params of one picture, then --from-params takes them to all of a folder"
        raise click.UsageError(f"{writes[0]} is for one picture; {how}")
    if given.from_params:
        if given.weights or given.model:
            raise click.UsageError("--from-params takes the place of a network, --weights and --model have no use")
        return given
    if given.weights is None:
        from harmonize.weights import cards

        return replace(given, weights=cards.default_weights(given.model))
    if given.model:
        raise click.UsageError("--weights and --model exclude each other")
    return given


def network_of(given: Options, pictures: int | None = None) -> Weights:
    """Return what is asked: weights by name, loaded when they are needed, or a network that is open.

    Where the number of pictures is known and small, that is one which needs no torch, if there is one.
    """
    if given.views == 1:
        if pictures is None or given.runtime or given.from_params:
            return given.weights
        from harmonize.inference import runtimes

        return runtimes.choose(given.weights, given.device, given.size, pictures)
    from harmonize.inference.network import load_network

    return load_network(given.weights, given.device, views=given.views)


def to_harmonizer(given: Options, net: Weights) -> Harmonizer:
    """Return what is done with each picture by a network of :func:`network_of`."""
    from harmonize.inference import adjustment
    from harmonize.inference.harmonizer import Background, Harmonizer, ParameterFiles

    return Harmonizer(
        net,
        given.strength,
        given.size,
        given.device,
        given=adjustment.read_json(given.from_params) if given.from_params else None,
        files=ParameterFiles(given.params, given.curves, given.cube_size, given.plot),
        invert=given.invert,
        each=given.each,
        defringe=given.defringe,
        background=Background(given.background, given.position, given.scale) if given.background else None,
        quality=given.quality,
    )


def target(out: str, source: Path, kind: str) -> Path:
    """Return the file to write: `out` itself, or one named after the source if `out` is a folder."""
    from ccharmony.images.pixels import WRITABLE_SUFFIXES
    from harmonize.inference.folders import suffix_of

    path = Path(out)
    folder = path.is_dir() or not path.suffix or out.endswith(("/", os.sep))
    target = path / f"{source.stem}{suffix_of(source, kind)}" if folder else path
    if target.suffix.lower() not in WRITABLE_SUFFIXES:
        wanted = f"wanted one of {' '.join(WRITABLE_SUFFIXES)}, or a folder: {out}/"
        raise OutputError(f"{out}: {target.suffix} is not a format to write, {wanted}")
    return target
