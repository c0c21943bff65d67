"""Foregrounds listed in a COCO file: polygons, and run lengths as numbers or as COCO's compressed string."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony.errors import CcharmonyError, ImageError, SourceError
from ccharmony.sources.masks import crowds
from ccharmony.sources.masks.drawings import Drawing, Outline, Ring, Runs, nest, unpack_counts
from ccharmony.sources.masks.drawn import Drawn
from ccharmony.sources.masks.targets import Frame, Targets, proof

Json = Mapping[str, Any]

_UPRIGHT_TOOLS = ("Label Studio",)
"""Contributors whose sizes are those of the pictures as stored, and whose outlines are upright all the same."""


@dataclass(frozen=True)
class _Image:
    """A photo that the file lists, and whether the size it gives is that before EXIF turns the photo."""

    photo: str
    turned: bool


def read_coco(path: Path, content: Json, targets: Targets, drawn: Drawn) -> None:
    """Add the foregrounds of a COCO file.

    Parameters
    ----------
    path, content
        The file and its content.
    targets
        The photos.
    drawn
        Foregrounds are added. Refused are annotations of an image that is not listed, a box alone, a crowd (several
        objects under one mask), a mask of another size or without a pixel in the photo; images of another size than
        their photo; and, in one line, all images that have no photo.
    """
    images, listed = _match_images(path, content["images"], targets, drawn)
    names = {category.get("id"): str(category.get("name", "")) for category in content.get("categories") or ()}
    entries = [(_name(entry, names), entry) for entry in content["annotations"]]
    if not entries:
        drawn.refuse(path, "", "no annotations in it, wanted outlines or run lengths")
    found = list(_of_photos(path, entries, images, listed, drawn))
    upright = _settle_turned(path, content, found, targets, drawn)
    crowd = crowds.find([entry for _, entry, _ in found])
    objects = holes = 0
    for name, entry, image in found:
        try:
            drawing = _drawing(path, name, entry, image, targets, upright)
            if entry.get("iscrowd") == 1:
                crowd.check(entry, drawing)
                objects += 1
            holes += isinstance(drawing, Outline) and bool(drawing.holes)
            drawn.add(image.photo, drawing)
        except CcharmonyError as error:
            drawn.refuse(path, name, str(error))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            drawn.refuse(path, name, f"{error!r}, wanted COCO's segmentation")
    if objects:
        drawn.notes.append(f"{path}: {objects} annotations with iscrowd 1 are taken for one object each")
    if holes:
        drawn.notes.append(f"{path}: {holes} annotations have an outline inside another, which is taken for a hole")


def _match_images(path: Path, images: list[Json], targets: Targets, drawn: Drawn) -> tuple[dict[str, _Image], set[str]]:
    """Return the images that have a photo by id, and the ids of all."""
    matched: dict[str, _Image] = {}
    absent = []
    others = targets.other_pictures(str(image["file_name"]) for image in images)
    for image in images:
        photo = targets.match(str(image["file_name"]))
        if photo is None:
            absent.append(image["file_name"])
            continue
        try:
            if str(image["file_name"]) in others:
                raise ImageError(f"{image['file_name']!r} and others have the name of {photo}, which is one photo")
            turned = targets.is_turned(photo, image.get("height"), image.get("width"))
            matched[_key(image["id"])] = _Image(photo, turned)
        except ImageError as error:
            drawn.refuse(path, "", str(error))
    if absent:
        drawn.refuse(path, "", f"{len(absent)} of {len(images)} images have no photo, such as {absent[0]!r}")
    return matched, {_key(image["id"]) for image in images}


def _of_photos(
    path: Path, entries: Iterable[tuple[str, Json]], images: Mapping[str, _Image], listed: set[str], drawn: Drawn
) -> Iterator[tuple[str, Json, _Image]]:
    """Yield the annotations of images that have a photo."""
    for name, entry in entries:
        image_id = entry.get("image_id")
        if _key(image_id) in images:
            yield name, entry, images[_key(image_id)]
        elif _key(image_id) not in listed:
            drawn.refuse(path, name, f"image_id {image_id!r}, which is not listed in images")


def _settle_turned(
    path: Path, content: Json, found: list[tuple[str, Json, _Image]], targets: Targets, drawn: Drawn
) -> bool | None:
    """Tell whether outlines on images of swapped sides are upright; one file comes from one tool, so all are alike.

    Returns
    -------
    bool | None
        None where nothing proves it.
    """
    swapped = [(entry, image) for _, entry, image in found if image.turned]
    if not swapped:
        return None
    proofs = {proof(_corners(entry), targets.frames(image.photo)[0].shape) for entry, image in swapped} - {None}
    by_tool = str((content.get("info") or {}).get("contributor")) in _UPRIGHT_TOOLS
    upright = None if len(proofs) == 2 or not (proofs or by_tool) else proofs != {True}
    count = len({image.photo for _, image in swapped})
    if upright is not None:
        how = "as upright" if upright else "as drawn before that"
        drawn.notes.append(f"{path}: {count} sizes are those before EXIF turns the photos; outlines are taken {how}")
    return upright


def _drawing(path: Path, name: str, entry: Json, image: _Image, targets: Targets, upright: bool | None) -> Drawing:
    segmentation = entry.get("segmentation")
    if not segmentation:
        raise SourceError("a box alone, wanted an outline or run lengths" if entry.get("bbox") else "no segmentation")
    frames = targets.frames(image.photo)
    if isinstance(segmentation, Mapping):
        return _runs(path, name, segmentation, frames)
    if image.turned and upright is None:
        raise ImageError(
            "the size is that before EXIF turns the photo, and the outlines fit it both upright and not; wanted the "
            f"upright size, {frames[0].shape[1]}x{frames[0].shape[0]}, or a photo without EXIF orientation"
        )
    rings, holes = nest(list(_rings(entry)))
    if not rings:
        raise SourceError(f"{len(segmentation)} outlines, wanted polygons of three corners or more")
    frame = frames[1] if image.turned and not upright else frames[0]
    return Outline(path, name, frame.shape, rings, holes, orientation=frame.orientation)


def _runs(path: Path, name: str, segmentation: Json, frames: tuple[Frame, Frame]) -> Runs:
    """Return run lengths; their own size says which picture they are of."""
    height, width = segmentation["size"]
    frame = next((frame for frame in frames if frame.shape == (height, width)), None)
    if frame is None:
        found = f"{frames[0].shape[1]}x{frames[0].shape[0]}"
        raise ImageError(f"run lengths of {width}x{height}, its photo is {found}")
    counts = segmentation["counts"]
    runs = unpack_counts(counts) if isinstance(counts, str) else tuple(map(int, counts))
    return Runs(path, name, frame.shape, runs, orientation=frame.orientation)


def _rings(entry: Json) -> Iterator[Ring]:
    """Yield the polygons of an annotation; those of two corners or fewer have no area."""
    segmentation = entry.get("segmentation")
    if not isinstance(segmentation, list) or not segmentation:
        return
    for flat in segmentation if isinstance(segmentation[0], list) else [segmentation]:
        ring = tuple(zip(map(float, flat[::2]), map(float, flat[1::2]), strict=True))
        if len(ring) >= 3:
            yield ring


def _corners(entry: Json) -> list[tuple[float, float]]:
    """Return all corners of an annotation; none where they cannot be read, which is said when it is drawn."""
    try:
        return [corner for ring in _rings(entry) for corner in ring]
    except (TypeError, ValueError):
        return []


def _name(entry: Json, names: Mapping[Any, str]) -> str:
    category = names.get(entry.get("category_id"))
    return f"annotation {entry.get('id', '?')}" + (f" ({category})" if category else "")


def _key(image_id: object) -> str:
    """Return an id as text: some tools write numbers as texts, or with a decimal point, in one of the two places."""
    return str(int(image_id)) if isinstance(image_id, float) and image_id.is_integer() else str(image_id)
