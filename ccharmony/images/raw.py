"""A camera's raw file as a photo that keeps the color of its light; rawpy is called here alone.

LibRaw opens and demosaics; exposure and curve are those of every other linear photo
(:mod:`ccharmony.images.rendering`), so that a camera's raw file and its linear copy become the same picture.

Contents
--------
- :func:`read_raw`: raw file → sRGB photo.
- :func:`raw_size`: height and width of either, from the file's header.
- :class:`Rendering`, :func:`render_linear`: those of :mod:`ccharmony.images.camera` and
  :mod:`ccharmony.images.rendering`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ccharmony import inputs
from ccharmony.arrays import UInt8, UInt16
from ccharmony.errors import ImageError
from ccharmony.images import tiff
from ccharmony.images.camera import Matrix, Rendering, daylight_constants
from ccharmony.images.headers import MAX_PIXELS
from ccharmony.images.rendering import render_linear

_SMALLEST_SUM = 1e-3
"""Of a row of a camera matrix, in which the three colors' weights add up to 1."""

_JPEG_XL = {50002, 52546}
"""TIFF's codes of JPEG XL; the second is that of DNG 1.7."""

_FLIPS_THAT_SWAP = (5, 6)
"""LibRaw's codes for a quarter turn."""


def read_raw(path: Path, *, max_pixels: int | None = MAX_PIXELS) -> UInt8:
    """Read a camera's raw file as a photo that keeps the cast of its light.

    LibRaw subtracts the black level, balances for daylight and demosaics (AHD); the camera's own white balance and any
    automatic brightness stay off. The rest is :func:`render_linear`, with the matrix of the file or of LibRaw; for
    cameras of four colors or without a matrix, LibRaw converts to linear sRGB by what it knows.

    Parameters
    ----------
    path
        Any file that LibRaw reads (DNG, CR2, NEF, ARW, RAF, …).
    max_pixels
        Files with more pixels are refused before they are developed; None lifts the limit.

    Returns
    -------
    UInt8
        Shape (H, W, 3), uint8, RGB, turned upright by the file's own orientation.

    Raises
    ------
    ImageError
        The file is missing, empty, truncated, too large, or not one that LibRaw can open.
    """
    return render_linear(*_develop(path, max_pixels))


def raw_size(path: Path) -> tuple[int, int]:
    """Return (height, width) of the upright photo in a camera's raw file without developing it.

    Raises
    ------
    ImageError
        As in :func:`read_raw`, but a truncated file may pass.
    """
    import rawpy

    _refuse_empty(path)
    try:
        with rawpy.imread(str(path)) as raw:
            sizes = raw.sizes
    except rawpy.LibRawError as error:
        raise ImageError(_explain(error, path)) from error
    height, width = _stretched(int(sizes.iheight), int(sizes.iwidth), float(sizes.pixel_aspect))
    return (width, height) if int(sizes.flip) in _FLIPS_THAT_SWAP else (height, width)


def _stretched(height: int, width: int, aspect: float) -> tuple[int, int]:
    """Return the size at which LibRaw gives pixels that are not square: the shorter side of one grows to the other."""
    return (int(height / aspect + 0.5), width) if aspect < 1 else (height, int(width * aspect + 0.5))


def _develop(path: Path, max_pixels: int | None) -> tuple[UInt16, Rendering]:
    """Demosaic, balanced for daylight; return linear counts and the constants to render them with."""
    import rawpy  # here, since a build without raw files does not need LibRaw

    _refuse_empty(path)
    try:
        with rawpy.imread(str(path)) as raw:
            _refuse_large(raw, path, max_pixels)
            matrix = _libraw_matrix(raw, path) if raw.num_colors == 3 else None
            linear = raw.postprocess(
                user_wb=_libraw_balance(raw),
                output_color=rawpy.ColorSpace.sRGB if matrix is None else rawpy.ColorSpace.raw,
                gamma=(1, 1),
                output_bps=16,
                no_auto_bright=True,
                adjust_maximum_thr=0.0,  # else the scale would follow the photo's own maximum
            )
            return linear.astype(np.uint16, copy=False), Rendering(balance=(1.0, 1.0, 1.0), camera_matrix=matrix)
    except rawpy.LibRawError as error:
        raise ImageError(_explain(error, path)) from error


def _refuse_empty(path: Path) -> None:
    """LibRaw calls a missing, an empty and a truncated file alike an input/output error."""
    try:
        size = inputs.check(path, inputs.PICTURE_BYTES)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}, wanted a camera's raw file") from error
    if size == 0:
        raise ImageError(f"{path}: 0 bytes, wanted a camera's raw file")


def _refuse_large(raw: Any, path: Path, max_pixels: int | None) -> None:
    """Refuse a file by what its header says, before LibRaw takes memory for its pixels."""
    width, height = int(raw.sizes.raw_width), int(raw.sizes.raw_height)
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(
            f"{path}: {width}x{height} pixels, the limit is {max_pixels} (ccharmony build --max-pixels lifts it)"
        )


def _explain(error: Exception, path: Path) -> str:
    """Return why LibRaw cannot read a file, in words where its header tells."""
    if _JPEG_XL & tiff.compressions(path):
        wanted = (
            "another compression, such as lossless JPEG (a setting of the camera; Adobe DNG Converter writes it, too)"
        )
        return f"{path}: a DNG compressed with JPEG XL, which this LibRaw cannot decode, wanted {wanted}"
    text = error.args[0] if error.args else type(error).__name__
    reason = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"{path}: LibRaw says {reason!r}, wanted a whole raw file of a camera"


def _libraw_balance(raw: Any) -> list[float]:
    """Return the factors of red, green, blue and the second green, which LibRaw leaves 0 where it equals the first."""
    red, green, blue, second_green = raw.daylight_whitebalance
    return [red, green, blue, second_green or green]


def _libraw_matrix(raw: Any, path: Path) -> Matrix | None:
    """Return the matrix of a three-color camera: a DNG's own, else LibRaw's; all zeros stand for neither."""
    from_file = np.asarray(raw.color_matrix, dtype=np.float64)[:, :3]
    if from_file.any():
        sums = from_file.sum(axis=1, keepdims=True)
        if not (np.abs(sums) > _SMALLEST_SUM).all() or not np.isfinite(from_file).all():
            raise ImageError(f"{path}: rows of its camera matrix sum to {sums.ravel()}, wanted some of each color")
        red, green, blue = (tuple(row) for row in from_file / sums)
        return red, green, blue
    from_list = np.asarray(raw.rgb_xyz_matrix, dtype=np.float64)[:3]
    return daylight_constants(from_list)[1] if from_list.any() else None
