"""What a file says of its photo beside the pixels: color profile, EXIF, XMP and resolution.

Contents: :class:`Tags`, :func:`read_tags`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from PIL import Image

from ccharmony.images import exif, png, tiff
from ccharmony.images.headers import Header
from ccharmony.images.readable import Readable

_logger = logging.getLogger(__name__)

_PREFIX = b"Exif\0\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[1-8]")


@dataclass(frozen=True)
class Tags:
    """What stands in a file beside its pixels.

    Attributes
    ----------
    profile
        The ICC profile that says what the numbers mean; None stands for sRGB.
    exif
        The EXIF block, from its byte order on, its orientation 1 and without thumbnail; empty where there is none.
    xmp
        The XMP packet, its orientation 1; empty where there is none.
    dpi
        Pixels per inch across and down, or None.
    """

    profile: bytes | None = None
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None


def read_tags(file: IO[bytes], header: Header, path: Readable) -> Tags:
    """Return what an open file, whose header was read, says of its picture, which is upright from now on.

    A damaged EXIF block is left out; the log says so.
    """
    read_exif, xmp, dpi = _of_tiff(file) if header.format == "TIFF" else _by_pillow(file, header)
    try:
        block = exif.make_upright(read_exif())
    except exif.ExifError as error:
        _logger.warning("%s: EXIF is left out: %s", path, error)
        block = b""
    return Tags(header.profile, block, _XMP_ORIENTATION.sub(rb"\g<1>1", xmp), _sound(dpi))


def _of_tiff(file: IO[bytes]) -> tuple[Callable[[], bytes], bytes, object]:
    """Return what reads the EXIF block, the XMP packet and the resolution of a TIFF."""
    offset, xmp, dpi = tiff.read_tags(file)
    return lambda: exif.from_tiff(file, offset), xmp, dpi


def _by_pillow(file: IO[bytes], header: Header) -> tuple[Callable[[], bytes], bytes, object]:
    """Return the same of any other file."""
    with Image.open(file, formats=(header.format,)) as image:
        block, xmp, dpi = image.info.get("exif", b""), image.info.get("xmp", b""), image.info.get("dpi")
        if "Raw profile type exif" in image.info:  # ImageMagick's own way, in text
            block = image.getexif().tobytes()
    if header.format == "PNG" and not block:
        block = png.read_chunks(file, (b"eXIf",)).get(b"eXIf", b"")
    text = xmp.encode() if isinstance(xmp, str) else bytes(xmp or b"")
    return lambda: bytes(block or b"").removeprefix(_PREFIX), text, dpi


def _sound(dpi: object) -> tuple[float, float] | None:
    """Return a resolution if it is one; files hold zeros, and fractions of zero."""
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None
