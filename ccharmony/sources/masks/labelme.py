"""Foregrounds drawn with LabelMe: one JSON file a photo, one foreground a shape or a group of shapes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccharmony.errors import ImageError, SourceError
from ccharmony.images.headers import Readable
from ccharmony.sources.masks.drawings import Outline, Ring, Targets, circle, rectangle

Json = Mapping[str, Any]


def read_labelme(path: Path, content: Json, targets: Targets, problems: list[str]) -> list[tuple[str, Readable]]:
    """Return the foregrounds of one LabelMe file, each with the id of its photo.

    Parameters
    ----------
    path
        The file; its photo has its name, or the name of ``imagePath``.
    content
        The content of the file.
    targets
        The photos.
    problems
        A line is added for each shape without an area (points, lines) or without a pixel in the photo.

    Returns
    -------
    list[tuple[str, Readable]]
        Photo id and mask of each foreground.

    Raises
    ------
    SourceError
        It belongs to no photo.
    ImageError
        It was drawn for a photo of another size.
    """
    photo = targets.match(path.name) or targets.match(str(content.get("imagePath") or ""))
    if photo is None:
        raise SourceError(f"{path}: no photo {path.stem!r} that it could belong to")
    shape = targets.shape(photo, content.get("imageHeight"), content.get("imageWidth"), path)
    drawings: list[tuple[str, Readable]] = []
    for entry, rings in _groups(path, content["shapes"], problems).items():
        drawing = Outline(path, entry, shape, tuple(rings))
        try:
            if not drawing.draw().any():
                raise ImageError(f"{drawing}: outside the photo of {shape[1]}x{shape[0]}")
            drawings.append((photo, drawing))
        except ImageError as error:
            problems.append(str(error))
    return drawings


def _groups(path: Path, shapes: list[Json], problems: list[str]) -> dict[str, list[Ring]]:
    """Return the outlines by foreground; those with one ``group_id`` belong together."""
    groups: dict[str, list[Ring]] = {}
    for number, shape_entry in enumerate(shapes):
        ring = _ring(shape_entry)
        if ring is None:
            problems.append(
                f"{path} shape {number}: a {shape_entry.get('shape_type')}, wanted an area such as a polygon"
            )
            continue
        group = shape_entry.get("group_id")
        groups.setdefault(f"shape {number}" if group is None else f"group {group}", []).append(ring)
    return groups


def _ring(shape_entry: Json) -> Ring | None:
    """Return a shape as a closed outline; None for a shape without an area."""
    points = [(float(x), float(y)) for x, y in shape_entry["points"]]
    kind = shape_entry.get("shape_type") or "polygon"
    if kind == "rectangle" and len(points) in (2, 4):
        return rectangle(points)
    if kind == "circle" and len(points) == 2:
        return circle(*points)
    return tuple(points) if kind == "polygon" and len(points) >= 3 else None
