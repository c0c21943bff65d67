"""TIFF files, read as they are written: any depth, byte order, layout and compression; tifffile is called here alone.

OpenCV is not asked: 5.0 leaves the buffer of a 16-bit TIFF unwritten under the flags for a color picture, mixes up the
planes of a planar one, and multiplies colors by their alpha. What is no photo (CMYK, Lab, floats, a raw file's mosaic)
is refused by name.

References
----------
- Adobe, *TIFF Revision 6.0*, 1992; *TIFF Technical Note 1* (ExtraSamples, alpha).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from ccharmony import inputs
from ccharmony.arrays import Samples
from ccharmony.errors import ImageError

# What is wrong with a file is in our error's one line.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_GRAY = ("MINISBLACK", "MINISWHITE")
_COLORS = (*_GRAY, "RGB", "PALETTE", "YCBCR")
_NAMES = {"SEPARATED": "CMYK", "CFA": "the mosaic of a raw file", "LINEAR_RAW": "linear raw", "MASK": "a mask"}
_ORIENTATION, _PROFILE, _XMP, _X_RESOLUTION = 274, 34675, 700, 282
_INCH = 2
_ROWS_OF_A_STRIP = 64
_ASSOCIATED, _UNASSOCIATED = 1, 2
_BUFFER = 2**22
"""Bytes of strips that tifffile holds for each thread beside a picture; its own 256 MB are as much as a large file."""

_REDUCED_OR_MASK = 0b101

_UNSAFE = ("PNG",)
"""Compressions whose decoder in imagecodecs ends Python by some ten thousand damaged pictures: it loses a reference to
None by each."""


def open_page(stream: IO[bytes]) -> Any:
    """Return the page of a TIFF that is its picture: the largest that is no thumbnail and no mask, also in a sub-IFD.

    Raises
    ------
    ImageError
        There is no page, or several are equally large and in color, so that none of them is *the* picture.
    """
    import tifffile  # here, since it takes a fifth of a second and most pictures are no TIFF

    stream.seek(0)
    firsts = [page for page in tifffile.TiffFile(stream, name="picture").pages if isinstance(page, tifffile.TiffPage)]
    inner = [page for first in firsts for page in first.pages or () if isinstance(page, tifffile.TiffPage)]
    pages = firsts + [page for page in inner if not page.subfiletype & _REDUCED_OR_MASK]
    whole = [page for page in pages if not page.subfiletype & _REDUCED_OR_MASK] or pages
    largest = max(whole, key=_rank, default=None)
    if largest is None:
        raise ImageError("a TIFF without a page, wanted a picture")
    rivals = [page for page in whole if _rank(page) == _rank(largest)]
    if len(rivals) > 1:
        raise ImageError(f"a TIFF of {len(rivals)} pages of one size, a picture is one page")
    return largest


def compressions(path: Path) -> set[int]:
    """Return the compressions (tag 259) of all pictures in a TIFF or DNG; empty for a file that is neither."""
    import tifffile

    try:
        with inputs.open_binary(path) as stream, tifffile.TiffFile(stream, name="raw file") as file:
            pages = [page for first in file.pages for page in (first, *(first.pages or ()))]
            return {int(page.compression) for page in pages}
    except Exception:  # tifffile's own for a damaged file are many; this only explains another error
        return set()


def _rank(page: Any) -> tuple[bool, int]:
    """Color before gray, since scanners add an infrared page; then the larger."""
    return page.photometric not in (0, 1), page.imagewidth * page.imagelength


def _tag(page: Any, code: int) -> Any:
    """Return a tag of a page or, where a page of a sub-IFD has none of its own, of the file's first page."""
    own = page.tags.get(code)
    return page.parent.pages[0].tags.get(code) if own is None and page.is_subifd else own


def orientation(page: Any) -> int:
    """Return the page's orientation tag, 1 where there is none."""
    tag = _tag(page, _ORIENTATION)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1


def profile(page: Any) -> bytes | None:
    """Return the ICC profile of a page."""
    tag = _tag(page, _PROFILE)
    return bytes(tag.value) if tag is not None and tag.value else None


def read_tags(file: IO[bytes]) -> tuple[int, bytes, tuple[float, float] | None]:
    """Return where the directory of a TIFF's picture begins, its XMP packet and its pixels per inch."""
    page = open_page(file)
    xmp = page.tags.get(_XMP)
    dpi = page.get_resolution(unit=_INCH) if page.tags.get(_X_RESOLUTION) and page.resolutionunit != 1 else None
    return int(page.offset), bytes(xmp.value) if xmp is not None else b"", dpi


def mode(page: Any) -> str:
    """Return Pillow's name for the kind of pixels: 1, L, LA, F (floats) or I (other numbers), RGB, RGBA or P."""
    alpha = "A" if _ASSOCIATED in page.extrasamples or _UNASSOCIATED in page.extrasamples else ""
    if page.photometric == 3:
        return "P"
    gray = _name(page.photometric) in _GRAY
    if gray and page.sampleformat == 3:
        return "F"
    if gray and (page.sampleformat == 2 or bits(page) > 16):
        return "I"
    return "1" if gray and bits(page) == 1 else ("L" if gray else "RGB") + alpha


def samples(page: Any) -> int:
    """Return the samples of a pixel, 3 where indices stand for colors."""
    return 3 if _name(page.photometric) == "PALETTE" else int(page.samplesperpixel)


def bits(page: Any) -> int:
    """Return the bits of a sample."""
    found = page.bitspersample
    return int(max(found) if isinstance(found, tuple) else found)


def decode(file: IO[bytes]) -> tuple[Samples, Samples | None]:
    """Decode the picture of a TIFF.

    Parameters
    ----------
    file
        The open file, of which each strip or tile is read when it is decoded.

    Returns
    -------
    colors
        Shape (H, W) if gray, (H, W, 3) RGB if color, as stored, not turned; 8 bits, or 16 where there are more than 8.
    alpha
        Opacity (H, W) of the same depth, or None. Colors that were multiplied by it are divided again.

    Raises
    ------
    ImageError
        The file is damaged, or of a kind that is no photo.
    """
    page = open_page(file)
    _refuse_kinds(page)
    _refuse_missing(page, file.seek(0, os.SEEK_END))
    values = _channels_last(page, _read(page))
    kind, extra = _name(page.photometric), list(page.extrasamples)
    count = values.shape[2] - len(extra)
    alpha = next((values[..., count + n] for n, what in enumerate(extra) if what in (_ASSOCIATED, _UNASSOCIATED)), None)
    if kind == "PALETTE":
        return _look_up(values[..., 0], page), None
    colors = _full_range(values[..., :3] if count >= 3 else values[..., 0], page)
    if kind == "MINISWHITE":
        colors = np.invert(colors)
    if alpha is None:
        return np.ascontiguousarray(colors), None
    alpha = _full_range(alpha, page)
    return np.ascontiguousarray(_divided(colors, alpha) if _ASSOCIATED in extra else colors), np.ascontiguousarray(
        alpha
    )


def decode_numbers(file: IO[bytes]) -> npt.NDArray[Any]:
    """Decode a gray picture of floats or whole numbers of any size, as masks of scientific programs are.

    Parameters
    ----------
    file
        The open file, of which each strip or tile is read when it is decoded.

    Returns
    -------
    NDArray
        Shape (H, W), as stored, not turned; halves as float32, in which they can be scaled.

    Raises
    ------
    ImageError
        The file is damaged, or has several channels.
    """
    page = open_page(file)
    _refuse_missing(page, file.seek(0, os.SEEK_END))
    values = _read(page)
    if values.ndim != 2:
        raise ImageError(f"samples of shape {values.shape}, a mask needs one channel")
    return values.astype(np.float32) if values.dtype == np.float16 else values


def encode(
    values: Samples,
    file: IO[bytes],
    *,
    order: Literal["<", ">"] = "<",
    profile: bytes | None = None,
    xmp: bytes = b"",
    dpi: tuple[float, float] | None = None,
) -> None:
    """Write a TIFF of one page, compressed by deflate, which is a sixth smaller than LZW (16 bits: two fifths).

    Parameters
    ----------
    values
        Shape (H, W) gray, (H, W, 3) RGB, or (H, W, 2 or 4) with alpha, by which colors are not multiplied.
    file
        An empty file, written strip by strip.
    order
        Byte order.
    profile, xmp, dpi
        Color profile, XMP packet and pixels per inch, if there are any.
    """
    import tifffile

    threads = _threads()
    channels = 1 if values.ndim == 2 else values.shape[2]
    tifffile.imwrite(
        file,
        values,
        byteorder=order,
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression="adobe_deflate",
        compressionargs={"level": 1},
        predictor=True,
        rowsperstrip=_ROWS_OF_A_STRIP,
        resolution=dpi,
        resolutionunit=_INCH if dpi else None,
        iccprofile=profile,
        extratags=[(_XMP, 1, len(xmp), xmp, True)] if xmp else [],
        metadata=None,
        software=False,
        maxworkers=threads,
        buffersize=_BUFFER * threads,
    )


def _name(code: Any) -> str:
    """Return what tifffile calls the value of a tag: an enumeration's member, or a number that it does not know."""
    return str(getattr(code, "name", code))


def _refuse_kinds(page: Any) -> None:
    kind, found = _name(page.photometric), page.bitspersample
    if kind not in _COLORS:
        raise ImageError(f"{_NAMES.get(kind, kind.replace('_', ' '))}, a photo needs three color channels")
    if kind == "YCBCR" and _name(page.compression) not in ("JPEG", "OJPEG"):
        raise ImageError(f"YCbCr in a TIFF ({_name(page.compression)}), wanted RGB")
    if isinstance(found, tuple):
        raise ImageError(f"channels of {', '.join(map(str, found))} bits, wanted one depth")
    if page.sampleformat != 1 or found > 16:
        what = {2: "signed", 3: "float"}.get(int(page.sampleformat), "whole-number")
        raise ImageError(f"{found}-bit {what} samples, wanted whole numbers of 8 or 16 bits")
    if page.imagedepth != 1 or page.shape is None or len(page.shape) > 3:
        raise ImageError(f"a stack of {page.imagedepth} pictures, wanted one")


def _refuse_missing(page: Any, size: int) -> None:
    """Refuse a file that does not hold all its strips or tiles: tifffile would fill them with zeros."""
    starts, counts = page.dataoffsets, page.databytecounts
    if len(starts) != len(counts):
        raise ImageError(f"damaged TIFF ({len(starts)} strips or tiles, byte counts of {len(counts)})")
    places = list(zip(starts, counts, strict=True))
    if not places or any(count == 0 or offset + count > size for offset, count in places):
        raise ImageError(f"truncated TIFF ({size} bytes, a strip or tile of its pixels is missing)")
    pixels = page.imagewidth * page.imagelength * page.samplesperpixel
    if _name(page.compression) == "NONE" and sum(counts) * 8 < pixels * page.bitspersample:
        raise ImageError(f"truncated TIFF ({sum(counts)} bytes of pixels, {pixels} samples need more)")


def _read(page: Any) -> npt.NDArray[Any]:
    """Decode all strips or tiles, into memory that was written before."""
    if _name(page.compression) in _UNSAFE:
        raise ImageError(f"a TIFF compressed with {_name(page.compression)}, wanted deflate, LZW, JPEG or none")
    try:
        out, threads = np.zeros(page.shape, page.dtype), _threads()
        return np.asarray(page.asarray(out=out, maxworkers=threads, buffersize=_BUFFER * threads))
    except Exception as error:  # tifffile and each codec have their own
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImageError(f"a TIFF compressed with {_name(page.compression)} cannot be decoded ({text})") from error


def _threads() -> int:
    from ccharmony.images import opencv  # here, since headers are read without OpenCV

    return opencv.threads()


def _channels_last(page: Any, values: npt.NDArray[Any]) -> Any:
    """Return (H, W, C) whatever the layout."""
    if values.ndim == 2:
        return values[..., None]
    return np.moveaxis(values, 0, 2) if page.planarconfig == 2 else values


def _full_range(values: npt.NDArray[Any], page: Any) -> Any:
    """Stretch samples of 1 to 7 bits to 8, of 9 to 15 bits to 16."""
    depth = bits(page)
    if depth in (8, 16):
        return values
    whole, kind = (255, np.uint8) if depth < 8 else (65535, np.uint16)
    return np.rint(values.astype(np.float32) * np.float32(whole / (2**depth - 1))).astype(kind)


def _look_up(indices: npt.NDArray[Any], page: Any) -> Any:
    """Replace indices by the colors of the table, which has 16 bits; some programs write 8 into them."""
    table = np.asarray(page.colormap).T  # (levels, 3)
    levels = table if table.max(initial=0) < 256 else table >> 8  # as libtiff does; some write v * 256, some v * 257
    return levels.astype(np.uint8)[indices]


def _divided(colors: Any, alpha: Any) -> Any:
    """Undo a multiplication by alpha; where that is 0 there is no color."""
    whole = np.iinfo(colors.dtype).max
    opacity = alpha.astype(np.float32) / whole
    opacity = opacity if colors.ndim == 2 else opacity[..., None]
    plain = np.divide(colors, opacity, out=np.zeros(colors.shape, np.float32), where=opacity > 0)
    return np.rint(plain.clip(0, whole)).astype(colors.dtype)
