"""The photos that masks are drawn for: found by name, with the size that a drawing must have been made for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PureWindowsPath

from ccharmony.dataset.manifest import Photo
from ccharmony.errors import ImageError
from ccharmony.sources import files, reading

Shape = tuple[int, int]


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
        self._shapes: dict[str, Shape] = {}

    def match(self, file_name: str) -> str | None:
        """Return the id of the photo that a file name of any system stands for, with or without folders."""
        stem = PureWindowsPath(file_name).stem
        return self._ids.get(files.normal(stem).casefold())

    def shape(self, photo: str, height: object, width: object, origin: object) -> Shape:
        """Return height and width of a photo, and check those that a drawing names, unless it names none.

        Raises
        ------
        ImageError
            The drawing was made for a photo of another size, or the photo's size cannot be read.
        """
        if photo not in self._shapes:
            row = Photo(photo, "folder", "unknown", self._photos[photo])
            self._shapes[photo] = reading.read_size(row)
        shape = self._shapes[photo]
        if (height is not None or width is not None) and (height, width) != shape:
            raise ImageError(f"{origin}: drawn for a photo of {width}x{height}, {photo} is {shape[1]}x{shape[0]}")
        return shape
