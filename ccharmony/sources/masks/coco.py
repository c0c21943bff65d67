"""Foregrounds listed in a COCO file: polygons, and run lengths as numbers or as COCO's compressed string."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccharmony.arrays import Shape
from ccharmony.errors import ImageError, SourceError
from ccharmony.images.headers import Readable
from ccharmony.sources.masks.drawings import Outline, Runs, Targets, unpack_counts

Json = Mapping[str, Any]


def read_coco(path: Path, content: Json, targets: Targets, problems: list[str]) -> list[tuple[str, Readable]]:
    """Return the foregrounds of a COCO file, each with the id of its photo.

    Parameters
    ----------
    path, content
        The file and its content.
    targets
        The photos.
    problems
        A line is added for each annotation that cannot be used: a crowd (several objects under one mask), a mask of
        another size or without a pixel in the photo; for each image of another size than its photo; and one for all
        images that have no photo.

    Returns
    -------
    list[tuple[str, Readable]]
        Photo id and mask of each foreground.
    """
    images = _match_images(path, content["images"], targets, problems)
    drawings: list[tuple[str, Readable]] = []
    for entry in content["annotations"]:
        if entry["image_id"] not in images:
            continue
        photo, shape = images[entry["image_id"]]
        try:
            drawing = _drawing(path, entry, shape)
            if not drawing.draw().any():
                raise ImageError(f"{drawing}: outside the photo of {shape[1]}x{shape[0]}")
            drawings.append((photo, drawing))
        except (ImageError, SourceError) as error:
            problems.append(str(error))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            problems.append(f"{path} annotation {entry.get('id', '?')}: {error!r}, wanted COCO's segmentation")
    return drawings


def _match_images(
    path: Path, images: list[Json], targets: Targets, problems: list[str]
) -> dict[Any, tuple[str, Shape]]:
    """Return photo id and shape by COCO's image id."""
    matched: dict[Any, tuple[str, Shape]] = {}
    absent = []
    for image in images:
        photo = targets.match(str(image["file_name"]))
        if photo is None:
            absent.append(image["file_name"])
            continue
        try:
            matched[image["id"]] = photo, targets.shape(photo, image.get("height"), image.get("width"), path)
        except ImageError as error:
            problems.append(str(error))
    if absent:
        problems.append(f"{path}: {len(absent)} of {len(images)} images have no photo, such as {absent[0]!r}")
    return matched


def _drawing(path: Path, entry: Json, shape: Shape) -> Outline | Runs:
    name = f"annotation {entry.get('id', '?')}"
    if entry.get("iscrowd") == 1:
        raise SourceError(f"{path} {name}: a crowd, several objects under one mask; wanted one object")
    segmentation = entry["segmentation"]
    if isinstance(segmentation, Mapping):
        if tuple(segmentation["size"]) != shape:
            height, width = segmentation["size"]
            raise ImageError(f"{path} {name}: run lengths of {width}x{height}, its photo is {shape[1]}x{shape[0]}")
        counts = segmentation["counts"]
        return Runs(path, name, shape, unpack_counts(counts) if isinstance(counts, str) else tuple(map(int, counts)))
    rings = [tuple(zip(map(float, flat[::2]), map(float, flat[1::2]), strict=True)) for flat in segmentation]
    if not rings or min(len(ring) for ring in rings) < 3:
        raise SourceError(f"{path} {name}: {len(rings)} outlines, wanted polygons of three corners or more")
    return Outline(path, name, shape, tuple(rings))
