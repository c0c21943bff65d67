"""The position of the chart in the picture that is read, and how that picture is turned.

NUS's boxes are in pixels of the linear PNG. The JPGs of the 1Ds Mark III carry orientation tags that cannot be trusted,
and a few PNGs lie on their side while their JPG is upright. All readings of the box that are inside the picture are
collected; the published crop excludes some. Where several remain, the one is used at which a checker is detected, an
upright one rather than a turned one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccharmony.arrays import Shape, UInt8
from ccharmony.catalog import Camera
from ccharmony.checker.chart import Box
from ccharmony.checker.detect import find_checker
from ccharmony.errors import CheckerError
from ccharmony.images import headers, raw
from ccharmony.sources.release.enrich import published_box

_SLACK = 0.01
"""Share of the picture's longer side by which a box may stand out: PNG and JPG show slightly different margins."""


@dataclass(frozen=True)
class ChartReading:
    """A reading of a box.

    Attributes
    ----------
    box
        x0, y0, x1, y1 in pixels of the picture.
    orient
        Whether the picture is turned as its EXIF orientation says.
    shape
        Height and width of the picture then.
    """

    box: Box
    orient: bool
    shape: Shape


@dataclass(frozen=True)
class Picture:
    """The picture that a box is carried over to.

    Attributes
    ----------
    path, kind
        File, and ``rendered``, ``linear`` or ``raw``.
    camera
        Its camera.
    read
        Returns the image (H, W, 3), turned as its EXIF orientation says or as stored.
    published
        Height and width of the photo's published mask; None without a release.
    """

    path: Path
    kind: str
    camera: Camera
    read: Callable[[bool], UInt8]
    published: Shape | None = None


def locate_chart(picture: Picture, box: Box, *, lying: bool = False) -> ChartReading:
    """Carry a chart's box over to a picture.

    Parameters
    ----------
    picture
        The picture.
    box
        x0, y0, x1, y1 in pixels of the linear PNG.
    lying
        Whether the box of an upright photo may be stretched to the shape of one lying down (seen in ``CC_coords``).

    Returns
    -------
    ChartReading
        The likeliest reading of the box.

    Raises
    ------
    CheckerError
        The box lies outside the picture in every orientation.
    ImageError
        The picture or its size cannot be read.
    """
    turned, stored = _shapes(picture)
    readings = [ChartReading(scaled, True, turned) for scaled in _scaled(box, turned, picture, lying)]
    if stored != turned:
        as_stored = [scaled for scaled in _scaled(box, stored, picture, lying) if _inside(scaled, stored)]
        readings += [ChartReading(turn, True, turned) for scaled in as_stored for turn in quarter_turns(scaled, stored)]
        readings += [ChartReading(scaled, False, stored) for scaled in as_stored]
    readings = [reading for reading in readings if _inside(reading.box, reading.shape)]
    if not readings:
        found = "x {0:.0f} to {2:.0f}, y {1:.0f} to {3:.0f}".format(*box)
        outside = f"outside the photo of {turned[1]}x{turned[0]}"
        raise CheckerError(f"{picture.path}: chart at {found} of the linear PNG, {outside}")
    return _best(picture, readings, lying)


def _best(picture: Picture, readings: Sequence[ChartReading], lying: bool) -> ChartReading:
    """Choose among readings, the likelier ones first."""
    if picture.published is not None:
        mask, longest = picture.published, max(picture.camera.rendered_size)
        readings = [
            reading for reading in readings if published_box(reading.box, reading.shape, mask, longest)
        ] or readings
    plain = picture.camera.orientation_reliable and readings[0].orient and not lying
    return readings[0] if plain or len(readings) == 1 else _detected(picture, readings)


def _shapes(picture: Picture) -> tuple[Shape, Shape]:
    """Height and width of the picture turned as its tag says, and as stored where that can be had."""
    if picture.kind == "raw":
        upright = raw.raw_size(picture.path)
        return upright, upright
    stored = headers.image_size(picture.path, orient=False)
    return (stored if picture.kind == "linear" else headers.image_size(picture.path)), stored


def _scaled(box: Box, shape: Shape, picture: Picture, lying: bool) -> list[Box]:
    """Scale a box to a picture of that shape, and where it may be stretched, also undo the stretch."""
    camera, rendered = picture.camera, picture.kind == "rendered"
    longer, shorter = camera.rendered_size if rendered else camera.linear_size
    scale = max(shape) / longer * (camera.rendered_scale if rendered else 1.0)
    x0, y0, x1, y1 = (scale * edge for edge in box)
    if shape[1] >= shape[0] or not lying:
        return [(x0, y0, x1, y1)]
    narrow, high = shorter / longer, longer / shorter
    return [(x0, y0, x1, y1), (x0 * narrow, y0 * high, x1 * narrow, y1 * high)]


def quarter_turns(box: Box, shape: Shape) -> list[Box]:
    """Return where a box of a picture of that shape is when the picture is turned clockwise, and counterclockwise."""
    (x0, y0, x1, y1), (height, width) = box, shape
    return [(height - y1, x0, height - y0, x1), (y0, width - x1, y1, width - x0)]


def _inside(box: Box, shape: Shape) -> bool:
    height, width = shape
    slack = _SLACK * max(shape)
    return box[0] >= -slack and box[1] >= -slack and box[2] <= width + slack and box[3] <= height + slack


def _detected(picture: Picture, readings: Sequence[ChartReading]) -> ChartReading:
    """Return the first reading where an upright checker is found, else the first where any is, else the first."""
    images = {orient: picture.read(orient) for orient in {reading.orient for reading in readings}}
    turned = []
    for reading in readings:
        found = find_checker(images[reading.orient], box=reading.box)
        if found.orientation == 0:
            return reading
        turned += [reading] if found.corners is not None else []
    return [*turned, *readings][0]
