"""The NUS photos: the camera's JPG where it exists, else the linear PNG, else the camera's raw file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccharmony import catalog
from ccharmony.arrays import UInt8
from ccharmony.catalog import Camera, Source
from ccharmony.errors import CcharmonyError, ImageError
from ccharmony.images import headers
from ccharmony.images.camera import Rendering
from ccharmony.images.readable import Readable
from ccharmony.records import Chart, Photo
from ccharmony.sources import reading
from ccharmony.sources.counts.render import is_full
from ccharmony.sources.files import Duplicates, files_below, in_masks, source_folder
from ccharmony.sources.found import Found, count_cameras, leave_out
from ccharmony.sources.masks.pictures import find_masks
from ccharmony.sources.nus.chart import Picture, locate_chart
from ccharmony.sources.nus.truth import Truth, known_truth, read_box, read_colors, read_truths
from ccharmony.sources.release.files import Release

KINDS = ("rendered", "linear", "raw")
"""Kinds of picture, the preferred one first: the release was made from the camera's renderings."""

_BESIDE = re.compile(r"(.+)_(mask|color)\.txt", re.IGNORECASE)


@dataclass
class _Group:
    """The files of one photo: pictures by kind, and the texts next to them (``mask``, ``color``)."""

    camera: Camera
    pictures: dict[str, list[Path]] = field(default_factory=dict)
    beside: dict[str, Path] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Return the preferred kind of picture among those that exist."""
        return next(kind for kind in KINDS if kind in self.pictures)


def find_nus(data_dir: Path, published: Release | None = None) -> Found:
    """Find the NUS photos below ``data_dir/nus``.

    Parameters
    ----------
    data_dir
        Folder that holds the folder ``nus``.
    published
        The release; only its photos are then returned, and its masks show how a photo is turned. None for all.

    Returns
    -------
    Found
        Photos with the box of their chart, to be detected inside it, and with masks of one's own.

    Raises
    ------
    SourceError
        The folder is missing.
    """
    source = catalog.read_source("nus")
    folder = source_folder(data_dir, "nus")
    files = files_below(folder)
    groups = _group(files, folder, source)
    truths, problems = read_truths(files, source)
    masks, unused = find_masks([path for path in files if in_masks(path, folder)], groups)
    wanted, left_out = leave_out(groups, published.ids if published else None)
    duplicates = Duplicates()
    photos, full = [], []
    for name in wanted:
        group = groups[name]
        truth = truths.get(group.camera.name, known_truth(group.camera))
        try:
            row = _photo(name, group, truth, duplicates, masks.get(name, {}))
            photos.append(_with_chart(row, group, truth, published))
            full += [name] if _has_full_patch(group, truth) else []
        except CcharmonyError as error:
            problems.append(str(error))
    summary = count_cameras(source, photos)
    if full:
        summary.append(f"nus: {len(full)} photos with a patch at the sensor's saturation: {', '.join(full)}")
    return Found(photos, problems + duplicates.problems, summary, left_out, unused)


def _group(files: Sequence[Path], folder: Path, source: Source) -> dict[str, _Group]:
    """Sort the files by photo; what has no picture is left out."""
    groups: dict[str, _Group] = {}
    for path in files:
        beside = _BESIDE.fullmatch(path.name)
        known = source.identify(beside[1] if beside else path.stem)
        if known is None or in_masks(path, folder):
            continue
        group = groups.setdefault(known[0], _Group(known[1]))
        if beside:
            group.beside.setdefault(beside[2].lower(), path)
        elif kind := _kind(path, source):
            group.pictures.setdefault(kind, []).append(path)
    return {name: group for name, group in groups.items() if group.pictures}


def _kind(path: Path, source: Source) -> str | None:
    suffix = path.suffix.lower()
    return next((kind for kind in KINDS if suffix in source.suffixes[kind]), None)


def _photo(name: str, group: _Group, truth: Truth, duplicates: Duplicates, masks: Mapping[str, Readable]) -> Photo:
    """Make the row of a photo, still without its chart."""
    path = duplicates.first(name, group.pictures[group.kind])
    rendering = _rendering(path, group.camera, truth) if group.kind == "linear" else None
    return Photo(name, "nus", group.camera.name, path, masks=masks, rendering=rendering)


def _rendering(path: Path, camera: Camera, truth: Truth) -> Rendering:
    if (bits := headers.bit_depth(path)) != 16:
        raise ImageError(f"{path}: {bits} bits, wanted NUS's linear picture of 16 bits")
    return Rendering(truth.black, truth.saturation, camera.daylight_balance, camera.camera_matrix)


def _with_chart(row: Photo, group: _Group, truth: Truth, published: Release | None) -> Photo:
    """Add the chart's box and the orientation in which it was read; without coordinates the row stays as it is."""

    def read(orient: bool) -> UInt8:
        return reading.read_photo(dataclasses.replace(row, orient=orient))

    mask = None if published is None else headers.image_size(next(iter(published.masks[row.id].values())))
    picture = Picture(row.path, group.kind, group.camera, read, mask)
    if "mask" in group.beside:
        placed = locate_chart(picture, read_box(group.beside["mask"]))
    elif row.id in truth.boxes:
        placed = locate_chart(picture, truth.boxes[row.id], lying=True)
    else:
        return row
    return dataclasses.replace(row, chart=Chart(placed.box), orient=placed.orient)


def _has_full_patch(group: _Group, truth: Truth) -> bool:
    """Return whether the counts that NUS noted show a clipped patch, which a rendering may hide."""
    return "color" in group.beside and bool(is_full(read_colors(group.beside["color"], truth)).any())
