"""Facts that the release adds to NUS and Gehler photos: patches, matrices, masks, split, and the published crop.

The masks have the size of the cropped photo, which decides the crop. The rule of :mod:`ccharmony.checker.crop` gives
the size of every Gehler mask; of the 128 NUS photos many were cropped some pixels away from the chart's coordinates,
and a few on another side of the chart than the largest. Where a mask spans the photo from edge to edge, its size shows
the side.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

from ccharmony import catalog
from ccharmony.arrays import Shape
from ccharmony.checker import crop
from ccharmony.checker.chart import Box
from ccharmony.checker.crop import Part
from ccharmony.checker.detect import find_checker
from ccharmony.errors import CcharmonyError, CheckerError
from ccharmony.images import headers
from ccharmony.records import Chart, Photo
from ccharmony.sources import reading
from ccharmony.sources.found import Found
from ccharmony.sources.release.files import Release

MAX_SHIFT = 0.035
"""Share of a photo's side by which a published crop may end away from the chart's coordinates.

3.2 % is the most seen on NUS (FujifilmXM1_0069, whose coordinates are those of a third of the raw resolution).
"""

MAX_STRETCH = 0.01
"""Share by which the side that a mask spans may differ from the photo's: 0.5 % (Canon1DsMkIII_0116), else one pixel."""


def enrich_photos(found: Found, release: Release) -> Found:
    """Add what the release has to its photos; photos that are not in it are left out.

    Parameters
    ----------
    found
        NUS or Gehler photos.
    release
        The published facts.

    Returns
    -------
    Found
        The photos of the release. Where their chart was not the one the published crop left out, `chart.box` is
        all that the published crop leaves out.
    """
    photos, problems = [], []
    for photo in found.photos:
        if photo.id not in release.ids:
            continue
        try:
            photos.append(_enriched(photo, release))
        except CcharmonyError as error:
            problems.append(f"{photo.id}: {error}")
    summary = [*found.summary, *_counts(photos)]
    return Found(photos, found.problems + problems, summary, found.left_out, found.unused)


def published_box(box: Box, shape: Shape, mask_shape: Shape, longest: int) -> Box | None:
    """Return the box that makes `crop.largest_without` give the published crop.

    Parameters
    ----------
    box
        x0, y0, x1, y1 around the chart by its coordinates.
    shape
        Height and width of the photo, which may be a scaled copy of the one that was published.
    mask_shape
        Height and width of a published mask of it.
    longest
        Longer side of the photo as it was published.

    Returns
    -------
    Box or None
        `box` itself if it leads to the mask's shape; else all that the published crop leaves out; None if the mask
        fits no side of the chart within `MAX_SHIFT`.
    """
    height, width = shape
    parts = crop.parts_without(box, shape)
    candidates = dict(_candidates(shape, mask_shape, max(shape) / longest))
    shifts = {side: _shift(parts[side], part, shape) for side, part in candidates.items()}
    side = min(shifts, key=lambda name: shifts[name], default=None)
    if side is None or shifts[side] > MAX_SHIFT:
        return None
    x0, y0, x1, y1 = candidates[side]
    if crop.largest_without(box, shape) == (x0, y0, x1, y1):
        return box
    left_out = {"left": (x1, 0, width, height), "right": (0, 0, x0, height)}
    left_out |= {"top": (0, y1, width, height), "bottom": (0, 0, width, y0)}
    a, b, c, d = left_out[side]
    return float(a), float(b), float(c), float(d)


def _candidates(shape: Shape, mask_shape: Shape, scale: float) -> Iterator[tuple[str, Part]]:
    """Yield the crop of the mask's shape on each side of the photo that the mask spans from edge to edge."""
    (height, width), (mask_height, mask_width) = shape, mask_shape
    columns = round(mask_width * height / mask_height)
    if columns < width and abs(scale * mask_height / height - 1) <= MAX_STRETCH:
        yield "left", (0, 0, columns, height)
        yield "right", (width - columns, 0, width, height)
    rows = round(mask_height * width / mask_width)
    if rows < height and abs(scale * mask_width / width - 1) <= MAX_STRETCH:
        yield "top", (0, 0, width, rows)
        yield "bottom", (0, height - rows, width, height)


def _shift(by_chart: Part, published: Part, shape: Shape) -> float:
    """Share of the photo's side by which two crops on the same side of it end apart."""
    height, width = shape
    sides = (width, height, width, height)
    return max(abs(a - b) / side for a, b, side in zip(by_chart, published, sides, strict=True))


def _enriched(photo: Photo, release: Release) -> Photo:
    masks = release.masks[photo.id]
    return dataclasses.replace(
        photo,
        chart=_published_chart(photo, headers.image_size(next(iter(masks.values())))),
        patches=release.patches[photo.id],
        to_standard=release.to_standard[photo.id],
        from_standard=release.from_standard[photo.id],
        masks=masks,
        split=release.split[photo.id],
    )


def _published_chart(photo: Photo, mask_shape: Shape) -> Chart:
    shape = reading.read_size(photo)
    chart = photo.chart or _detected(photo)
    box = published_box(chart.box, shape, mask_shape, _longest(photo.id))
    if box is None:
        found = f"published mask of {mask_shape[1]}x{mask_shape[0]}, photo of {shape[1]}x{shape[0]}"
        raise CheckerError(f"{found}: no side of the chart leaves a crop of that shape")
    return dataclasses.replace(chart, box=box)


def _longest(photo: str) -> int:
    """Return the longer side of a published photo: the camera's JPG for NUS, the small rendering for Gehler."""
    known = (catalog.read_source(name).identify(photo) for name in ("nus", "gehler"))
    return next(max(found[1].rendered_size) for found in known if found)


def _detected(photo: Photo) -> Chart:
    """Find the chart of a photo that came without coordinates; the crop must know its side."""
    found = find_checker(reading.read_photo(photo))
    if found.corners is None:
        raise CheckerError(f"no coordinates of the chart, and it is not found ({found.reason})")
    return Chart(crop.bounding_box(found.corners), found.corners)


def _counts(photos: list[Photo]) -> Iterator[str]:
    cameras = {camera.name: camera for name in ("nus", "gehler") for camera in catalog.read_source(name).cameras}
    for camera, count in Counter(photo.camera for photo in photos).items():
        yield f"{photos[0].source}: {count} of the release's {cameras[camera].published} {camera} photos"
