"""The pictures of a report: photos with the outlines of their chart, and strips of composites, small enough to inline.

A page for 350 photos has to stay below 15 MB. Each photo gets the same share of the bytes that its pictures may take,
and each picture is shrunk until it fits into its part of that share.

Contents: :class:`PhotoPictures`, :class:`PictureSources`; :func:`collect_pictures`, :func:`outline`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ccharmony.arrays import Float32, Float64, UInt8
from ccharmony.checker.chart import patch_quads
from ccharmony.checker.detect import find_checker
from ccharmony.checker.patches import INNER_SHARE, INNER_SHARE_OF_QUADS
from ccharmony.errors import CcharmonyError
from ccharmony.images import pixels
from ccharmony.images.thumbnails import LONGEST, PAGE_BYTES, Thumbnail, shrink, within
from ccharmony.inspection.report import FitReport, PhotoReport
from ccharmony.progress import Progress
from ccharmony.records import Pair, Photo
from ccharmony.sources import reading

PHOTO_BYTES = 220_000
"""Most bytes that one photo's pictures take on a page of few photos."""

_PHOTO_PART, _CHART_PART, _STRIPS_PART = 0.35, 0.2, 0.45
_AROUND_CHART = 0.15
"""Share of the chart's size that a close-up shows around it."""
_SMALLEST_SPOT = 1e-4
"""Share of the picture below which a separate spot of a mask is not outlined."""


@dataclass(frozen=True)
class PhotoPictures:
    """The pictures of one photo; those that do not exist are None or absent.

    Attributes
    ----------
    photo
        The source photo with its chart outlined, or the dataset's real picture.
    chart
        Close-up of the chart with the patches outlined as they were read.
    reals, composites
        By foreground letter: the real picture with the mask's outline, and the composites in the manifest's order.
    problems
        Why a picture is missing.
    """

    photo: Thumbnail | None = None
    chart: Thumbnail | None = None
    reals: Mapping[str, Thumbnail] = field(default_factory=dict)
    composites: Mapping[str, Sequence[Thumbnail]] = field(default_factory=dict)
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class PictureSources:
    """Where pictures are read from.

    Attributes
    ----------
    root
        The dataset; None without.
    photos
        Source photos by id; empty without.
    """

    root: Path | None = None
    photos: Mapping[str, Photo] = field(default_factory=dict)


def collect_pictures(
    report: FitReport, found_in: PictureSources, *, jobs: int = 2, progress: Progress | None = None
) -> dict[str, PhotoPictures]:
    """Return the pictures of all photos by id, together within `PAGE_BYTES`."""
    quota = min(PHOTO_BYTES, PAGE_BYTES // max(1, len(report.photos)))
    found: dict[str, PhotoPictures] = {}
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda photo: _pictures_of(photo, found_in, quota), report.photos)
        for count, (photo, pictures) in enumerate(zip(report.photos, results, strict=True), start=1):
            found[photo.record.id] = pictures
            if progress:
                progress("pictures", count, len(report.photos))
    return found


def outline(mask: Float32) -> list[Float64]:
    """Return the outlines of a mask (H, W) in [0, 1], holes included, each (n, 2) in pixels x, y."""
    height, width = mask.shape
    found, _ = cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    tolerance = 0.002 * max(height, width)
    lines = (cv2.approxPolyDP(line, tolerance, True).reshape(-1, 2).astype(np.float64) + 0.5 for line in found)
    return [line for line in lines if cv2.contourArea(line.astype(np.float32)) > _SMALLEST_SPOT * mask.size]


def _pictures_of(photo: PhotoReport, found_in: PictureSources, quota: int) -> PhotoPictures:
    problems: list[str] = []
    shown, chart = _photo(photo, found_in, quota, problems)
    reals: dict[str, Thumbnail] = {}
    composites: dict[str, list[Thumbnail]] = {}
    if found_in.root:
        share = int(_STRIPS_PART * quota / (len(photo.pairs) + 1))
        for letter, rows in itertools.groupby(photo.pairs, key=lambda pair: pair.foreground):
            try:
                reals[letter], composites[letter] = _strip(list(rows), found_in.root, share)
            except CcharmonyError as error:
                problems.append(str(error))
    return PhotoPictures(shown, chart, reals, composites, problems)


def _photo(
    photo: PhotoReport, found_in: PictureSources, quota: int, problems: list[str]
) -> tuple[Thumbnail | None, Thumbnail | None]:
    """Return the photo and its chart; of a dataset alone, the real picture, which shows none."""
    source = found_in.photos.get(photo.record.id)
    try:
        if source:
            return _photo_with_chart(source, quota)
        if found_in.root and photo.pairs:
            image = pixels.read_preview(found_in.root / photo.pairs[0].real, LONGEST)
            return within(image, int(_PHOTO_PART * quota)), None
    except CcharmonyError as error:
        problems.append(str(error))
    return None, None


def _photo_with_chart(source: Photo, quota: int) -> tuple[Thumbnail, Thumbnail | None]:
    image = reading.read_photo(source)
    frame, patches = _chart_outlines(image, source)
    shown = within(image, int(_PHOTO_PART * quota), frame)
    if not frame:
        return shown, None
    x0, y0, x1, y1 = _around(np.concatenate(frame), image)
    corner = np.array([x0, y0])
    lines = [line - corner for line in patches or frame]
    return shown, within(np.ascontiguousarray(image[y0:y1, x0:x1]), int(_CHART_PART * quota), lines)


def _chart_outlines(image: UInt8, photo: Photo) -> tuple[list[Float64], list[Float64]]:
    """Return the outline of the chart, and those of what is read of its patches, in pixels."""
    chart = photo.chart
    corners = chart.corners if chart else None
    if chart is not None and chart.quads is not None:
        centers = chart.quads.mean(axis=1, keepdims=True)
        inner = centers + INNER_SHARE_OF_QUADS * (chart.quads - centers)
        frame = _rectangle(chart.box) if corners is None else corners
        return [frame], [cv2.convexHull(quad.astype(np.float32)).reshape(-1, 2) for quad in inner]
    if corners is None and photo.patches is None:
        corners = find_checker(image, box=chart.box if chart else None).corners
    if corners is not None:
        return [corners], list(patch_quads(corners, INNER_SHARE))
    return ([_rectangle(chart.box)] if chart else []), []


def _rectangle(box: Sequence[float]) -> Float64:
    x0, y0, x1, y1 = box
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def _around(points: Float64, image: UInt8) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 of a window around points, inside the image, at least one pixel large."""
    height, width = image.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    room = _AROUND_CHART * (high - low)
    x0, y0 = np.clip(low - room, 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(np.ceil(high + room), (x0 + 1, y0 + 1), (width, height)).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _strip(rows: Sequence[Pair], root: Path, share: int) -> tuple[Thumbnail, list[Thumbnail]]:
    """Return the real picture of a foreground with its mask's outline, and its composites."""
    mask = pixels.read_mask(root / rows[0].mask)
    real = pixels.read_preview(root / rows[0].real, LONGEST)
    scale = np.array(real.shape[1::-1]) / np.array(mask.shape[::-1])
    first = within(real, share, [line * scale for line in outline(mask)])
    composites: list[Thumbnail] = []
    side = max(first.size)
    for row in rows:  # each begins at the size of the last, since pictures of one photo differ little in bytes
        composites.append(within(shrink(pixels.read_preview(root / row.composite, side), side), share, start=side))
        side = max(composites[-1].size)
    return first, composites
