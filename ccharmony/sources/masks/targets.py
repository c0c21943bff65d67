"""Which photo a drawing belongs to, and on which picture of it the drawing was made: the upright one, or as stored."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from ccharmony.arrays import Shape
from ccharmony.errors import ImageError
from ccharmony.images import headers
from ccharmony.records import Photo
from ccharmony.roles import normal
from ccharmony.sources import reading

_UPLOADED = re.compile(r"[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded."""

_SLACK = 1.0  # pixels that a corner may lie beyond the edge: tools round, and some set corners on the edge itself


@dataclass(frozen=True)
class Frame:
    """The picture that a drawing was made on.

    Attributes
    ----------
    shape
        Its height and width.
    orientation
        How EXIF turns it upright, 1 to 8; 1 for the upright photo itself.
    """

    shape: Shape
    orientation: int = 1


class Targets:
    """Photos by name.

    Parameters
    ----------
    photos
        Photo files by id.
    """

    def __init__(self, photos: Mapping[str, Path]) -> None:
        self._photos = photos
        self._ids = {name.casefold(): name for name in photos}
        self._frames: dict[str, tuple[Frame, Frame]] = {}

    def match(self, file_name: str) -> str | None:
        """Return the id of the photo that a file name of any system stands for, with or without folders."""
        stem = normal(PureWindowsPath(file_name).stem).casefold()
        return self._ids.get(stem) or self._ids.get(_UPLOADED.sub("", stem, count=1))

    def other_pictures(self, file_names: Iterable[str]) -> set[str]:
        """Return the names, of one file, that stand for other pictures of a photo's name, such as ``b/1.jpg``.

        Names of one photo that differ (``a/1.jpg`` and ``b/1.jpg``) are of different pictures. The one that agrees with
        the end of the photo's path the farthest is the photo; where several do, none is known to be.
        """
        named: dict[str, dict[str, int]] = {}
        for name in file_names:
            if photo := self.match(name):
                named.setdefault(photo, {})[name] = _agreement(name, self._photos[photo])
        others: set[str] = set()
        for names in named.values():
            nearest = [name for name, agreement in names.items() if agreement == max(names.values())]
            others |= names.keys() - (nearest if len(nearest) == 1 else [])
        return others

    def frames(self, photo: str) -> tuple[Frame, Frame]:
        """Return the upright photo and the picture as it is stored; raises ImageError where the file cannot be read."""
        if photo not in self._frames:
            row = Photo(photo, "folder", "unknown", self._photos[photo])
            upright = Frame(reading.read_size(row))
            self._frames[photo] = upright, _as_stored(row.path, upright)
        return self._frames[photo]

    def is_turned(self, photo: str, height: object, width: object) -> bool:
        """Return whether the size that a drawing names is that of the picture as stored, not of the upright photo.

        Raises
        ------
        ImageError
            It is neither, or the photo's size cannot be read.
        """
        upright, stored = self.frames(photo)
        if (height is None and width is None) or (height, width) == upright.shape:
            return False
        if (height, width) == stored.shape:
            return True
        found = f"{upright.shape[1]}x{upright.shape[0]}"
        raise ImageError(f"drawn for a photo of {width}x{height}, {photo} is {found}")


def _agreement(name: str, path: Path) -> int:
    """Return how many parts, from the last on, a file name of any system has in common with a path."""
    pairs = zip(reversed(PureWindowsPath(name).parts), reversed(path.parts), strict=False)
    same = (normal(part).casefold() == normal(own).casefold() for part, own in pairs)
    return sum(itertools.takewhile(bool, same))


def proof(corners: Iterable[tuple[float, float]], upright: Shape) -> bool | None:
    """Tell from where corners reach which picture they were set on, if the sides of the two are swapped.

    Parameters
    ----------
    corners
        x, y in pixels.
    upright
        Height and width of the upright photo; the picture as stored has them swapped.

    Returns
    -------
    bool | None
        True for the picture as stored, False for the upright photo, None where they fit both or neither.
    """
    reach = [max(values, default=0.0) - _SLACK for values in zip(*corners, strict=True)] or [0.0, 0.0]
    fits_upright = reach[0] <= upright[1] and reach[1] <= upright[0]
    fits_stored = reach[0] <= upright[0] and reach[1] <= upright[1]
    return fits_stored if fits_stored != fits_upright else None


def _as_stored(path: Path, upright: Frame) -> Frame:
    """Return the picture as stored where EXIF swaps its sides; a raw file is developed upright."""
    if reading.is_raw(path.suffix):
        return upright
    orientation = headers.look_at(path).orientation
    return Frame(upright.shape[::-1], orientation) if orientation in headers.SWAPS_SIDES else upright
