"""Pictures and masks: how they are read, checked and written.

An *image* is a uint8 array (H, W, 3), RGB, sRGB-encoded, upright. A *mask* is a float32 array (H, W) in [0, 1].
`stored` decodes for every reader; OpenCV encodes.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony import files
from ccharmony.arrays import Float32, Samples, UInt8, UInt16
from ccharmony.errors import ImageError, OutputError
from ccharmony.files import StrPath
from ccharmony.images import headers, mask_files, mask_rules, opencv, profiles, readable
from ccharmony.images.headers import MAX_PIXELS
from ccharmony.images.readable import Readable
from ccharmony.images.stored import Stored, decode_reduced, decode_stored, read_stored, to_8_bits, turn

_logger = logging.getLogger(__name__)

JPEG_QUALITY = 95
JPEG_SUFFIXES = (".jpg", ".jpeg")
WRITABLE_SUFFIXES = (*JPEG_SUFFIXES, ".png", ".webp", ".tif", ".tiff")

_REDUCED = (8, 4, 2)
_OPAQUE = 0.9


def read_image(path: StrPath | Readable, *, orient: bool = True, max_pixels: int | None = MAX_PIXELS) -> UInt8:
    """Read a display-referred photo.

    Parameters
    ----------
    path
        File (or archive member): JPEG, PNG, TIFF, WebP, BMP, HEIC, AVIF or JPEG 2000.
    orient
        Whether the EXIF orientation is applied.
    max_pixels
        Pictures with more pixels are refused before they are decoded; None lifts the limit.

    Returns
    -------
    UInt8
        Image (H, W, 3), RGB in [0, 255], converted to sRGB by the embedded profile. 16-bit files are scaled to 8 bits
        and rounded.

    Raises
    ------
    ImageError
        The file is absent, empty, truncated, not a picture, too large, gray, CMYK, or has a transparent pixel, or a
        color profile that is damaged or for other pixels.
    """
    return _opaque(read_stored(path, orient=orient, max_pixels=max_pixels), path)


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
    colors = read_stored(path, orient=False, max_pixels=max_pixels).colors
    if colors.ndim != 3:
        raise ImageError(f"{path}: {colors.dtype} of shape {colors.shape}, linear input needs 3 channels")
    return colors.astype(np.uint16, copy=False)


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
    with readable.open_picture(path) as file:
        header = headers.read_header(file, path, MAX_PIXELS)
        factor = next((factor for factor in _REDUCED if max(header.size) >= factor * side), None)
        if header.format == "JPEG" and factor is not None:
            reduced = decode_reduced(readable.whole(file), factor, path)
            colors: Samples = np.ascontiguousarray(turn(reduced, header.orientation))
        else:
            colors = decode_stored(file, header, path).colors
    with contextlib.suppress(profiles.ProfileError):  # then as it is
        colors = profiles.to_srgb(colors, header.profile)
    shown = to_8_bits(colors)
    return np.dstack([shown] * 3) if shown.ndim == 2 else shown


def read_mask(
    path: StrPath | Readable, *, shape: tuple[int, int] | None = None, max_pixels: int | None = MAX_PIXELS
) -> Float32:
    """Read a foreground mask, upright; what was assumed is logged.

    Parameters
    ----------
    path
        Picture whose gray, color, alpha or palette is a mask by the rule of `mask_channels`; the labels of a label map
        are one foreground together.
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
    return mask_rules.shares(mask_files.read_compact_masks(path, shape=shape, max_pixels=max_pixels)[0])


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
    return opencv.encode(image, suffix, flags).tobytes()


def encode_mask(mask: npt.NDArray[np.generic]) -> bytes:
    """Return a mask (H, W), boolean or in [0, 1], as a PNG of one bit a pixel if it is hard, of eight if soft."""
    if mask.dtype == np.bool_:
        return opencv.encode(mask.astype(np.uint8) * np.uint8(255), ".png", [cv2.IMWRITE_PNG_BILEVEL, 1]).tobytes()
    levels = np.rint(np.asarray(mask, np.float32) * 255).astype(np.uint8)
    hard = bool(((levels == 0) | (levels == 255)).all())
    return opencv.encode(levels, ".png", [cv2.IMWRITE_PNG_BILEVEL, 1] if hard else []).tobytes()


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


def _is_nearly_opaque(alpha: Samples) -> bool:
    """Return whether all of a picture has colors; resampling leaves its outermost pixels half transparent."""
    inner = alpha[1:-1, 1:-1]
    return bool(alpha.min() > 0 and inner.min(initial=np.iinfo(alpha.dtype).max) >= _OPAQUE * np.iinfo(alpha.dtype).max)


def _opaque(stored: Stored, path: StrPath | Readable) -> UInt8:
    """Return the colors of a photo; a transparent pixel has no color to trust."""
    if stored.colors.ndim == 2:
        raise ImageError(f"{path}: {headers.describe(stored.header.mode)}, a photo needs three color channels")
    if stored.alpha is not None and not _is_nearly_opaque(stored.alpha):
        raise ImageError(f"{path}: has transparent pixels, a photo must be opaque")
    return _as_srgb(stored, path)


def _as_srgb(stored: Stored, path: StrPath | Readable) -> UInt8:
    """Return what the profile of the file says that its numbers mean, as sRGB of 8 bits."""
    try:
        return to_8_bits(profiles.to_srgb(stored.colors, stored.header.profile))
    except profiles.ProfileError as error:
        raise ImageError(f"{path}: {error}, wanted one for its pixels, or none (sRGB)") from error
