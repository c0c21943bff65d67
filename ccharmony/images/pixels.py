"""Pictures and masks: how they are read, checked and written; the codecs are called here alone.

An *image* is a uint8 array (H, W, 3), RGB, sRGB-encoded, upright. A *mask* is a float32 array (H, W) in [0, 1].
OpenCV decodes and encodes; `headers` looks at a file before it is decoded.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ccharmony import files
from ccharmony.arrays import Float32, Samples, UInt8, UInt16
from ccharmony.errors import ImageError, OutputError
from ccharmony.files import StrPath
from ccharmony.images import headers, jpeg, mask_rules
from ccharmony.images.headers import MAX_PIXELS, Readable
from ccharmony.images.jpeg import Order
from ccharmony.images.mask_rules import StoredMask

# Messages of a codec on a damaged file are in our error's one line, or of no use to the reader.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

JPEG_QUALITY = 95
JPEG_SUFFIXES = (".jpg", ".jpeg")
WRITABLE_SUFFIXES = (*JPEG_SUFFIXES, ".png", ".webp", ".tif", ".tiff")

_logger = logging.getLogger(__name__)

_COLOR_MODES = ("RGB", "P", "YCbCr")
_ALPHA_MODES = ("RGBA", "PA", "RGBa")
_OPAQUE = 0.9
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def read_image(path: StrPath | Readable, *, orient: bool = True, max_pixels: int | None = MAX_PIXELS) -> UInt8:
    """Read a display-referred photo.

    Parameters
    ----------
    path
        File (or archive member) in any format that OpenCV decodes.
    orient
        Whether the EXIF orientation is applied.
    max_pixels
        Pictures with more pixels are refused before they are decoded; None lifts the limit.

    Returns
    -------
    UInt8
        Image (H, W, 3), RGB in [0, 255]. 16-bit files are scaled to 8 bits and rounded.

    Raises
    ------
    ImageError
        The file is absent, empty, truncated, not a picture, too large, gray, CMYK, or has a transparent pixel.
    """
    path = headers.as_readable(path)
    data = headers.read_bytes(path)
    header = headers.read_header(data, path, max_pixels)
    if header.format == "HEIF":
        return _decode_heif(header, path)
    if header.mode in _ALPHA_MODES or "transparency" in header.info:
        return _without_alpha(_decode_whole(data, cv2.IMREAD_UNCHANGED, header, path), path)
    if header.mode not in _COLOR_MODES:
        raise ImageError(f"{path}: {headers.describe(header.mode)}, a photo needs three color channels")
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
    return _to_8_bits(_decode_whole(data, flags if orient else flags | cv2.IMREAD_IGNORE_ORIENTATION, header, path))


def read_linear(path: Readable, *, max_pixels: int | None = MAX_PIXELS) -> UInt16:
    """Read a picture of linear sensor values as it is stored.

    Parameters
    ----------
    path
        PNG or TIFF with three channels of 8 or 16 bits.
    max_pixels
        As in `read_image`.

    Returns
    -------
    UInt16
        Values (H, W, 3), RGB, not scaled: an 8-bit file stays in [0, 255].

    Raises
    ------
    ImageError
        The file cannot be read or has not three channels of whole numbers.
    """
    data = headers.read_bytes(path)
    header = headers.read_header(data, path, max_pixels)
    values = _decode_whole(data, cv2.IMREAD_UNCHANGED, header, path)
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{path}: {values.dtype} of shape {values.shape}, linear input needs 8 or 16 bits, 3 channels")
    return np.ascontiguousarray(values[..., ::-1]).astype(np.uint16, copy=False)


def read_preview(path: Readable, side: int) -> UInt8:
    """Read a picture for display, not for measuring: decoded at a fraction of its size where that is faster.

    Parameters
    ----------
    path
        Display-referred picture; gray and transparent ones are shown as well as they can be.
    side
        Pixels that the longest side has at least, unless the file has fewer. At an eighth, a JPEG of 24 megapixels
        takes two fifths of the time.

    Returns
    -------
    UInt8
        Image (H, W, 3), RGB in [0, 255], upright.

    Raises
    ------
    ImageError
        The file is absent, empty, truncated or not a picture.
    """
    data = headers.read_bytes(path)
    longest = max(headers.read_header(data, path, MAX_PIXELS).size)
    flags = next((flags for factor, flags in _REDUCED if longest >= factor * side), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(_to_8_bits(_decode(data, flags, path))[..., ::-1])


def read_mask(
    path: StrPath | Readable, *, shape: tuple[int, int] | None = None, max_pixels: int | None = MAX_PIXELS
) -> Float32:
    """Read a foreground mask, upright; what was assumed is logged.

    Parameters
    ----------
    path
        Picture whose gray, color, alpha or palette is a mask by the rule of `mask_rules`; the labels of a label map are
        one foreground together.
    shape
        Height and width that the mask must have; a scaled copy is resized.
    max_pixels
        As in `read_image`.

    Returns
    -------
    Float32
        Mask (H, W) in [0, 1].

    Raises
    ------
    ImageError
        The file cannot be read, is a color picture, or has another size.
    """
    path = headers.as_readable(path)
    stored = read_stored_mask(path, max_pixels=max_pixels)
    mask, note = stored.mask(), ""
    if shape is not None:
        try:
            mask, note = mask_rules.fit_size(mask, shape)
        except ImageError as error:
            raise ImageError(f"{path}: {error}") from error
    if notes := "; ".join(filter(None, (stored.note, note))):
        _logger.warning("%s: %s", path, notes)
    return mask


def read_stored_mask(path: Readable, *, max_pixels: int | None = MAX_PIXELS) -> StoredMask:
    """Read a foreground mask or a label map as it is stored, in a quarter of the memory of `read_mask`.

    Parameters
    ----------
    path, max_pixels
        As in `read_mask`.

    Returns
    -------
    StoredMask
        Levels, upright, and what they mean.

    Raises
    ------
    ImageError
        The file cannot be read, or is a color picture.
    """
    data = headers.read_bytes(path)
    header = headers.read_header(data, path, max_pixels)
    colors, alpha, palette = _mask_channels(data, header, path)
    turned = headers.orientation(header)
    if turned != 1 and header.format != "HEIF":
        colors, alpha = turn(colors, turned), None if alpha is None else turn(alpha, turned)
    try:
        return mask_rules.judge(colors, alpha, palette)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def turn(values: Any, orientation: int) -> Any:
    """Return a picture (H, W) or (H, W, C), 8 or 16 bits, upright; `orientation` is that of EXIF, 1 to 8."""
    if orientation >= 5:  # rows and columns change places
        values = cv2.transpose(np.ascontiguousarray(values))
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return values if flip is None else cv2.flip(np.ascontiguousarray(values), flip)


def read_cutout(path: Readable) -> tuple[UInt8, Float32]:
    """Read a foreground with its own transparency.

    Parameters
    ----------
    path
        PNG or WebP with an alpha channel. Not TIFF: OpenCV multiplies its colors by the alpha when it reads them.

    Returns
    -------
    tuple[UInt8, Float32]
        Image (H, W, 3), RGB in [0, 255], and opacity (H, W) in [0, 1].

    Raises
    ------
    ImageError
        The file cannot be read, is of another format or has no alpha channel.
    """
    data = headers.read_bytes(path)
    header = headers.read_header(data, path, MAX_PIXELS)
    if header.format not in ("PNG", "WEBP"):
        raise ImageError(f"{path}: {header.format}, a cut-out is read from PNG or WebP")
    values = _decode_whole(data, cv2.IMREAD_UNCHANGED, header, path)
    if values.ndim != 3 or values.shape[2] != 4:
        raise ImageError(f"{path}: no alpha channel, a cut-out needs one to say what is foreground")
    opacity = (values[..., 3] / np.float32(np.iinfo(values.dtype).max)).astype(np.float32, copy=False)
    image = _to_8_bits(values)[..., 2::-1]
    return np.ascontiguousarray(image), opacity


def encode(image: UInt8, suffix: str, quality: int = JPEG_QUALITY) -> bytes:
    """Return an image in the format that `suffix` names.

    Parameters
    ----------
    image
        Image (H, W, 3), RGB.
    suffix
        One of `WRITABLE_SUFFIXES`.
    quality
        JPEG or WebP quality, 1 to 100; lossless formats ignore it.

    Returns
    -------
    bytes
        The encoded file.

    Raises
    ------
    OutputError
        The format is unknown or the codec refuses the picture.
    """
    return encode_swapped(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8), suffix, quality)


def encode_swapped(image: UInt8, suffix: str, quality: int = JPEG_QUALITY) -> bytes:
    """Return an image (H, W, 3) whose channels are in the codec's order, BGR, as `encode` does; raises OutputError."""
    suffix = suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise OutputError(f"{suffix}: not a format to write, wanted one of {' '.join(WRITABLE_SUFFIXES)}")
    flags = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(suffix, [])
    return _encode(image, suffix, flags)


def encode_mask(mask: npt.NDArray[np.generic]) -> bytes:
    """Return a mask (H, W), boolean or in [0, 1], as a PNG of one bit a pixel if it is hard, of eight if soft."""
    if mask.dtype == np.bool_:
        return _encode(mask.astype(np.uint8) * np.uint8(255), ".png", [cv2.IMWRITE_PNG_BILEVEL, 1])
    levels = np.rint(np.asarray(mask, np.float32) * 255).astype(np.uint8)
    hard = bool(((levels == 0) | (levels == 255)).all())
    return _encode(levels, ".png", [cv2.IMWRITE_PNG_BILEVEL, 1] if hard else [])


def write_image(path: StrPath, image: UInt8, quality: int = JPEG_QUALITY) -> None:
    """Write an image (H, W, 3), uint8, atomically, in the format of the file's suffix; raises OutputError."""
    path = Path(path)
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        raise OutputError(f"{path}: not a format to write, wanted one of {' '.join(WRITABLE_SUFFIXES)}")
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise OutputError(f"{path}: {found} to write, wanted an image of uint8 (H, W, 3)")
    files.write_bytes(path, encode(image, path.suffix, quality))


def write_mask(path: Path, mask: npt.NDArray[np.generic]) -> None:
    """Write a mask (H, W) atomically as PNG; raises OutputError."""
    files.write_bytes(path, encode_mask(mask))


def _decode_heif(header: Image.Image, path: Readable) -> UInt8:
    """Decode with Pillow, since OpenCV cannot; pillow-heif has turned the photo upright and brought it to 8 bits."""
    if header.mode != "RGB":
        raise ImageError(f"{path}: {headers.describe(header.mode)}, a photo needs three color channels")
    try:
        return np.asarray(header, np.uint8).copy()
    except (OSError, ValueError, RuntimeError, EOFError) as error:
        raise ImageError(f"{path}: cannot be decoded ({error})") from error


def _mask_channels(data: bytes, header: Image.Image, path: Readable) -> tuple[Any, Any, Any]:
    """Return the samples of a picture, its alpha or None, and its palette or None, not turned.

    Pillow decodes palettes, since OpenCV replaces indices by colors, and floats.
    """
    if header.format not in ("HEIF", "GIF") and header.mode not in ("P", "F", "I"):
        values = _decode_whole(data, cv2.IMREAD_UNCHANGED, header, path)
        if values.ndim == 2:
            return values, None, None
        return values[..., 2::-1], values[..., 3] if values.shape[2] == 4 else None, None
    try:
        samples = np.asarray(header)
        alpha = np.asarray(header.convert("RGBA"))[..., 3] if "transparency" in header.info else None
    except (OSError, ValueError, RuntimeError, EOFError) as error:
        raise ImageError(f"{path}: cannot be decoded ({error})") from error
    if header.mode == "P":
        return samples, alpha, np.array(header.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return (_whole_levels(samples, path), None, None) if header.mode in ("F", "I") else (samples, alpha, None)


def _whole_levels(values: Any, path: Readable) -> UInt16:
    """Return floats in [0, 1], or whole numbers of 32 bits, as levels of 16 bits."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # so that NaN is refused, too
        raise ImageError(f"{path}: values {low:g} to {high:g}, a mask of {values.dtype} has 0 to 1")
    whole = bool((values == np.rint(values)).all())
    return np.asarray(np.rint(values if whole or high > 1 else values * 65535), np.uint16)


def _decode_whole(data: bytes, flags: int, header: Image.Image, path: Readable) -> Samples:
    """Decode a picture and refuse one that does not have the size that its header says."""
    if header.format in ("JPEG", "MPO"):
        values: Samples = _decode_jpeg(data, flags, header, path)
    else:
        values = _decode(data, flags, path)
    if sorted(values.shape[:2]) != sorted(header.size):
        announced = _size_text(header.size[::-1])
        raise ImageError(f"{path}: {_size_text(values.shape)} pixels, its header says {announced}; the file is damaged")
    return values


def _decode_jpeg(data: bytes, flags: int, header: Image.Image, path: Readable) -> UInt8:
    """Decode a JPEG as OpenCV does with these flags; what the decoder complains of is an error."""
    as_stored = flags == cv2.IMREAD_UNCHANGED
    color: Order = "BGR" if as_stored or not flags & cv2.IMREAD_COLOR_RGB else "RGB"
    try:
        values = jpeg.decode(data, "GRAY" if header.mode == "L" else color)
    except ValueError as error:
        raise ImageError(f"{path}: damaged ({error}); save it anew to use it as it looks") from error
    turned = not as_stored and not flags & cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(turn(values, headers.orientation(header)), np.uint8) if turned else values


def _decode(data: bytes, flags: int, path: Readable) -> Samples:
    try:
        values: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f"{path}: cannot be decoded ({str(error).splitlines()[0]})") from error
    if values is None:
        raise ImageError(f"{path}: cannot be decoded, the file is damaged or of an unknown kind")
    if values.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{path}: {values.dtype} samples, wanted whole numbers of 8 or 16 bits")
    samples: Samples = values
    return samples


def _without_alpha(values: Samples, path: Readable) -> UInt8:
    """Drop an alpha channel that is nearly opaque everywhere; a transparent pixel has no color to trust."""
    if values.ndim == 3 and values.shape[2] == 4:
        if not _is_nearly_opaque(values[..., 3]):
            raise ImageError(f"{path}: has transparent pixels, a photo must be opaque")
        values = values[..., :3]
    return np.ascontiguousarray(_to_8_bits(values)[..., ::-1])


def _is_nearly_opaque(alpha: Samples) -> bool:
    """Return whether all of a picture has colors; resampling leaves its outermost pixels half transparent."""
    inner = alpha[1:-1, 1:-1]
    return bool(alpha.min() > 0 and inner.min(initial=np.iinfo(alpha.dtype).max) >= _OPAQUE * np.iinfo(alpha.dtype).max)


def _to_8_bits(values: Samples) -> UInt8:
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _encode(values: UInt8, suffix: str, flags: list[int]) -> bytes:
    try:
        done, data = cv2.imencode(suffix, values, flags)
    except cv2.error as error:
        raise OutputError(f"{suffix} of shape {values.shape}: {str(error).splitlines()[0]}") from error
    if not done:
        raise OutputError(f"{suffix} of shape {values.shape}: the codec refused the picture")
    return bytes(data)


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
