"""Files that are neither pictures nor JSON: those that look like annotations are named, notes are not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from ccharmony import inputs
from ccharmony.images.headers import READABLE_SUFFIXES
from ccharmony.sources.found import Unused

WANTED = "wanted mask pictures, or LabelMe or COCO JSON"

_NOTES = frozenset(("", ".txt", ".md"))
_LOOKED_AT = frozenset((".txt", ".xml"))
"""Files beside photos that may be annotations."""

_HEAD_BYTES = 2**16
"""Of a text, enough to know it; a last line that may be cut is left out."""

_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_XML = {"annotation": "Pascal VOC or old LabelMe XML", "annotations": "CVAT XML, which exports COCO too"}
_BOX_CELLS = (5, 6)
"""Numbers of a YOLO box: class, center, size, and perhaps how sure it is; polygons have more."""


def find_unread(among_masks: Iterable[Path], beside_photos: Iterable[Path]) -> list[Unused]:
    """Name the files that give no mask though they look like annotations, and what cannot be read.

    Parameters
    ----------
    among_masks
        Files of the folders of masks and annotations: all but pictures, JSON and notes are named.
    beside_photos
        Files of the folder of photos: those that look like annotations are named.

    Returns
    -------
    list[Unused]
        In the order of the files.
    """
    unused = []
    for path in among_masks:
        if path.suffix.lower() in {".json", *READABLE_SUFFIXES}:
            continue  # read elsewhere
        known = path.suffix.lower() in _NOTES
        if reason := _reason(path) or ("" if known else f"not read, {WANTED}"):
            unused.append(Unused(path, reason))
    looked_at = (path for path in beside_photos if path.suffix.lower() in _LOOKED_AT)
    return unused + [Unused(path, reason) for path in looked_at if (reason := _reason(path))]


def _reason(path: Path) -> str:
    """Return why a file gives no mask: it cannot be read, or holds annotations of another kind; empty otherwise."""
    try:
        with inputs.open_binary(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        return f"cannot be read ({error.strerror}), {WANTED}"
    text = head.decode("utf-8-sig", errors="replace")
    kind = recognize(text.rpartition("\n")[0] if len(head) == _HEAD_BYTES else text)
    return f"{kind}, {WANTED}" if kind else ""


def recognize(text: str) -> str:
    """Return what kind of annotations a text holds; empty if it looks like none.

    Examples
    --------
    >>> recognize("0 0.5 0.5 0.2 0.3")
    'YOLO boxes, not masks'
    >>> recognize("Photos of May, 24 of them")
    ''
    """
    if text.lstrip().startswith("<"):
        root = _ROOT.search(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
        return _XML.get(root[1], "") if root else ""
    try:
        rows = [[float(cell) for cell in line.replace(",", " ").split()] for line in text.splitlines() if line.strip()]
    except ValueError:
        return ""
    if not rows or min(map(len, rows)) < min(_BOX_CELLS):
        return ""
    if not all(row[0].is_integer() for row in rows) or not _are_shares(row[1:] for row in rows):
        return "rows of numbers, not masks"
    return (
        "YOLO boxes, not masks" if all(len(row) in _BOX_CELLS for row in rows) else "YOLO polygons, which are not read"
    )


def _are_shares(rows: Iterable[list[float]]) -> bool:
    return all(0 <= cell <= 1 for cell in itertools.chain.from_iterable(rows))
