"""Which annotations with ``iscrowd`` 1 are crowds: in COCO itself all are, CVAT and others write it for every mask.

COCO's annotators outlined ten to fifteen objects of a category one by one and put the rest of them under one mask, the
crowd. So a file in which every annotation has the flag has no crowd; in any other file an annotation with the flag is a
crowd if its mask has several separate parts, or if ten others of its category are in the same image.

References
----------
Lin et al.: Microsoft COCO: Common Objects in Context, ECCV 2014, section 4.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ccharmony.errors import SourceError
from ccharmony.sources.masks.drawings import Drawing

Json = Mapping[str, Any]

_NEIGHBORS = 10
_WHOLE = 0.95
"""Share of its area that the largest part of one object has at least: brushes leave specks."""


@dataclass(frozen=True)
class Crowds:
    """What a file tells about its flags.

    Attributes
    ----------
    flagged_alone
        Whether every annotation has the flag.
    singles
        Annotations without the flag by image and category.
    """

    flagged_alone: bool
    singles: Mapping[tuple[str, str], int]

    def check(self, entry: Json, drawing: Drawing) -> None:
        """Raise SourceError where an annotation with the flag is a crowd."""
        if self.flagged_alone:
            return
        if (others := self.singles.get(_key(entry), 0)) >= _NEIGHBORS:
            raise SourceError(f"iscrowd 1 beside {others} single objects, a crowd; wanted one object")
        _, labels = cv2.connectedComponents(drawing.draw().astype(np.uint8))
        areas = np.bincount(labels.ravel())[1:]
        if areas.max() < _WHOLE * areas.sum():
            raise SourceError(f"iscrowd 1 and {len(areas)} separate parts, a crowd; wanted one object (iscrowd 0)")


def find(entries: Sequence[Json]) -> Crowds:
    """Look at all annotations of a file."""
    singles = Counter(_key(entry) for entry in entries if entry.get("iscrowd") != 1)
    return Crowds(not singles, singles)


def _key(entry: Json) -> tuple[str, str]:
    return str(entry.get("image_id")), str(entry.get("category_id"))
