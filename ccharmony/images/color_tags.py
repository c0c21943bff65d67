"""What a file says of its colors without an ICC profile: PNG's chunks, EXIF, and the color box of HEIF and AVIF.

Each is turned into the ICC profile that says the same, so that `profiles` converts all of them alike. Colors of high
dynamic range (PQ, HLG) have no place in [0, 1] and are refused.

Contents: :func:`of_png`, :func:`of_exif`, :func:`of_boxes`.

References
----------
- W3C, *Portable Network Graphics (PNG) Specification*, third edition, 2025: cICP before iCCP before sRGB before gAMA
  and cHRM.
- ITU-T H.273, *Coding-independent code points*: primaries and transfer characteristics by number.
- CIPA DC-009, *Design rule for Camera File system*: R03 is Adobe RGB.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import IO

from ccharmony.errors import ImageError
from ccharmony.images import profiles

PNG_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")

_ADOBE_RGB, _UNCALIBRATED = 2, 0xFFFF

_BT709 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES = {
    1: _BT709,
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""White, red, green and blue as x, y."""

_NAMES: dict[tuple[float, ...], str] = {
    _PRIMARIES[9]: "BT.2020",
    _PRIMARIES[11]: "DCI-P3",
    _PRIMARIES[12]: "Display P3",
}

_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}
_SRGB_GAMMA = 45455  # what writers of sRGB put into gAMA for readers that know no sRGB chunk
_WHOLE = 100_000
_CLOSE = 0.002
_META_BYTES = 2**20


def of_png(chunks: Mapping[bytes, bytes], embedded: bytes | None) -> bytes | None:
    """Return the profile of a PNG.

    Parameters
    ----------
    chunks
        Contents of those of `PNG_CHUNKS` that it has.
    embedded
        Its ICC profile, or None.

    Returns
    -------
    bytes or None
        An ICC profile; None stands for sRGB.

    Raises
    ------
    ImageError
        Its colors are of high dynamic range.
    """
    if len(chunks.get(b"cICP", b"")) == 4:
        return _of_codes(*chunks[b"cICP"][:2])
    if embedded or b"sRGB" in chunks:
        return embedded
    gamma = struct.unpack(">I", chunks[b"gAMA"])[0] if len(chunks.get(b"gAMA", b"")) == 4 else _SRGB_GAMMA
    numbers = struct.unpack(">8I", chunks[b"cHRM"]) if len(chunks.get(b"cHRM", b"")) == 32 else ()
    return _of_numbers(tuple(number / _WHOLE for number in numbers) or _BT709, gamma)


def of_exif(space: object, index: object) -> bytes | None:
    """Return Adobe RGB's profile where EXIF names that color space, as cameras do.

    Parameters
    ----------
    space
        The tag ColorSpace: 1 is sRGB, 65535 leaves it to the other tag; 2 is written by some for Adobe RGB.
    index
        The tag InteroperabilityIndex: R98 is sRGB, R03 Adobe RGB.

    Returns
    -------
    bytes or None
        An ICC profile; None stands for sRGB.
    """
    named = space == _UNCALIBRATED and str(index).startswith("R03")
    return profiles.adobe_rgb() if named or space == _ADOBE_RGB else None


def of_boxes(stream: IO[bytes]) -> bytes | None:
    """Return the profile that the color box (nclx) of a HEIF or AVIF file stands for; None stands for sRGB.

    Raises
    ------
    ImageError
        Its colors are of high dynamic range.
    """
    place = 0
    while True:
        stream.seek(place)
        start = stream.read(16)
        size, kind = int.from_bytes(start[:4], "big"), start[4:8]
        if kind == b"meta":
            break
        size = int.from_bytes(start[8:16], "big") if size == 1 else size
        if len(start) < 16 or size < 8:
            return None
        place += size
    meta = start + stream.read(min(size, _META_BYTES))
    found = meta.find(b"colrnclx")
    codes = meta[found + 8 : found + 12]
    return _of_codes(*struct.unpack(">HH", codes)) if found >= 0 and len(codes) == 4 else None


def _of_codes(primaries: int, transfer: int) -> bytes | None:
    """Return the profile of two numbers of H.273; what is unspecified, and the curve of television, are sRGB's."""
    if transfer in _HDR:
        raise ImageError(
            f"colors of high dynamic range ({_HDR[transfer]}), wanted sRGB or another color space of 0 to 1"
        )
    place, gamma = _PRIMARIES.get(primaries, _BT709), _GAMMAS.get(transfer)
    return None if place == _BT709 and gamma is None else _make(place, gamma)


def _of_numbers(place: tuple[float, ...], gamma: int) -> bytes | None:
    usual = all(abs(found - wanted) < _CLOSE for found, wanted in zip(place, _BT709, strict=True))
    curve = None if gamma == _SRGB_GAMMA or not gamma else _WHOLE / gamma
    return None if usual and curve is None else _make(place, curve)


def _make(place: tuple[float, ...], gamma: float | None) -> bytes:
    try:
        return profiles.from_primaries(place, gamma, _NAMES.get(place, "as tagged"))
    except profiles.ProfileError as error:
        raise ImageError(str(error)) from error
