"""Foregrounds from drawing tools: each JSON file is recognized as LabelMe's or COCO's by what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ccharmony import strict_json
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.images.headers import Readable
from ccharmony.sources.masks.coco import read_coco
from ccharmony.sources.masks.drawings import Targets
from ccharmony.sources.masks.labelme import read_labelme

MOST_BYTES = 512 * 2**20
"""Of a JSON file of drawings; COCO's largest, of 118,000 photos, has 449e6."""


def find_drawings(files: Sequence[Path], photos: Mapping[str, Path]) -> tuple[dict[str, list[Readable]], list[str]]:
    """Read the foregrounds of every LabelMe and COCO file.

    Parameters
    ----------
    files
        Files; those that end in ``.json`` are read.
    photos
        Photo files by id.

    Returns
    -------
    drawings
        Foregrounds by photo id, in the order of the files.
    problems
        One line for each file, image or drawing that cannot be used.
    """
    targets = Targets(photos)
    drawings: dict[str, list[Readable]] = {}
    problems: list[str] = []
    for path in files:
        if path.suffix.lower() != ".json":
            continue
        try:
            for photo, drawing in _read(path, targets, problems):
                drawings.setdefault(photo, []).append(drawing)
        except CcharmonyError as error:
            problems.append(str(error))
    return drawings, problems


def _read(path: Path, targets: Targets, problems: list[str]) -> list[tuple[str, Readable]]:
    try:
        content = strict_json.read(path, most=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict) or not ("shapes" in content or {"images", "annotations"} <= set(content)):
        raise SourceError(f"{path}: neither LabelMe (shapes) nor COCO (images, annotations)")
    read = read_labelme if "shapes" in content else read_coco
    try:
        return read(path, content, targets, problems)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SourceError(f"{path}: an entry is missing or of another kind ({error!r})") from error
