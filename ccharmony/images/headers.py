"""The header of a picture, read before the picture is decoded: format, size, mode, orientation, completeness.

Pillow reads the headers, but for TIFF (`tiff`); `stored` decodes.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image

from ccharmony import inputs
from ccharmony.arrays import Shape
from ccharmony.errors import CcharmonyError, ImageError, StoreError
from ccharmony.images import color_tags, jpeg, jpeg2000, png, tiff
from ccharmony.images.readable import TIFF_STARTS, Readable, open_head, whole

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
_EXIF_ORIENTATION, _EXIF_IFD, _COLOR_SPACE, _INTEROP_IFD, _INTEROP_INDEX = 0x0112, 0x8769, 0xA001, 0xA005, 1
_JPEG_XL_STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
_DEFLATE = 1040  # bytes that one of deflate stands for at most: 1,032
_CHANNELS = 4
SWAPS_SIDES = (5, 6, 7, 8)
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "JPEG2000", "GIF")
"""Formats that are looked for: of Pillow's forty parsers, those of formats in which photos and masks are stored."""
_ANIMATED = ("PNG", "WEBP", "GIF", "AVIF")
"""Formats whose pictures follow one another in time; a HEIF or a JPEG of several (MPO) names its main one."""


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
        The embedded ICC profile, or one that says what else the file tells of its colors; None stands for sRGB.
    is_animated
        Whether it is a GIF, PNG, WebP or AVIF of several frames, none of which is *the* picture.
    """

    format: str
    size: Shape
    mode: str
    samples: int
    bits: int
    orientation: int = 1
    profile: bytes | None = None
    is_animated: bool = False


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


def read_header(file: IO[bytes], path: Readable, max_pixels: int | None) -> Header:
    """Return the header of an open picture; raises ImageError if it is none, truncated, animated or above the limit."""
    with _parsing(path):
        header = _parse(file)
    if header.is_animated:
        raise ImageError(f"{path}: a {header.format} of several frames, a picture is one frame")
    height, width = header.size
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(
            f"{path}: {width}x{height} pixels, the limit is {max_pixels} (ccharmony build --max-pixels lifts it)"
        )
    if header.format == "JPEG":
        _check_jpeg(whole(file), path)
    if header.format == "PNG":
        _check_png(whole(file), header.size, path)
    _check_memory(_bytes_a_pixel(header, file), header.size, path, max_pixels)
    return header


def _bytes_a_pixel(header: Header, file: IO[bytes]) -> int:
    """Return the bytes that decoding takes for each pixel; a progressive JPEG is first held as coefficients."""
    coefficients = 2 if header.format == "JPEG" and jpeg.is_progressive(whole(file)) else 0
    return header.samples * (math.ceil(header.bits / 8) + coefficients)


def _check_memory(bytes_a_pixel: int, size: Shape, path: Readable, max_pixels: int | None) -> None:
    """Refuse what would take more than the largest picture of 8 bits and four channels."""
    height, width = size
    if max_pixels is not None and (taken := bytes_a_pixel * width * height) > _CHANNELS * max_pixels:
        limit = f"{_CHANNELS * max_pixels} (ccharmony build --max-pixels lifts it)"
        raise ImageError(f"{path}: {width}x{height} pixels of {bytes_a_pixel} bytes take {taken}, the limit is {limit}")


def _check_png(data: bytes, size: Shape, path: Readable) -> None:
    """Refuse a PNG that is cut, or whose compressed bytes cannot be those of its pixels."""
    if not png.is_complete(data):
        raise ImageError(f"{path}: truncated PNG ({len(data)} bytes and no end chunk)")
    pixels = f"{size[1]}x{size[0]} pixels"
    if (most := _DEFLATE * len(data)) < png.count_bytes(data):
        raise ImageError(f"{path}: {len(data)} bytes of PNG hold {most} at most, {pixels} need more")
    if (found := png.count_compressed(data)) > (most := png.most_compressed(data)):
        raise ImageError(f"{path}: {found} bytes of PNG for {pixels}, which need {most} at most; the file is damaged")


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
    with _parsing(path), open_head(path) as stream:
        return _parse(stream)


@contextlib.contextmanager
def _parsing(path: Readable) -> Iterator[None]:
    """Turn any error that a parser raises on a damaged file into an ImageError with the file's name."""
    try:
        yield
    except StoreError:  # says nothing of the picture
        raise
    except CcharmonyError as error:
        named = str(error).startswith(f"{path}: ")
        raise error if named else ImageError(f"{path}: {error}") from error
    except (FileNotFoundError, inputs.UnusableFileError) as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:
        raise ImageError(f"{path}: not a picture that can be read") from error


def _parse(stream: IO[bytes]) -> Header:
    stream.seek(0)
    start = stream.read(64)
    if start[:4] in TIFF_STARTS:
        page = tiff.open_page(stream)
        size = int(page.imagelength), int(page.imagewidth)
        if 0 in size:  # Pillow refuses the other formats' own
            raise ImageError(f"a TIFF of {size[1]}x{size[0]} pixels, wanted a picture")
        pixel = tiff.mode(page), tiff.samples(page), tiff.bits(page)
        return Header("TIFF", size, *pixel, _valid(tiff.orientation(page)), tiff.profile(page))
    if start.startswith(_JPEG_XL_STARTS):
        raise ImageError("JPEG XL, which is not read; wanted JPEG, PNG, TIFF, WebP, HEIC, AVIF, BMP or JPEG 2000")
    with Image.open(stream, formats=_formats(start)) as image:
        width, height = image.size
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        chunks = png.read_chunks(stream, (b"eXIf", *color_tags.PNG_CHUNKS)) if kind == "PNG" else {}
        exif = _exif(image, chunks)
        profile = _profile(kind, image, stream, chunks, exif)
        turned = 1 if kind == "HEIF" else _valid(exif.get(_EXIF_ORIENTATION, 1))
        mode = "LA" if any(raw.startswith("LA") for raw in _raw_modes(image)) else image.mode
        samples = 3 if mode in ("P", "PA") else len(image.getbands())
        bits, is_animated = _bits(kind, image, stream), kind in _ANIMATED and bool(getattr(image, "is_animated", False))
        return Header(kind, (height, width), mode, samples, bits, turned, profile, is_animated)


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


def _exif(image: Image.Image, chunks: Mapping[bytes, bytes]) -> Image.Exif:
    """Return the EXIF block, of a PNG also the one that stands behind its pixels, which Pillow would decode first."""
    exif = Image.Exif()
    with contextlib.suppress(Exception):  # damaged EXIF, of which each of Pillow's parsers has its own; it has no tags
        if image.format != "PNG" or "exif" in image.info or "Raw profile type exif" in image.info:
            return image.getexif()
        exif.load(b"Exif\0\0" + chunks[b"eXIf"] if b"eXIf" in chunks else b"")
    return exif


def _profile(
    kind: str, image: Image.Image, stream: IO[bytes], chunks: Mapping[bytes, bytes], exif: Image.Exif
) -> bytes | None:
    """Return the ICC profile of a picture, or one that says what else the file tells of its colors."""
    embedded = image.info.get("icc_profile") or None
    if kind == "PNG":
        embedded = color_tags.of_png(chunks, embedded)
    elif kind in ("HEIF", "AVIF"):
        embedded = embedded or color_tags.of_boxes(stream)
    elif kind == "JPEG2000":
        embedded = jpeg2000.profile(jpeg2000.read_head(stream))
    return embedded or color_tags.of_exif(*_exif_color(exif))


def _exif_color(exif: Image.Exif) -> tuple[object, object]:
    """Return the tags ColorSpace and InteroperabilityIndex; damaged EXIF has none, and a dozen errors in Pillow."""
    try:
        return exif.get_ifd(_EXIF_IFD).get(_COLOR_SPACE), exif.get_ifd(_INTEROP_IFD).get(_INTEROP_INDEX)
    except Exception:
        return None, None


def _valid(orientation: object) -> int:
    """Return an orientation tag, 1 for what is none."""
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _bits(kind: str, image: Image.Image, stream: IO[bytes]) -> int:
    """Return the bits of a sample, 8 or 16, by Pillow's raw mode, such as ``RGB;16B``, or mode, such as ``I;16``."""
    if kind == "JPEG2000":
        return 16 if jpeg2000.bits(jpeg2000.read_head(stream)) > 8 else 8
    return 16 if any(";16" in mode for mode in [*_raw_modes(image), image.mode]) else 8


def _raw_modes(image: Image.Image) -> list[str]:
    """Return how the file itself lays out its pixels; gray with alpha of 16 bits has ``LA;16B`` and the mode RGBA."""
    tiles: Any = getattr(image, "tile", ())
    return [tile[3] if isinstance(tile[3], str) else str(tile[3][0]) for tile in tiles if tile[3]]


def describe(mode: str) -> str:
    """Return a name for a mode of Pillow's that a reader understands."""
    return {"L": "gray", "LA": "gray with alpha", "1": "one bit", "CMYK": "CMYK"}.get(mode, f"mode {mode}")
