"""The Gehler photos: the small 8-bit renderings where they exist, else Shi's linear pictures.

``<id>_macbeth.txt`` holds the chart in pixels of the raw picture: a header ``W H`` (missing in 22 of 592 files), four
corners (dark skin, bluish green, white, black), and four corners for each of the 24 patches in chart order. All is
divided by the header's width over the photo's, for both axes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony import catalog
from ccharmony.arrays import Float64
from ccharmony.catalog import Camera, Source
from ccharmony.checker import crop
from ccharmony.errors import CcharmonyError, CheckerError
from ccharmony.images import headers
from ccharmony.images.camera import Rendering
from ccharmony.images.readable import Readable
from ccharmony.records import Chart, Photo
from ccharmony.sources.files import Duplicates, files_below, in_masks, read_rows, source_folder
from ccharmony.sources.found import Found, count_cameras, leave_out
from ccharmony.sources.masks.pictures import find_masks
from ccharmony.sources.release.files import Release

_COORDINATES = re.compile(r"(.+)_macbeth\.txt", re.IGNORECASE)
_CORNERS = 4
_PATCHES = 24
_SMALL = 0.35
"""Width over the raw picture's below which a PNG or TIFF of 8 bits is a rendering (a fifth), not linear (a half)."""


@dataclass
class _Group:
    """The files of one photo: pictures that are display-referred, pictures that are linear, and its coordinates."""

    camera: Camera
    rendered: list[Path] = field(default_factory=list)
    linear: list[Path] = field(default_factory=list)
    coordinates: Path | None = None


def find_gehler(data_dir: Path, published: Release | None = None) -> Found:
    """Find the Gehler photos below ``data_dir/gehler``.

    Parameters
    ----------
    data_dir
        Folder that holds the folder ``gehler``.
    published
        The release; only its photos are then returned. None for all.

    Returns
    -------
    Found
        Photos with corners and patch quads of their chart, and with masks of one's own. Photos without coordinates have
        no chart and have to be searched for it; photos whose coordinates are broken are problems.

    Raises
    ------
    SourceError
        The folder is missing.
    """
    source = catalog.read_source("gehler")
    folder = source_folder(data_dir, "gehler")
    files = files_below(folder)
    groups, problems = _group(files, folder, source)
    masks, unused = find_masks([path for path in files if in_masks(path, folder)], groups)
    wanted, left_out = leave_out(groups, published.ids if published else None)
    duplicates = Duplicates()
    photos = []
    for name in wanted:
        try:
            photos.append(_photo(name, groups[name], duplicates, masks.get(name, {})))
        except CcharmonyError as error:
            problems.append(str(error))
    summary = count_cameras(source, photos)
    return Found(photos, problems + duplicates.problems, summary, left_out, unused)


def read_chart(path: Path, shape: tuple[int, int], raw_size: tuple[int, int]) -> Chart:
    """Read a chart's coordinates and scale them to a photo.

    Parameters
    ----------
    path
        ``<id>_macbeth.txt``.
    shape
        Height and width of the photo.
    raw_size
        Width and height, lying down, of the camera's raw picture; it is used where the header is missing.

    Returns
    -------
    Chart
        Box, corners and patches in pixels of the photo.

    Raises
    ------
    CheckerError
        There are not four corners and 24 patches of four, a number is missing, or the chart lies outside the photo.
    """
    rows = read_rows(path)
    if any(len(row) != 2 for row in rows):
        raise CheckerError(f"{path}: a row of {next(len(row) for row in rows if len(row) != 2)} numbers, wanted x y")
    has_header = bool(rows) and (len(rows) % 4 == 1 or sorted(rows[0]) == sorted(raw_size))
    points = np.array(rows[has_header:], np.float64).reshape(-1, 2)
    if len(points) != _CORNERS + 4 * _PATCHES:
        patches = max(0, len(points) - _CORNERS) / 4
        raise CheckerError(f"{path}: {patches:g} patches, a checker has 24 of four corners")
    width = rows[0][0] if has_header else _raw_width(shape, raw_size)
    if not width > 0:
        raise CheckerError(
            f"{path}: header {rows[0][0]:g} {rows[0][1]:g}, wanted the width and height of the raw picture"
        )
    return _chart(points * (shape[1] / width), shape, path)


def _raw_width(shape: tuple[int, int], raw_size: tuple[int, int]) -> int:
    """Width of the raw picture that stands or lies as the photo does."""
    return max(raw_size) if shape[1] >= shape[0] else min(raw_size)


def _chart(points: Float64, shape: tuple[int, int], path: Path) -> Chart:
    """Make a chart of 4 + 96 points in pixels of the photo; the file's last two corners are swapped."""
    dark_skin, bluish_green, white, black = points[:_CORNERS]
    try:
        box = crop.bounding_box(points[:_CORNERS])
        crop.largest_without(box, shape)
    except CheckerError as error:
        raise CheckerError(f"{path}: {error}") from error
    return Chart(box, np.array([dark_skin, bluish_green, black, white]), points[_CORNERS:].reshape(_PATCHES, 4, 2))


def _group(files: Sequence[Path], folder: Path, source: Source) -> tuple[dict[str, _Group], list[str]]:
    """Sort the files by photo; what has no picture is left out, and a picture that cannot be read is a problem."""
    groups: dict[str, _Group] = {}
    problems = []
    pictures = {suffix for suffixes in source.suffixes.values() for suffix in suffixes}
    for path in files:
        beside = _COORDINATES.fullmatch(path.name)
        known = source.identify(beside[1] if beside else path.stem)
        if known is None or in_masks(path, folder) or not (beside or path.suffix.lower() in pictures):
            continue
        group = groups.setdefault(known[0], _Group(known[1]))
        try:
            if beside:
                group.coordinates = group.coordinates or path
            elif _is_linear(path, group.camera, source):
                group.linear.append(path)
            else:
                group.rendered.append(path)
        except CcharmonyError as error:
            problems.append(str(error))
    return {name: group for name, group in groups.items() if group.rendered or group.linear}, problems


def _is_linear(path: Path, camera: Camera, source: Source) -> bool:
    """Return whether a picture is linear, not rendered: 16 bits, or 8 bits at about half the raw picture's width."""
    if path.suffix.lower() not in source.suffixes["linear"]:
        return False
    longest = max(headers.image_size(path))
    return headers.bit_depth(path) == 16 or longest > _SMALL * max(camera.raw_size or camera.linear_size)


def _photo(name: str, group: _Group, duplicates: Duplicates, masks: Mapping[str, Readable]) -> Photo:
    path = duplicates.first(name, group.rendered or group.linear)
    rendering = None if group.rendered else _rendering(path, group.camera)
    shape = headers.image_size(path, orient=rendering is None)
    chart = None
    if group.coordinates:
        chart = read_chart(group.coordinates, shape, group.camera.raw_size or group.camera.linear_size)
    return Photo(name, "gehler", group.camera.name, path, chart=chart, masks=masks, rendering=rendering)


def _rendering(path: Path, camera: Camera) -> Rendering:
    """Return how Shi's counts are rendered; an 8-bit copy was scaled to its full range, black level subtracted."""
    eight_bits = headers.bit_depth(path) == 8
    black, saturation = (0.0, 255.0) if eight_bits else (camera.black, camera.saturation)
    return Rendering(black, saturation, camera.daylight_balance, camera.camera_matrix)
