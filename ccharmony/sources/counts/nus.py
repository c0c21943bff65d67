"""Patch colors of NUS photos from ``<id>_color.txt``, with the levels of ``<Camera>_gt.mat`` or of the catalog."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ccharmony import catalog
from ccharmony.catalog import Source
from ccharmony.errors import CheckerError
from ccharmony.records import Photo
from ccharmony.sources.counts.render import render_patches
from ccharmony.sources.files import files_below
from ccharmony.sources.found import Found
from ccharmony.sources.nus.truth import Truth, known_truth, read_colors, read_truths

_COLORS = re.compile(r"(.+)_color\.txt", re.IGNORECASE)
_BOX = re.compile(r"(.+)_mask\.txt", re.IGNORECASE)


def find_nus_counts(folder: Path) -> Found:
    """Find the patch colors of NUS photos.

    Parameters
    ----------
    folder
        Folder that holds the small files, anywhere below it.

    Returns
    -------
    Found
        Photos with patches, whose file is the text of their counts. A text that cannot be read is a problem. The
        summary says how many photos have an illuminant or a box alone.
    """
    source, files = catalog.read_source("nus"), files_below(folder)
    truths, problems = read_truths(files, source)
    colors, boxes = _by_photo(files, _COLORS, source), _by_photo(files, _BOX, source)
    photos = []
    for name, path in sorted(colors.items()):
        try:
            photos.append(_photo(name, path, source, truths))
        except CheckerError as error:
            problems.append(str(error))
    every = sum(camera.photos for camera in source.cameras)
    summary = [f"nus: patch colors of {len(photos)} of {every} photos"]
    named = {name for truth in truths.values() for name in truth.boxes} | set(boxes)
    if without := len(named - set(colors)):
        summary.append(f"nus: {without} photos have an illuminant or a box alone, a fit needs <id>_color.txt")
    return Found(photos, problems, summary)


def _by_photo(files: Sequence[Path], pattern: re.Pattern[str], source: Source) -> dict[str, Path]:
    """Return the first file of each photo whose name has a form."""
    found: dict[str, Path] = {}
    for path in files:
        named = pattern.fullmatch(path.name)
        if named and (known := source.identify(named[1])):
            found.setdefault(known[0], path)
    return found


def _photo(name: str, path: Path, source: Source, truths: Mapping[str, Truth]) -> Photo:
    known = source.identify(name)
    assert known is not None  # `_by_photo` keeps names of the source alone
    camera = known[1]
    truth = truths.get(camera.name, known_truth(camera))
    patches = render_patches(read_colors(path, truth), camera)
    return Photo(name, source.name, camera.name, path, patches=patches)
