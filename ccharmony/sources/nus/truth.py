"""The text files next to NUS's photos: chart boxes, patch counts, levels.

-   ``<id>_mask.txt``: one line ``x,y,width,height`` of the chart, in pixels of the upright linear PNG.
-   ``<id>_color.txt``: 24 lines ``r,g,b``, the means of raw counts, black level included, in release order.
-   ``<Camera>_gt.mat``: names, levels, and in ``CC_coords`` the charts as y1, y2, x1, x2, inclusive and from 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony.arrays import Float64
from ccharmony.catalog import Camera, Source
from ccharmony.checker.chart import Box
from ccharmony.errors import CheckerError, SourceError
from ccharmony.sources import files
from ccharmony.sources.nus.matlab import read_matlab

_LEVELS = re.compile(r"(.+)_gt\.mat", re.IGNORECASE)
_FIELDS = ("all_image_names", "darkness_level", "saturation_level", "CC_coords")


@dataclass(frozen=True)
class Truth:
    """Levels and chart boxes of one camera.

    Attributes
    ----------
    black, saturation
        Counts of the linear PNGs.
    boxes
        Photo id -> x0, y0, x1, y1 in pixels of the linear PNG.
    """

    black: float
    saturation: float
    boxes: Mapping[str, Box] = field(default_factory=dict)


def known_truth(camera: Camera) -> Truth:
    """Return what the catalog knows of a camera whose ``_gt.mat`` is missing: the levels."""
    return Truth(camera.black, camera.saturation)


def read_truths(files: Sequence[Path], source: Source) -> tuple[dict[str, Truth], list[str]]:
    """Read the ``_gt.mat`` of each camera.

    Parameters
    ----------
    files
        Files of the collection; others than ``<Camera>_gt.mat`` are passed over.
    source
        The facts about NUS.

    Returns
    -------
    truths
        By the camera's name. A camera whose file is missing or cannot be used has no entry: see `known_truth`.
    problems
        One line for each file that cannot be used.
    """
    cameras = {camera.name.lower(): camera.name for camera in source.cameras}
    truths: dict[str, Truth] = {}
    problems = []
    for path in files:
        named = _LEVELS.fullmatch(path.name)
        if named and (camera := cameras.get(named[1].lower())) and camera not in truths:
            try:
                truths[camera] = read_truth(path)
            except SourceError as error:
                problems.append(f"{error}; the levels of data_manifests/nus.toml are used instead")
    return truths, problems


def read_truth(path: Path) -> Truth:
    """Read ``<Camera>_gt.mat``.

    Raises
    ------
    SourceError
        The file is not a MATLAB file, or lacks a field, or its fields do not fit together.
    """
    content = read_matlab(path)
    if missing := [name for name in _FIELDS if name not in content]:
        raise SourceError(f"{path}: no field {', '.join(missing)}, wanted {', '.join(_FIELDS)}")
    try:
        names = [str(name) for name in content["all_image_names"]]
        y1, y2, x1, x2 = np.asarray(content["CC_coords"], np.float64).reshape(len(names), 4).T
        corners = np.stack([x1 - 1, y1 - 1, x2, y2], axis=1)
        levels = [np.asarray(content[name], np.float64).ravel() for name in ("darkness_level", "saturation_level")]
        black, saturation = (float(level[0]) for level in levels)
    except (ValueError, IndexError, TypeError) as error:
        raise SourceError(f"{path}: fields of another shape than NUS's ({error})") from error
    if not (np.isfinite(corners).all() and 0 <= black < saturation < np.inf):
        raise SourceError(f"{path}: levels {black:g} and {saturation:g}, wanted finite numbers, black the lower")
    return Truth(black, saturation, {name: tuple(box) for name, box in zip(names, corners.tolist(), strict=True)})


def read_box(path: Path) -> Box:
    """Read ``<id>_mask.txt``: x0, y0, x1, y1 of the chart in pixels of the linear PNG.

    Raises
    ------
    CheckerError
        The file does not hold four finite numbers, or no area.
    """
    rows = files.read_rows(path)
    if len(rows) != 1 or len(rows[0]) != 4 or not np.isfinite(rows[0]).all() or min(rows[0][2:]) <= 0:
        raise CheckerError(f"{path}: {len(rows)} rows, wanted one of x,y,width,height")
    x, y, width, height = rows[0]
    return x, y, x + width, y + height


def read_colors(path: Path, truth: Truth) -> Float64:
    """Read ``<id>_color.txt``.

    Returns
    -------
    Float64
        Linear camera color of the patches, shape (24, 3), release order: 0 is black, 1 a full sensor.

    Raises
    ------
    CheckerError
        The file has not 24 rows of three finite numbers.
    """
    rows = files.read_rows(path)
    if len(rows) != 24 or any(len(row) != 3 for row in rows) or not np.isfinite(rows).all():
        raise CheckerError(f"{path}: {len(rows)} rows, a checker has 24 patches of r,g,b")
    return (np.array(rows) - truth.black) / (truth.saturation - truth.black)
