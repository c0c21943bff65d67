"""From a photo's row to its pixels: rendered from linear counts, developed from a raw file, or read as it is."""

from __future__ import annotations

from pathlib import Path

from ccharmony import catalog, listing
from ccharmony.arrays import UInt8
from ccharmony.images import headers, pixels, profiles, raw, rendering
from ccharmony.records import Photo

PASSED_OVER = f"not read, wanted a camera raw file or {' '.join(headers.READABLE_SUFFIXES)}"
"""Why a file among photos gives nothing."""


def read_photo(source: Photo, *, max_pixels: int | None = headers.MAX_PIXELS) -> UInt8:
    """Read a photo as its source says it has to be read.

    Parameters
    ----------
    source
        The photo's row: its path, its rendering if it is linear, and whether its orientation can be trusted.
    max_pixels
        Photos with more pixels are refused before they are decoded; None lifts the limit.

    Returns
    -------
    UInt8
        Image (H, W, 3), RGB, sRGB-encoded, upright.

    Raises
    ------
    ImageError
        The file is missing, damaged, or not a photo.
    """
    if source.rendering is not None:
        return rendering.render_linear(pixels.read_linear(source.path, max_pixels=max_pixels), source.rendering)
    return read_file(source.path, orient=source.orient, max_pixels=max_pixels)


def read_file(path: Path, *, orient: bool = True, max_pixels: int | None = headers.MAX_PIXELS) -> UInt8:
    """Read a photo of which nothing but its file is known: developed if it is raw, else as it is; raises ImageError."""
    if is_raw(path.suffix):
        return raw.read_raw(path, max_pixels=max_pixels)
    return pixels.read_image(path, orient=orient, max_pixels=max_pixels)


def read_size(source: Photo) -> tuple[int, int]:
    """Return (height, width) of a photo as `read` returns it, from the file's header alone; raises ImageError."""
    if is_raw(source.path.suffix):
        return raw.raw_size(source.path)
    return headers.image_size(source.path, orient=source.orient and source.rendering is None)


def read_profile(source: Photo) -> str:
    """Return the name of the color profile that `read_photo` converts from, from the file's header alone.

    Returns
    -------
    str
        Empty for sRGB, for raw files and for linear photos.

    Raises
    ------
    ImageError
        The file cannot be read or is not a picture.
    """
    if source.rendering is not None or is_raw(source.path.suffix):
        return ""
    return profiles.name(headers.look_at(source.path).profile)


def is_photo(path: Path) -> bool:
    """Return whether a file is a photo by its suffix: a picture (HEIC among them) or a camera's raw file."""
    return path.suffix.lower() in headers.READABLE_SUFFIXES or is_raw(path.suffix)


def is_passed_over(path: Path) -> bool:
    """Return whether a file among photos is neither a photo by its suffix nor a note or setting beside one."""
    return not is_photo(path) and not listing.is_note(path)


def is_raw(suffix: str) -> bool:
    """Return whether a file suffix is that of a camera's raw file."""
    return suffix.lower() in catalog.read_source("folder").suffixes["raw"]
