"""Numbered pictures as the frames of a video.

Contents: :func:`list_frames`.
"""

from __future__ import annotations

import re
from pathlib import Path

from ccharmony.dataset.formats import names
from ccharmony.errors import SourceError

_NUMBER = re.compile(r"(\d+)")


def list_frames(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their numbers: 9.png is before 10.png.

    Raises
    ------
    SourceError
        There is none.
    """
    found = sorted(names.list_pictures(folder), key=_place)
    if not found:
        raise SourceError(f"{folder}: no picture in it, wanted numbered frames")
    return found


def _place(path: Path) -> tuple[tuple[int | str, ...], ...]:
    return tuple(
        tuple(int(part) if part.isdecimal() else part for part in _NUMBER.split(name.lower())) for name in path.parts
    )
