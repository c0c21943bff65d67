"""Foregrounds drawn with LabelMe: one JSON file a photo, one foreground a shape or a group of shapes.

As in LabelMe's own converters, shapes with one label and one ``group_id`` are one foreground, and the labels
``__ignore__`` and ``_background_`` are none. X-AnyLabeling and other relatives write the same files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccharmony.errors import ImageError
from ccharmony.sources.masks.drawings import Bitmap, Outline, Ring, circle, rectangle
from ccharmony.sources.masks.drawn import Drawn
from ccharmony.sources.masks.targets import Frame, Targets, proof

Json = Mapping[str, Any]

_NO_FOREGROUNDS = ("__ignore__", "_background_")
_FOUR_CORNERS = ("oriented_rectangle", "rotation", "quadrilateral")
_AREAS = "polygon, rectangle, oriented_rectangle, circle or mask"


def read_labelme(path: Path, content: Json, targets: Targets, drawn: Drawn) -> None:
    """Add the foregrounds of one LabelMe file.

    Parameters
    ----------
    path
        The file; its photo has its name, or the name of ``imagePath``.
    content
        The content of the file.
    targets
        The photos.
    drawn
        Foregrounds are added; a shape without an area (points, lines) or without a pixel in the photo is refused, and
        so is a file without a photo, a shape or a foreground, or one for a photo of another size.

    Raises
    ------
    ImageError
        The photo's size cannot be read.
    """
    photo = _photo(path, content, targets, drawn)
    if photo is None:
        drawn.refuse(path, "", f"no photo {path.stem!r} that it could belong to")
        return
    shapes = content["shapes"]
    wanted = [entry for entry in enumerate(shapes) if entry[1].get("label") not in _NO_FOREGROUNDS]
    if len(wanted) < len(shapes):
        drawn.notes.append(f"{path}: {len(shapes) - len(wanted)} shapes labeled {' or '.join(_NO_FOREGROUNDS)}")
    if not wanted:
        drawn.refuse(path, "", f"none of its {len(shapes)} shapes is a foreground")
    frame = _frame(path, content, photo, targets, drawn)
    for name, (rings, bitmaps) in _groups(path, wanted, drawn).items():
        outline = Outline(path, name, frame.shape, tuple(rings), (), tuple(bitmaps), orientation=frame.orientation)
        drawn.add(photo, outline)


def _photo(path: Path, content: Json, targets: Targets, drawn: Drawn) -> str | None:
    by_name, by_path = targets.match(path.name), targets.match(str(content.get("imagePath") or ""))
    if by_name and by_path and by_name != by_path:
        drawn.notes.append(f"{path}: taken for {by_name} by its name, though its imagePath names {by_path}")
    return by_name or by_path


def _frame(path: Path, content: Json, photo: str, targets: Targets, drawn: Drawn) -> Frame:
    """Return the picture that was drawn on; LabelMe writes the size of what it shows, so that tells it."""
    upright, stored = targets.frames(photo)
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if not targets.is_turned(photo, height, width):
        return upright
    corners = [point for shape in content["shapes"] for point in shape["points"]]
    turned = proof(corners, upright.shape) is not False
    drawn.notes.append(
        f"{path}: {width}x{height} is the size before EXIF turns the photo, "
        + ("its shapes are turned with it" if turned else "its shapes reach beyond it and are taken as upright")
    )
    return stored if turned else upright


def _groups(path: Path, shapes: list[tuple[int, Json]], drawn: Drawn) -> dict[str, tuple[list[Ring], list[Bitmap]]]:
    """Return outlines and bitmaps by foreground; shapes with one label and ``group_id`` belong together."""
    groups: dict[str, tuple[list[Ring], list[Bitmap]]] = {}
    for number, shape in shapes:
        group = shape.get("group_id")
        name = f"shape {number}" if group is None else f"{shape.get('label')!r} of group {group}"
        try:
            area = _area(shape)
        except ImageError as error:
            drawn.refuse(path, f"shape {number}", str(error))
            continue
        rings, bitmaps = groups.setdefault(name, ([], []))
        if isinstance(area, Bitmap):
            bitmaps.append(area)
        else:
            rings.append(area)
    return groups


def _area(shape: Json) -> Ring | Bitmap:
    """Return a shape as a closed outline or a bitmap; raises ImageError for one without an area."""
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    if kind == "mask":
        return _bitmap(shape, points)
    if kind == "rectangle" and len(points) == 2:
        return rectangle(points)
    if kind == "circle" and len(points) == 2:
        return circle(points[0], points[1])
    if kind in ("rectangle", *_FOUR_CORNERS) and len(points) == 4:
        return tuple(points)
    if kind == "polygon" and len(points) >= 3:
        return tuple(points)
    known = kind in ("rectangle", "circle", "polygon", *_FOUR_CORNERS)
    found = f"a {kind} of {len(points)} points" if known else f"a {kind}"
    raise ImageError(f"{found}, wanted an area: {_AREAS}")


def _bitmap(shape: Json, points: list[tuple[float, float]]) -> Bitmap:
    """Return an AI mask: a picture as base64 text, its corner at the first point of its box."""
    if not isinstance(text := shape.get("mask"), str):
        raise ImageError("a mask without a picture as base64 text")
    (x0, y0), (x1, y1) = points
    return Bitmap(int(min(x0, x1)), int(min(y0, y1)), text)
