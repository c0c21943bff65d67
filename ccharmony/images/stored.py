"""A picture as its file holds it: samples at their depth, alpha, upright. The one decoder of every reader.

Contents: :class:`Stored`, :func:`read_stored`, :func:`decode_stored`, :func:`decode_reduced`, :func:`turn`,
:func:`to_8_bits`, :func:`to_16_bits`.

Each format has one decoder that was checked against another for every depth and layout
(tests/ccharmony/images/test_decoders.py): simplejpeg for JPEG, OpenCV for PNG, WebP and
JPEG 2000 of more than 8 bits, tifffile for TIFF, Pillow for the others.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO, Any

import cv2
import numpy as np
from PIL import Image

from ccharmony.arrays import Samples, UInt8, UInt16
from ccharmony.errors import ImageError
from ccharmony.files import StrPath
from ccharmony.images import headers, jpeg, jpeg2000, readable, tiff
from ccharmony.images.headers import MAX_PIXELS, Header
from ccharmony.images.jpeg import Order
from ccharmony.images.readable import Readable

# Messages of a codec on a damaged file are in our error's one line, or of no use to the reader.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
_PART = 2**18
"""Pixels whose channels are exchanged at a time."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A decoded picture.

    Attributes
    ----------
    colors
        Shape (H, W) if gray, (H, W, 3) RGB if color; 8 or 16 bits, the largest value standing for 1.
    alpha
        Opacity (H, W) of the same depth, or None where the file has none. Colors are not multiplied by it.
    header
        What the file says of itself.
    """

    colors: Samples
    alpha: Samples | None
    header: Header


def read_stored(path: StrPath | Readable, *, orient: bool = True, max_pixels: int | None = MAX_PIXELS) -> Stored:
    """Read a picture as it is stored, but for its orientation.

    Parameters
    ----------
    path
        File (or archive member) of one of the formats in `headers.FORMATS`.
    orient
        Whether the picture is turned upright by its own orientation tag.
    max_pixels
        Pictures with more pixels are refused before they are decoded; None lifts the limit.

    Returns
    -------
    Stored
        Samples, alpha and header.

    Raises
    ------
    ImageError
        The file is absent, empty, truncated, damaged, too large, not a picture, or of a kind that is no photo (CMYK,
        Lab, floats).
    """
    path = readable.as_readable(path)
    with readable.open_picture(path) as file:
        return decode_stored(file, headers.read_header(file, path, max_pixels), path, orient=orient)


def decode_stored(file: IO[bytes], header: Header, path: Readable, *, orient: bool = True) -> Stored:
    """Decode what `headers` has looked at; parameters and errors are those of :func:`read_stored`."""
    try:
        colors, alpha = _decode(file, header)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    if colors.shape[:2] != header.size:
        found, announced = size_text(colors.shape), size_text(header.size)
        raise ImageError(f"{path}: {found} pixels, its header says {announced}; the file is damaged")
    if orient and header.orientation != 1:
        colors, alpha = turn(colors, header.orientation), None if alpha is None else turn(alpha, header.orientation)
    return Stored(colors, alpha, header)


def decode_reduced(data: bytes, factor: int, path: Readable) -> UInt8:
    """Decode a JPEG at a half, a quarter or an eighth of its size, (H, W, 3) RGB, not turned; raises ImageError."""
    try:
        values: Any = _run_opencv(data, _REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    return np.asarray(cv2.cvtColor(values, cv2.COLOR_BGR2RGB), np.uint8)


def turn(values: Any, orientation: int) -> Any:
    """Return a picture (H, W) or (H, W, C) upright; `orientation` is that of EXIF and TIFF, 1 to 8."""
    if orientation >= 5:  # rows and columns change places
        values = cv2.transpose(values)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return values if flip is None else cv2.flip(values, flip)


def to_8_bits(values: Samples) -> UInt8:
    """Return samples scaled to 8 bits and rounded; those of 8 bits as they are."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    if not values.size:  # OpenCV refuses nothing
        return values.astype(np.uint8)
    # To the bit (v + 128) // 257, in a ninth of the time and without whole numbers of 32 bits beside it.
    return np.asarray(cv2.convertScaleAbs(values, alpha=1 / 257), np.uint8).reshape(values.shape)


def to_16_bits(values: Samples) -> UInt16:
    """Return samples scaled to 16 bits; those of 16 bits as they are."""
    deep = values.astype(np.uint16, copy=False)
    return deep if values.dtype == np.uint16 else deep * np.uint16(257)


def size_text(shape: tuple[int, ...]) -> str:
    """Return width and height as people write them: 640x480."""
    return f"{shape[1]}x{shape[0]}"


def _decode(file: IO[bytes], header: Header) -> tuple[Samples, Samples | None]:
    if header.format == "TIFF":
        return tiff.decode(file)
    if header.mode not in (*headers.GRAY_MODES, *headers.COLOR_MODES):
        raise ImageError(f"{headers.describe(header.mode)}, a photo needs three color channels")
    data = readable.whole(file)
    if header.format == "JPEG":
        return _run_jpeg(data, "GRAY" if header.mode in headers.GRAY_MODES else "RGB"), None
    if header.format in ("PNG", "WEBP"):
        return _split(_run_opencv(data, cv2.IMREAD_UNCHANGED), gray=header.mode in headers.GRAY_MODES)
    if header.format == "JPEG2000" and header.bits > 8:
        return _run_deep_jpeg2000(data, gray=header.mode in headers.GRAY_MODES)
    return _run_pillow(data, header)


def _run_jpeg(data: bytes, order: Order) -> Samples:
    try:
        return jpeg.decode(data, order)
    except ValueError as error:
        raise ImageError(f"damaged ({error}); save it anew to use it as it looks") from error


def _run_opencv(data: bytes, flags: int) -> Samples:
    try:
        values: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f"cannot be decoded ({str(error).splitlines()[0]})") from error
    if values is None:
        raise ImageError("cannot be decoded, the file is damaged or of an unknown kind")
    if values.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{values.dtype} samples, wanted whole numbers of 8 or 16 bits")
    samples: Samples = values
    return samples


def _run_deep_jpeg2000(data: bytes, *, gray: bool) -> tuple[Any, Any]:
    depth, values = jpeg2000.bits(data), _run_opencv(data, cv2.IMREAD_UNCHANGED)
    if values.dtype != np.uint16 or depth > 16:
        raise ImageError(f"JPEG 2000 of {depth} bits a sample, wanted 8 to 16")
    return _split(jpeg2000.widen(values.astype(np.uint16, copy=False), depth), gray=gray)


def _split(values: Any, *, gray: bool) -> tuple[Any, Any]:
    """Part colors from alpha; OpenCV gives BGR, and gray with alpha as four channels."""
    if values.ndim == 2:
        return values, None
    alpha = np.ascontiguousarray(values[..., 3]) if values.shape[2] == 4 else None
    if gray:
        return np.ascontiguousarray(values[..., 0]), alpha
    if alpha is not None:
        return cv2.cvtColor(values, cv2.COLOR_BGRA2RGB), alpha
    return _swap(values), None


def _swap(values: Any) -> Any:
    """Exchange the first and the third channel in place, part by part: a picture of 108 MP takes 324 MB once."""
    for start in range(0, len(values), step := max(_PART // values.shape[1], 1)):
        rows = values[start : start + step]
        rows[:] = cv2.cvtColor(rows, cv2.COLOR_BGR2RGB)
    return values


def _run_pillow(data: bytes, header: Header) -> tuple[Samples, Samples | None]:
    """Decode a BMP, AVIF, HEIF or JPEG 2000; Pillow brings them to 8 bits."""
    gray = header.mode in headers.GRAY_MODES
    try:
        with Image.open(io.BytesIO(data), formats=(header.format,)) as image:
            image.load()
            has_alpha = "A" in image.mode or "a" in image.mode or "transparency" in image.info
            wanted = ("LA" if gray else "RGBA") if has_alpha else ("L" if gray else "RGB")
            values = np.array(image.convert(wanted), np.uint8)
    except Exception as error:  # each of Pillow's plugins has its own
        raise ImageError(f"cannot be decoded ({error})") from error
    if not has_alpha:
        return values, None
    return np.ascontiguousarray(values[..., 0] if gray else values[..., :3]), np.ascontiguousarray(values[..., -1])
