"""Where the chart is in the picture that is read, and which way up that picture is.

NUS's boxes are in pixels of the linear PNG. The JPGs of the 1Ds Mark III carry orientation tags that cannot be trusted:
the orientation is right in which the box lies inside the picture, and where it does so in both, in which a checker
is detected there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccharmony import detect, photo, pixels
from ccharmony.catalog import Camera
from ccharmony.errors import CheckerError
from ccharmony.manifest import Box
from ccharmony.pixels import UInt8

Shape = tuple[int, int]

_SLACK = 0.01
"""Share of the picture's longer side by which a box may stand out: PNG and JPG show slightly different margins."""


@dataclass(frozen=True)
class Place:
    """A chart's box in a picture, in pixels, and whether the picture is turned as its EXIF orientation says."""

    box: Box
    orient: bool


@dataclass(frozen=True)
class Picture:
    """The picture that a box is carried over to.

    Attributes
    ----------
    path, kind
        File, and ``rendered``, ``linear`` or ``raw``.
    camera
        What took it.
    read
        Returns the image (H, W, 3), turned as its EXIF orientation says or as stored.
    """

    path: Path
    kind: str
    camera: Camera
    read: Callable[[bool], UInt8]


def place_chart(picture: Picture, box: Box, *, lying: bool = False) -> Place:
    """Carry a chart's box over to a picture.

    Parameters
    ----------
    picture
        The picture.
    box
        x0, y0, x1, y1 in pixels of the linear PNG.
    lying
        Whether the box of an upright photo may be stretched to the shape of one lying down (seen in ``CC_coords``).

    Raises
    ------
    CheckerError
        The box lies outside the picture in every orientation.
    ImageError
        The picture or its size cannot be read.
    """
    shapes = _shapes(picture)
    places = [
        Place(scaled, orient)
        for orient, shape in shapes.items()
        for scaled in _boxes_in(shape, picture, box, lying)
        if _inside(scaled, shape)
    ]
    if not places:
        height, width = next(iter(shapes.values()))
        found = "x {0:.0f} to {2:.0f}, y {1:.0f} to {3:.0f}".format(*box)
        raise CheckerError(f"{picture.path}: chart at {found} of the linear PNG, outside the photo of {width}x{height}")
    if picture.camera.orientation_reliable:
        places = [place for place in places if place.orient == places[0].orient]
    return places[0] if len(places) == 1 else _detected(picture, places)


def _shapes(picture: Picture) -> dict[bool, Shape]:
    """Height and width of the picture turned as its tag says, and as stored where that is another shape."""
    if picture.kind == "raw":
        return {True: photo.raw_size(picture.path)}
    if picture.kind == "linear":
        return {True: pixels.image_size(picture.path, orient=False)}
    turned, stored = (pixels.image_size(picture.path, orient=orient) for orient in (True, False))
    return {True: turned} if turned == stored else {True: turned, False: stored}


def _boxes_in(shape: Shape, picture: Picture, box: Box, lying: bool) -> list[Box]:
    """Scale a box to a picture of that shape, and where it may be stretched, also take the stretch back."""
    camera, rendered = picture.camera, picture.kind == "rendered"
    longer, shorter = camera.rendered_size if rendered else camera.linear_size
    scale = max(shape) / longer * (camera.rendered_scale if rendered else 1.0)
    x0, y0, x1, y1 = (scale * edge for edge in box)
    if shape[1] >= shape[0] or not lying:
        return [(x0, y0, x1, y1)]
    narrow, high = shorter / longer, longer / shorter
    return [(x0, y0, x1, y1), (x0 * narrow, y0 * high, x1 * narrow, y1 * high)]


def _inside(box: Box, shape: Shape) -> bool:
    height, width = shape
    slack = _SLACK * max(shape)
    return box[0] >= -slack and box[1] >= -slack and box[2] <= width + slack and box[3] <= height + slack


def _detected(picture: Picture, places: Sequence[Place]) -> Place:
    """Return the first place where a checker is found, the first of all where none is."""
    images = {orient: picture.read(orient) for orient in {place.orient for place in places}}
    for place in places:
        if detect.find(images[place.orient], box=place.box).reason == "":
            return place
    return places[0]
