"""Annotation files of other tools and kinds, known by what they hold, so that a message can name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_IN_LISTS: tuple[tuple[str, set[str]], ...] = (
    ("COCO results, a list without images", {"image_id", "category_id"}),
    ("Label Studio's own list of tasks, which exports COCO too", {"data", "annotations"}),
    ("Label Studio's own list of tasks, which exports COCO too", {"data", "completions"}),
    ("a list of LabelMe files", {"shapes"}),
)
_IN_OBJECTS: tuple[tuple[str, set[str]], ...] = (
    ("a VGG Image Annotator project, which exports COCO too", {"_via_img_metadata"}),
    ("a Supervisely file, which exports COCO too", {"objects", "size"}),
    ("a file of SA-1B, with one image", {"image", "annotations"}),
    ("a Datumaro file, which exports COCO too", {"items", "categories"}),
    ("a Darwin (V7) file, which exports COCO too", {"item", "annotations"}),
    ("GeoJSON", {"type", "features"}),
)
_IN_ENTRIES: tuple[tuple[str, set[str]], ...] = (
    ("a VGG Image Annotator file, which exports COCO too", {"filename", "regions"}),
)
_IN_ANNOTATIONS: tuple[tuple[str, set[str]], ...] = (
    ("COCO's panoptic form, whose masks are pictures", {"segments_info"}),
)


def name(content: Any) -> str:
    """Return what a JSON file is that is neither LabelMe's nor COCO's; empty if that is not known.

    Examples
    --------
    >>> name({"size": {"height": 60, "width": 90}, "objects": []})
    'a Supervisely file, which exports COCO too'
    """
    if isinstance(content, list):
        return _first(_IN_LISTS, content)
    if not isinstance(content, Mapping):
        return ""
    annotations = content.get("annotations")
    return (
        (_first(_IN_ANNOTATIONS, annotations) if isinstance(annotations, list) else "")
        or _first(_IN_OBJECTS, [content])
        or _first(_IN_ENTRIES, list(content.values()))
    )


def _first(kinds: tuple[tuple[str, set[str]], ...], entries: list[Any]) -> str:
    """Return the kind whose keys the first entry has."""
    keys = set(entries[0]) if entries and isinstance(entries[0], Mapping) else set()
    return next((kind for kind, wanted in kinds if wanted <= keys), "")
