"""A picture written with all that its file said: PNG, TIFF, JPEG and WebP.

Contents: :func:`write_picture`, :func:`encode_picture`, :func:`losses`.

PNG and TIFF hold every picture to the bit, and are written strip by strip: the file is never in memory. imagecodecs
writes JPEG, since Pillow copies a picture into four bytes a pixel first; Pillow writes WebP, tifffile TIFF.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from PIL import Image

from ccharmony import files
from ccharmony.arrays import Samples
from ccharmony.errors import OutputError
from ccharmony.files import Part, StrPath
from ccharmony.images import exif, png_strips, profiles, tiff
from ccharmony.images.picture import Picture, three_channels
from ccharmony.images.pixels import JPEG_QUALITY, JPEG_SUFFIXES, WRITABLE_SUFFIXES
from ccharmony.images.stored import to_8_bits
from ccharmony.images.tags import Tags

_logger = logging.getLogger(__name__)

LOSSLESS = 100
"""The quality at which WebP keeps every pixel."""

_PNG_COLORS = {1: 0, 2: 4, 3: 2, 4: 6}
"""Kind of colors in a PNG by the number of channels."""

_INCH = 0.0254
_JPEG_SEGMENT = 65_000
"""Bytes of EXIF or XMP that a JPEG can hold; its segments have 65,533."""


def write_picture(path: StrPath, picture: Picture, quality: int = JPEG_QUALITY) -> None:
    """Write a picture atomically in the format of the file's suffix; what the format cannot hold is logged.

    Parameters
    ----------
    path
        File to write, its suffix one of `WRITABLE_SUFFIXES`.
    picture
        What is written.
    quality
        JPEG or WebP quality, 1 to 100; WebP is lossless at 100.

    Raises
    ------
    OutputError
        The file cannot be written, or its format is unknown.
    """
    path = Path(path)
    if not isinstance(picture, Picture):
        raise OutputError(f"{path}: {type(picture).__name__} to write, wanted a Picture")
    try:
        suffix = _known(path.suffix)
        with files.writing(path) as file:
            _encode(picture, suffix, quality, file)
    except _CodecError as error:
        raise OutputError(f"{path}: {error}") from error
    if lost := losses(picture, suffix):
        _logger.warning("%s: %s", path, "; ".join(lost))


def encode_picture(picture: Picture, suffix: str, quality: int = JPEG_QUALITY) -> bytes:
    """Return the file that :func:`write_picture` writes; raises OutputError."""
    stream = io.BytesIO()
    _encode(picture, _known(suffix), quality, stream)
    return stream.getvalue()


class _CodecError(OutputError):
    """A format that is unknown, or a codec that refuses the picture: what the file's name stands before."""


def _known(suffix: str) -> str:
    """Return a suffix in lower case; raises _CodecError for a format that is not written."""
    if suffix.lower() not in WRITABLE_SUFFIXES:
        raise _CodecError(f"{suffix.lower()}: not a format to write, wanted one of {' '.join(WRITABLE_SUFFIXES)}")
    return suffix.lower()


def _encode(picture: Picture, suffix: str, quality: int, file: IO[bytes]) -> None:
    """Write into a file part by part, since those of a large picture together are a second copy."""
    try:
        if suffix in (".tif", ".tiff"):
            _encode_tiff(picture, file)
        elif suffix == ".png":
            file.writelines(_encode_png(picture))
        elif suffix in JPEG_SUFFIXES:
            file.writelines(_encode_jpeg(picture, quality))
        else:
            _encode_webp(picture, quality, file)
    except Exception as error:  # each codec has its own
        if isinstance(error, OSError) and error.errno is not None:  # the disk's
            raise
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise _CodecError(f"{suffix} of {size} cannot be encoded ({error})") from error


def losses(picture: Picture, suffix: str) -> list[str]:
    """Return what the format of a suffix cannot hold of a picture, a few words each; empty for TIFF."""
    suffix = suffix.lower()
    if suffix == ".png" and _needs_three_channels(picture):
        return ["PNG has no gray in a profile for RGB, three equal channels are written"]
    if suffix not in (*JPEG_SUFFIXES, ".webp"):
        return []
    name, found = ("WebP" if suffix == ".webp" else "JPEG"), []
    if picture.colors.dtype == np.uint16:
        found.append(f"{name} has 8 bits, the picture 16")
    if name == "JPEG" and picture.alpha is not None and not _is_opaque(picture.alpha):
        found.append("JPEG has no transparency, white lies below")
    if name == "JPEG":
        held = {"EXIF": picture.tags.exif, "XMP": picture.tags.xmp}
        found += [f"{len(value)} bytes of {what} do not fit" for what, value in held.items() if not _fits(value)]
    return found


def _encode_png(picture: Picture) -> Iterator[bytes]:
    """Yield the parts of a PNG."""
    if _needs_three_channels(picture):
        picture = replace(picture, colors=three_channels(picture.colors))
    values = _channels(picture)
    height, width, channels = (*values.shape, 1)[:3]
    kind = struct.pack(">IIBBBBB", width, height, values.itemsize * 8, _PNG_COLORS[channels], 0, 0, 0)
    yield b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", kind)
    yield from _png_chunks(picture.tags)
    for part in png_strips.compressed(values):
        yield _chunk(b"IDAT", part)
    yield _chunk(b"IEND", b"")


def _png_chunks(tags: Tags) -> list[bytes]:
    chunks = []
    if tags.profile:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(tags.profile)))
    if tags.dpi:
        x, y = (round(value / _INCH) for value in tags.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if tags.exif:
        chunks.append(_chunk(b"eXIf", tags.exif))
    if tags.xmp:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + tags.xmp))
    return chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _encode_jpeg(picture: Picture, quality: int) -> list[Part]:
    import imagecodecs  # here, since most commands write no picture with tags

    colors = to_8_bits(_on_white(picture))
    space, sampling = ("GRAY", None) if colors.ndim == 2 else ("RGB", "420")
    data = memoryview(imagecodecs.jpeg8_encode(colors, level=quality, colorspace=space, subsampling=sampling))
    after_jfif = 4 + int.from_bytes(data[4:6], "big")
    return [_jfif(picture.tags.dpi), *_jpeg_segments(picture.tags), data[after_jfif:]]


def _jfif(dpi: tuple[float, float] | None) -> bytes:
    """Return how every JPEG begins, up to its first segment with pixels per inch, or with square pixels."""
    unit, x, y = (1, *(min(max(round(value), 1), 65535) for value in dpi)) if dpi else (0, 1, 1)
    return b"\xff\xd8" + _segment(0xE0, b"JFIF\0" + struct.pack(">HBHHBB", 0x0101, unit, x, y, 0, 0))


def _jpeg_segments(tags: Tags) -> list[bytes]:
    segments = [_segment(0xE1, b"Exif\0\0" + tags.exif)] if tags.exif and _fits(tags.exif) else []
    if tags.xmp and _fits(tags.xmp):
        segments.append(_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + tags.xmp))
    profile = tags.profile or b""
    parts = [profile[start : start + _JPEG_SEGMENT] for start in range(0, len(profile), _JPEG_SEGMENT)]
    heads = [b"ICC_PROFILE\0" + bytes([number, len(parts)]) for number in range(1, len(parts) + 1)]
    return segments + [_segment(0xE2, head + part) for head, part in zip(heads, parts, strict=True)]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _encode_webp(picture: Picture, quality: int, file: IO[bytes]) -> None:
    """Encode a WebP, which has no gray: gray pixels with a profile of their own become sRGB."""
    tags = picture.tags
    if picture.colors.ndim == 2:
        tags = replace(tags, profile=None)
        picture = replace(picture, colors=picture.srgb())
    image = Image.fromarray(to_8_bits(_channels(picture)))
    options: dict[str, Any] = {"exif": tags.exif} if tags.exif else {}
    lossless = quality == LOSSLESS
    image.save(
        file,
        "WEBP",
        icc_profile=tags.profile,
        xmp=tags.xmp,
        quality=quality,
        lossless=lossless,
        exact=True,
        **options,
    )


def _encode_tiff(picture: Picture, file: IO[bytes]) -> None:
    tags = picture.tags
    order: Literal["<", ">"] = ">" if tags.exif.startswith(b"MM") else "<"
    tiff.encode(_channels(picture), file, order=order, profile=tags.profile, xmp=tags.xmp, dpi=tags.dpi)
    if tags.exif:
        exif.into_tiff(file, tags.exif)


def _channels(picture: Picture) -> Samples:
    """Return (H, W) or (H, W, C) with alpha as the last channel, in one block."""
    channels: Any = picture.colors if picture.alpha is None else np.dstack([picture.colors, picture.alpha])
    block: Samples = np.ascontiguousarray(channels)
    return block


def _on_white(picture: Picture) -> Samples:
    """Return the colors as they look on white."""
    if picture.alpha is None or _is_opaque(picture.alpha):
        return picture.colors
    opacity, full = picture.opacity(), np.iinfo(picture.colors.dtype).max
    opacity = opacity if picture.colors.ndim == 2 else opacity[..., None]
    seen: Any = np.rint(full + (picture.colors.astype(np.float32) - full) * opacity)
    white: Samples = seen.astype(picture.colors.dtype)
    return white


def _needs_three_channels(picture: Picture) -> bool:
    """Return whether a PNG of this picture would have a profile that its readers ignore."""
    return picture.colors.ndim == 2 and picture.tags.profile is not None and not profiles.is_gray(picture.tags.profile)


def _is_opaque(alpha: Samples) -> bool:
    return int(alpha.min()) == np.iinfo(alpha.dtype).max


def _fits(value: bytes) -> bool:
    return len(value) <= _JPEG_SEGMENT
