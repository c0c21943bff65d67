"""The header of a picture, read before the picture is decoded: format, size, mode, orientation, completeness.

Pillow reads the headers, but for TIFF (`tiff`); `stored` decodes.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol

from PIL import Image

from ccharmony import inputs
from ccharmony.arrays import Shape
from ccharmony.errors import CcharmonyError, ImageError
from ccharmony.files import StrPath
from ccharmony.images import jpeg, tiff

MAX_PIXELS = 400_000_000
"""Pictures above this many pixels are refused before they are decoded; the largest camera back has 151 million."""

# Pillow's own limit, 179 million pixels, would come before ours and could not be lifted.
Image.MAX_IMAGE_PIXELS = None
# Its warnings, most of them about damaged metadata, are of no use to users who build a dataset.
warnings.filterwarnings("ignore", module=r"PIL\.")

READABLE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"),
    *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".jpx", ".j2c"),
)
"""File suffixes, in lower case, of the pictures that are read; those of camera raw files come from `sources`."""

GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I")
COLOR_MODES = ("RGB", "P", "YCbCr", "RGBA", "PA", "RGBa", "RGBX")

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EXIF_ORIENTATION = 0x0112
_DEFLATE = 1040  # bytes that one of deflate stands for at most: 1,032
_PNG_CHANNELS = {2: 3, 4: 2, 6: 4}
_CHANNELS = 4
SWAPS_SIDES = (5, 6, 7, 8)
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "JPEG2000", "GIF")
"""Formats that are looked for: of Pillow's forty parsers, those of formats in which photos and masks are stored."""


@dataclass(frozen=True)
class Header:
    """What a file says of its picture.

    Attributes
    ----------
    format
        JPEG, PNG, TIFF, WEBP, BMP, JPEG2000, AVIF or HEIF.
    size
        Height and width as stored, before it is turned.
    mode
        Pillow's name for the kind of pixels.
    samples
        Samples of a pixel, 3 where indices stand for colors.
    bits
        Bits of a sample, 8 or 16 (a TIFF also others).
    orientation
        How to turn it upright, as EXIF counts, 1 to 8; 1 for HEIF, whose decoder has turned it.
    profile
        The embedded ICC profile, or None.
    """

    format: str
    size: Shape
    mode: str
    samples: int
    bits: int
    orientation: int = 1
    profile: bytes | None = None


class Readable(Protocol):
    """A source of a picture: a path, or a member of an archive."""

    @property
    def name(self) -> str:
        """Return the last part of the name."""
        ...

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        ...


def as_readable(path: StrPath | Readable) -> Readable:
    """Return a text or a path-like object as a path; any other readable stays as it is."""
    return Path(path) if isinstance(path, str | os.PathLike) else path


def image_size(path: Readable, *, orient: bool = True) -> tuple[int, int]:
    """Return (height, width) of a picture, upright where `orient`, from its header alone.

    Raises
    ------
    ImageError
        The file cannot be read or is not a picture.
    """
    header = look_at(path)
    height, width = header.size
    return (width, height) if orient and header.orientation in SWAPS_SIDES else (height, width)


def bit_depth(path: Readable) -> int:
    """Return the bits of a sample, such as 8 or 16, from the header alone.

    Raises
    ------
    ImageError
        The file cannot be read or is not a picture.
    """
    return look_at(path).bits


def content(file: Readable, most: int) -> bytes:
    """Return the whole content of a file of `most` bytes at most; raises OSError, or as a member's `read_bytes`."""
    if isinstance(file, Path):
        return inputs.read_bytes(file, most)
    data = file.read_bytes()
    if len(data) > most:
        raise inputs.UnusableFileError(f"{len(data)} bytes, the limit is {most}")
    return data


def read_bytes(path: Readable) -> bytes:
    """Return the whole file; raises ImageError where that is impossible or the file is empty."""
    try:
        data = content(path, inputs.PICTURE_BYTES)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise ImageError(f"{path}: 0 bytes, wanted a picture")
    return data


def read_header(data: bytes, path: Readable, max_pixels: int | None) -> Header:
    """Return the header of a picture in memory; raises ImageError if it is none, truncated, or above the limit."""
    with _parsing(path):
        header = _parse(io.BytesIO(data))
    height, width = header.size
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(
            f"{path}: {width}x{height} pixels, the limit is {max_pixels} (ccharmony build --max-pixels lifts it)"
        )
    if header.format == "JPEG":
        _check_jpeg(data, path)
    if header.format == "PNG" and not _is_complete_png(data):
        raise ImageError(f"{path}: truncated PNG ({len(data)} bytes and no end chunk)")
    if header.format == "PNG" and (most := _DEFLATE * len(data)) < _count_png_bytes(data):
        raise ImageError(f"{path}: {len(data)} bytes of PNG hold {most} at most, {width}x{height} pixels need more")
    _check_memory(_bytes_a_pixel(header, data), header.size, path, max_pixels)
    return header


def _bytes_a_pixel(header: Header, data: bytes) -> int:
    """Return the bytes that decoding takes for each pixel; a progressive JPEG is first held as coefficients."""
    coefficients = 2 if header.format == "JPEG" and jpeg.is_progressive(data) else 0
    return header.samples * (math.ceil(header.bits / 8) + coefficients)


def _check_memory(bytes_a_pixel: int, size: Shape, path: Readable, max_pixels: int | None) -> None:
    """Refuse what would take more than the largest picture of 8 bits and four channels."""
    height, width = size
    if max_pixels is not None and (taken := bytes_a_pixel * width * height) > _CHANNELS * max_pixels:
        limit = f"{_CHANNELS * max_pixels} (ccharmony build --max-pixels lifts it)"
        raise ImageError(f"{path}: {width}x{height} pixels of {bytes_a_pixel} bytes take {taken}, the limit is {limit}")


def _check_jpeg(data: bytes, path: Readable) -> None:
    if not jpeg.is_complete(data):
        raise ImageError(f"{path}: truncated JPEG ({len(data)} bytes and no end marker)")
    if (scans := jpeg.count_scans(data)) > jpeg.MOST_SCANS:
        raise ImageError(f"{path}: a JPEG of {scans} scans, the limit is {jpeg.MOST_SCANS}")


def look_at(path: Readable) -> Header:
    """Return the header of a picture; a file is read no further than that.

    Raises
    ------
    ImageError
        The file cannot be read or is not a picture.
    """
    with _parsing(path), _opened(path) as stream:
        return _parse(stream)


def _opened(path: Readable) -> BinaryIO:
    if isinstance(path, Path) and inputs.check(path, inputs.PICTURE_BYTES):
        return inputs.open_binary(path, inputs.PICTURE_BYTES)
    return io.BytesIO(read_bytes(path))


@contextlib.contextmanager
def _parsing(path: Readable) -> Iterator[None]:
    """Turn any error that a parser raises on a damaged file into an ImageError with the file's name."""
    try:
        yield
    except CcharmonyError as error:
        named = str(error).startswith(f"{path}: ")
        raise error if named else ImageError(f"{path}: {error}") from error
    except (FileNotFoundError, inputs.UnusableFileError) as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:
        raise ImageError(f"{path}: not a picture that can be read") from error


def _parse(stream: IO[bytes]) -> Header:
    start = stream.read(64)
    stream.seek(0)
    if start[:4] in _TIFF_STARTS:
        page = tiff.open_page(stream)
        size = int(page.imagelength), int(page.imagewidth)
        pixel = tiff.mode(page), tiff.samples(page), tiff.bits(page)
        return Header("TIFF", size, *pixel, _valid(tiff.orientation(page)), tiff.profile(page))
    with Image.open(stream, formats=_formats(start)) as image:
        width, height = image.size
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        profile = image.info.get("icc_profile") or None
        turned = 1 if kind == "HEIF" else _orientation(image, stream)
        mode = "LA" if any(raw.startswith("LA") for raw in _raw_modes(image)) else image.mode
        samples = 3 if mode in ("P", "PA") else len(image.getbands())
        return Header(kind, (height, width), mode, samples, _bits(image), turned, profile)


def _formats(start: bytes) -> tuple[str, ...]:
    """Return the formats to look for; AVIF files may begin with the general brand of HEIF and name theirs after it."""
    if start[4:8] != b"ftyp":
        return _FORMATS
    brands = [start[place : place + 4] for place in range(8, min(int.from_bytes(start[:4], "big"), len(start)), 4)]
    if b"avif" in brands or b"avis" in brands:
        return ("AVIF",)
    if not any(brand in _HEIF_BRANDS for brand in brands):
        return _FORMATS
    import pillow_heif  # here, since most pictures need no HEVC decoder

    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _orientation(image: Image.Image, stream: IO[bytes]) -> int:
    """Return the EXIF orientation, of a PNG also what stands behind its pixels, which Pillow would decode first."""
    try:
        if image.format == "PNG" and "exif" not in image.info and "Raw profile type exif" not in image.info:
            return _png_orientation(stream)
        return _valid(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # damaged EXIF, of which each of Pillow's parsers has its own; the pixels may be sound
        return 1


def _png_orientation(stream: IO[bytes]) -> int:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + png_chunk(stream, b"eXIf"))
    return _valid(exif.get(_EXIF_ORIENTATION, 1))


def png_chunk(stream: IO[bytes], kind: bytes) -> bytes:
    """Return the first chunk of a kind wherever it stands in a PNG; empty where there is none."""
    place = 8
    while len(start := _at(stream, place, 8)) == 8 and start[4:] != b"IEND":
        size = int.from_bytes(start[:4], "big")
        if start[4:] == kind:
            return _at(stream, place + 8, size)
        place += 12 + size
    return b""


def _at(stream: IO[bytes], place: int, size: int) -> bytes:
    stream.seek(place)
    return stream.read(size)


def _valid(orientation: object) -> int:
    """Return an orientation tag, 1 for what is none."""
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _bits(image: Image.Image) -> int:
    """Return the bits of a sample by Pillow's raw mode, such as ``RGB;16B``, or its mode, such as ``I;16``."""
    return 16 if any(";16" in mode for mode in [*_raw_modes(image), image.mode]) else 8


def _raw_modes(image: Image.Image) -> list[str]:
    """Return how the file itself lays out its pixels; gray with alpha of 16 bits has ``LA;16B`` and the mode RGBA."""
    tiles: Any = getattr(image, "tile", ())
    return [tile[3] if isinstance(tile[3], str) else str(tile[3][0]) for tile in tiles if tile[3]]


def _is_complete_png(data: bytes) -> bool:
    """Return whether the lengths of the chunks lead to the end; OpenCV allocates 4 GB for a chunk of that length."""
    position = 8
    while position + 8 <= len(data):
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if kind == b"IEND":
            return True
        if kind == b"IHDR" and position > 8:
            return False
        position += 12 + size
    return False


def _count_png_bytes(data: bytes) -> int:
    """Return the bytes of a PNG's pixels by its first chunk, which gives width, height, depth and kind of color."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits = data[24] * _PNG_CHANNELS.get(data[25], 1)
    return height * (width * bits // 8)


def describe(mode: str) -> str:
    """Return a name for a mode of Pillow's that a reader understands."""
    return {"L": "gray", "LA": "gray with alpha", "1": "one bit", "CMYK": "CMYK"}.get(mode, f"mode {mode}")
