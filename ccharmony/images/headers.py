"""The header of a picture, read before the picture is decoded: format, size, mode, orientation, completeness.

Pillow reads the headers; `pixels` decodes.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from PIL import Image

from ccharmony import inputs
from ccharmony.errors import CcharmonyError, ImageError
from ccharmony.files import StrPath
from ccharmony.images import jpeg

MAX_PIXELS = 400_000_000
"""Pictures above this many pixels are refused before they are decoded; the largest camera back has 151 million."""

# Pillow's own limit, 179 million pixels, would come before ours and could not be lifted.
Image.MAX_IMAGE_PIXELS = None
# Its warnings, most of them about damaged metadata, are of no use to users who build a dataset.
warnings.filterwarnings("ignore", module=r"PIL\.")

READABLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
"""File suffixes, in lower case, of the pictures that datasets are read from; HEIC and camera raw come from sources."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_EXIF_ORIENTATION = 0x0112
_DEFLATE = 1040  # bytes that one of deflate stands for at most: 1,032
_PNG_CHANNELS = {2: 3, 4: 2, 6: 4}
_CHANNELS = 4
SWAPS_SIDES = (5, 6, 7, 8)
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")
"""Formats that are read: of Pillow's forty parsers, those of formats in which photos and masks are stored."""


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
    with open_header(path) as header:
        width, height = header.size
        turned = orient and orientation(header) in SWAPS_SIDES
    return (width, height) if turned else (height, width)


def bit_depth(path: Readable) -> int:
    """Return the bits of a sample, 8 or 16, from the header alone; from Pillow's raw mode, such as ``RGB;16B``.

    Raises
    ------
    ImageError
        The file cannot be read or is not a picture.
    """
    with open_header(path) as header:
        return _bits(header)


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


def read_header(data: bytes, path: Readable, max_pixels: int | None) -> Image.Image:
    """Return the header of a picture in memory; raises ImageError if it is none, truncated, or above the limit."""
    with _parsing(path):
        header = Image.open(io.BytesIO(data), formats=_formats(data[:12], path))
    width, height = header.size
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(
            f"{path}: {width}x{height} pixels, the limit is {max_pixels} (ccharmony build --max-pixels lifts it)"
        )
    if header.format in ("JPEG", "MPO"):
        _check_jpeg(data, path)
    if header.format == "PNG" and not _is_complete_png(data):
        raise ImageError(f"{path}: truncated PNG ({len(data)} bytes and no end chunk)")
    if header.format == "PNG" and (most := _DEFLATE * len(data)) < _count_png_bytes(data):
        raise ImageError(f"{path}: {len(data)} bytes of PNG hold {most} at most, {width}x{height} pixels need more")
    _check_memory(_bytes_a_pixel(header, data), header.size, path, max_pixels)
    return header


def _bytes_a_pixel(header: Image.Image, data: bytes) -> int:
    """Return the bytes that decoding takes for each pixel; a progressive JPEG is first held as coefficients."""
    samples = 3 if header.mode == "P" else len(header.getbands())
    coefficients = 2 if header.format in ("JPEG", "MPO") and jpeg.is_progressive(data) else 0
    return samples * (_bits(header) // 8 + coefficients)


def _check_memory(bytes_a_pixel: int, size: tuple[int, int], path: Readable, max_pixels: int | None) -> None:
    """Refuse what would take more than the largest picture of 8 bits and four channels."""
    width, height = size
    if max_pixels is not None and (taken := bytes_a_pixel * width * height) > _CHANNELS * max_pixels:
        limit = f"{_CHANNELS * max_pixels} (ccharmony build --max-pixels lifts it)"
        raise ImageError(f"{path}: {width}x{height} pixels of {bytes_a_pixel} bytes take {taken}, the limit is {limit}")


def _check_jpeg(data: bytes, path: Readable) -> None:
    if not jpeg.is_complete(data):
        raise ImageError(f"{path}: truncated JPEG ({len(data)} bytes and no end marker)")
    if (scans := jpeg.count_scans(data)) > jpeg.MOST_SCANS:
        raise ImageError(f"{path}: a JPEG of {scans} scans, the limit is {jpeg.MOST_SCANS}")


@contextlib.contextmanager
def open_header(path: Readable) -> Iterator[Image.Image]:
    """Open a picture without reading its pixels; a file is read no further than its header."""
    with _parsing(path), _opened(path) as stream:
        formats = _formats(stream.read(12), path)
        stream.seek(0)
        with Image.open(stream, formats=formats) as header:
            yield header


def _opened(path: Readable) -> BinaryIO:
    if isinstance(path, Path) and inputs.check(path, inputs.PICTURE_BYTES):
        return inputs.open_binary(path, inputs.PICTURE_BYTES)
    return io.BytesIO(read_bytes(path))


@contextlib.contextmanager
def _parsing(path: Readable) -> Iterator[None]:
    """Turn any error that Pillow raises on a damaged file into an ImageError."""
    try:
        yield
    except CcharmonyError:
        raise
    except (FileNotFoundError, inputs.UnusableFileError) as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:
        raise ImageError(f"{path}: not a picture that can be read") from error


def _formats(start: bytes, path: Readable) -> tuple[str, ...]:
    """Return the formats to look for; a HEIF file, such as a telephone's, needs the optional pillow-heif."""
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS:
        return _FORMATS
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(f"{path}: a HEIF photo, which needs pillow-heif (pip install ccharmony[heif])") from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def orientation(header: Image.Image) -> int:
    """Return the EXIF orientation; of a PNG only what stands before its pixels, which Pillow would decode otherwise."""
    if header.format == "PNG" and "exif" not in header.info:
        return 1
    return int(header.getexif().get(_EXIF_ORIENTATION, 1))


def _bits(header: Image.Image) -> int:
    tiles: Any = getattr(header, "tile", ())
    raw_modes = [tile[3] if isinstance(tile[3], str) else str(tile[3][0]) for tile in tiles if tile[3]]
    return 16 if any(";16" in mode for mode in [*raw_modes, header.mode]) else 8


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
