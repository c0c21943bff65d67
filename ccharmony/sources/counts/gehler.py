"""Patch colors of Gehler photos from Shi's table ``colourchecker_gamma1_bit12.mat``.

Its ``real_rgb``, (568, 24, 3), holds means of 12-bit counts, black level included, in chart order; patches with clipped
pixels are NaN. The rows are the photos in the order of their ids, which the table does not hold: the catalog does. The
collection's other small files have no patch colors: ``ground_truth.mat`` has illuminants, ``<id>_macbeth.txt`` corners.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ccharmony import catalog
from ccharmony.arrays import Float64
from ccharmony.catalog import Source
from ccharmony.checker.chart import CHART_TO_RELEASE
from ccharmony.errors import SourceError
from ccharmony.records import Photo
from ccharmony.sources.counts.render import render_patches
from ccharmony.sources.files import files_below
from ccharmony.sources.found import Found
from ccharmony.sources.nus.matlab import read_matlab

_TABLE = "real_rgb"
_MOST = 4095
"""Largest count of 12 bits."""


def find_gehler_counts(folder: Path) -> Found:
    """Find the patch colors of Gehler photos.

    Parameters
    ----------
    folder
        Folder that holds the MATLAB files, anywhere below it.

    Returns
    -------
    Found
        Photos with patches, whose file is the table; NaN where the table has none. A file that cannot be read, or a
        table of another form, is a problem; the summary says where there are illuminants or coordinates alone.
    """
    source = catalog.read_source("gehler")
    photos: list[Photo] = []
    problems: list[str] = []
    summary: list[str] = []
    files = files_below(folder)
    for path in files:
        if path.suffix.lower() == ".mat":
            try:
                table = np.asarray(read_matlab(path).get(_TABLE, ()))
                if table.ndim == 3 and not photos:
                    photos = list(_photos(path, table, source))
                elif table.ndim == 2:
                    summary.append(f"gehler: {path.name} has {len(table)} illuminants alone, a fit needs patch colors")
            except SourceError as error:
                problems.append(str(error))
    outlines = sum(path.name.lower().endswith("_macbeth.txt") for path in files)
    if outlines and not photos:
        summary.append(f"gehler: {outlines} *_macbeth.txt have coordinates alone, a fit needs patch colors")
    every = sum(camera.photos for camera in source.cameras)
    return Found(photos, problems, [f"gehler: patch colors of {len(photos)} of {every} photos", *summary])


def _photos(path: Path, table: Float64, source: Source) -> Iterator[Photo]:
    """Yield the photos of a table; raises SourceError where it has another form."""
    rows = [(camera, name) for camera in source.cameras for name in camera.every_id]
    if table.shape != (len(rows), 24, 3) or not np.issubdtype(table.dtype, np.number):
        raise SourceError(f"{path}: {_TABLE} of shape {table.shape}, wanted counts of shape {(len(rows), 24, 3)}")
    counts = np.asarray(table, np.float64)
    known = counts[np.isfinite(counts)]
    if not known.size or known.min() < 0 or not 1 < known.max() <= _MOST:
        found = f"{known.min():g} to {known.max():g}" if known.size else "no number"
        raise SourceError(f"{path}: {_TABLE} has {found}, wanted counts of 12 bits, 0 to {_MOST}")
    for (camera, name), measured in zip(rows, counts[:, CHART_TO_RELEASE], strict=True):
        patches = render_patches((measured - camera.black) / (camera.saturation - camera.black), camera)
        yield Photo(name, source.name, camera.name, path, patches=patches)
