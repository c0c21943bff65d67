"""The largest part of a photo without its color checker.

A pair must not show the chart: a network would read the light off it. The published rule cuts the photo along one side
of the chart's bounding box, from edge to edge, and keeps the largest of the four parts. It reproduces the sizes of all
258 published Gehler masks (222 photos) from the chart's coordinates. With more than one chart each part is cut again.

Contents: :func:`bounding_box`, :func:`largest_without`, :func:`parts_without`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ccharmony.checker.chart import Box
from ccharmony.errors import CheckerError

Part = tuple[int, int, int, int]


def bounding_box(points: npt.ArrayLike, scale: float = 1.0) -> Box:
    """Return x0, y0, x1, y1 around points.

    Parameters
    ----------
    points
        Coordinates x, y, shape (n, 2).
    scale
        Pixels of the points' picture per pixel of the photo, the same for both axes. For Gehler's coordinates it is
        the header's width over the photo's width, about 5 for the small renderings.

    Returns
    -------
    Box
        x0, y0, x1, y1 in pixels of the photo.

    Raises
    ------
    CheckerError
        There are no points, or one is not finite.
    """
    coordinates = np.asarray(points, np.float64)
    if coordinates.ndim != 2 or coordinates.shape[1] != 2 or not len(coordinates) or not np.isfinite(coordinates).all():
        raise CheckerError(f"chart corners of shape {coordinates.shape}, wanted finite coordinates (n, 2)")
    x0, y0 = (coordinates.min(axis=0) / scale).tolist()
    x1, y1 = (coordinates.max(axis=0) / scale).tolist()
    return x0, y0, x1, y1


def largest_without(box: Box, shape: tuple[int, int], others: Sequence[Box] = ()) -> Part:
    """Return the largest part of a photo that leaves out a chart, and all other charts in it.

    Parameters
    ----------
    box
        x0, y0, x1, y1 around the chart, in pixels of the photo. It may reach beyond the photo's edge.
    shape
        Height and width of the photo.
    others
        Boxes around the other charts.

    Returns
    -------
    Part
        x0, y0, x1, y1 in whole pixels, the ends exclusive: ``photo[y0:y1, x0:x1]``.

    Raises
    ------
    CheckerError
        The chart lies outside the photo, or the charts leave nothing of it.

    Examples
    --------
    >>> largest_without((600.7, 300.2, 800.4, 420.9), (583, 874))
    (0, 0, 600, 583)
    >>> largest_without((600.7, 300.2, 800.4, 420.9), (583, 874), [(20.0, 400.0, 180.0, 500.0)])
    (0, 0, 874, 300)
    """
    parts = list(parts_without(box, shape).values())
    for other in others:
        parts = list(dict.fromkeys(rest for part in parts for rest in _around(part, other)))
    # max keeps the first of equals: left, right, top, bottom.
    largest = max(parts, key=_area, default=(0, 0, 0, 0))
    if _area(largest) == 0:
        where = " and ".join(map(_text, (box, *others)))
        raise CheckerError(f"chart at {where} fills the photo of {shape[1]}x{shape[0]}, nothing is left to crop")
    return largest


def parts_without(box: Box, shape: tuple[int, int]) -> dict[str, Part]:
    """Return the parts left, right, above (``top``) and below (``bottom``) of a chart; `largest_without` returns one.

    Raises
    ------
    CheckerError
        The chart lies outside the photo.
    """
    height, width = shape
    _check(box, width, height)
    x0, x1 = (min(max(math.floor(x), 0), width) for x in (box[0], box[2]))
    y0, y1 = (min(max(math.floor(y), 0), height) for y in (box[1], box[3]))
    return {
        "left": (0, 0, x0, height),
        "right": (x1, 0, width, height),
        "top": (0, 0, width, y0),
        "bottom": (0, y1, width, height),
    }


def _around(part: Part, box: Box) -> Iterator[Part]:
    """Yield the largest parts of a part left, right, above and below of a box; the part itself where it is free."""
    x0, y0, x1, y1 = part
    left, right = (min(max(math.floor(x), x0), x1) for x in (box[0], box[2]))
    top, bottom = (min(max(math.floor(y), y0), y1) for y in (box[1], box[3]))
    if left == right or top == bottom:
        yield part
        return
    yield from ((x0, y0, left, y1), (right, y0, x1, y1), (x0, y0, x1, top), (x0, bottom, x1, y1))


def _check(box: Box, width: int, height: int) -> None:
    if not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
        raise CheckerError(f"chart at {_text(box)}, wanted x0 < x1 and y0 < y1")
    if box[2] <= 0 or box[3] <= 0 or box[0] >= width or box[1] >= height:
        raise CheckerError(f"chart at {_text(box)} outside the photo of {width}x{height}")


def _area(part: Part) -> int:
    return (part[2] - part[0]) * (part[3] - part[1])


def _text(box: Box) -> str:
    return "x {0:.0f} to {2:.0f}, y {1:.0f} to {3:.0f}".format(*box)
