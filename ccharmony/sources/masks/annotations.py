"""Foregrounds from drawing tools: each JSON file is recognized as LabelMe's or COCO's by what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ccharmony import inputs, strict_json
from ccharmony.errors import CcharmonyError
from ccharmony.sources.masks import foreign
from ccharmony.sources.masks.coco import read_coco
from ccharmony.sources.masks.drawn import Drawn
from ccharmony.sources.masks.labelme import read_labelme
from ccharmony.sources.masks.targets import Targets

MOST_BYTES = 512 * 2**20
"""Of a JSON file of drawings; COCO's largest, of 118,000 photos, has 449e6."""

_WANTED = "wanted LabelMe (shapes) or COCO (images, annotations)"


def find_drawings(files: Sequence[Path], beside: Sequence[Path], photos: Mapping[str, Path]) -> Drawn:
    """Read the foregrounds of every LabelMe and COCO file.

    Parameters
    ----------
    files
        Files of masks; those that end in ``.json`` are read, and are annotations.
    beside
        Files beside photos; those that end in ``.json`` are annotations if they look like it.
    photos
        Photo files by id.

    Returns
    -------
    Drawn
        Foregrounds by photo id, in the order of the files, and what gave none.
    """
    targets, drawn = Targets(photos), Drawn()
    others = []
    for path in (path for path in (*files, *beside) if path.suffix.lower() == ".json"):
        try:
            content = strict_json.read(path, most=MOST_BYTES)
        except (OSError, ValueError) as error:
            drawn.refuse(path, "", f"not JSON ({inputs.why(error)})")
            continue
        if path in beside and not _is_labelme(content) and not _is_coco(content) and not foreign.name(content):
            others.append(path)
        else:
            _read(path, content, targets, drawn)
    if others:
        drawn.notes.append(f"{len(others)} JSON files beside photos are no annotations, such as {others[0]}")
    return drawn


def _read(path: Path, content: Any, targets: Targets, drawn: Drawn) -> None:
    other = foreign.name(content)
    if other or not (_is_labelme(content) or _is_coco(content)):
        drawn.refuse(path, "", f"{other or 'neither LabelMe nor COCO'}, {_WANTED}")
        return
    read = read_labelme if _is_labelme(content) else read_coco
    try:
        read(path, content, targets, drawn)
    except CcharmonyError as error:
        drawn.refuse(path, "", str(error))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        drawn.refuse(path, "", f"an entry is missing or of another kind ({error!r})")


def _is_labelme(content: Any) -> bool:
    return isinstance(content, Mapping) and "shapes" in content


def _is_coco(content: Any) -> bool:
    return isinstance(content, Mapping) and {"images", "annotations"} <= set(content)
