"""Colors of an embedded ICC profile, converted to sRGB; LittleCMS is called here alone, through imagecodecs.

Relative colorimetric with black point compensation, as photo editors convert by default: colors inside sRGB keep their
appearance, those outside are clipped. 16 bits stay 16 bits, which Pillow's ImageCms would not keep.

Contents: :func:`to_srgb`, :func:`from_srgb`, :func:`is_srgb`, :func:`is_gray`, :func:`name`; :func:`adobe_rgb`,
:func:`from_primaries`; :class:`ProfileError`.

References
----------
- ICC.1:2022, *Image technology color management*; IEC 61966-2-1:1999, sRGB.
"""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np

from ccharmony.arrays import Samples

_SPACES = {b"RGB ": "RGB", b"GRAY": "gray", b"CMYK": "CMYK", b"Lab ": "Lab"}
_SAME = 257
"""Profiles that move no color by more than this, one level of 255, are sRGB: its many copies differ in the curve."""

_UNNAMED = "RGB built-in"  # LittleCMS's name for any profile that it makes


class ProfileError(ValueError):
    """A profile that is damaged, or of another kind of pixels than its picture."""


def to_srgb(colors: Samples, profile: bytes | None) -> Samples:
    """Convert a picture to sRGB.

    Parameters
    ----------
    colors
        Shape (H, W, 3) RGB, or (H, W) gray; 8 or 16 bits.
    profile
        The ICC profile that says what the numbers mean; None stands for sRGB.

    Returns
    -------
    Samples
        Same shape and depth; the array itself where the profile is sRGB's.

    Raises
    ------
    ProfileError
        The profile is damaged, or is one of CMYK, Lab, or gray for colors.
    """
    if profile is None or is_srgb(profile, gray=colors.ndim == 2):
        return colors
    converted: Samples = _convert(colors, profile)
    return converted


def from_srgb(colors: Samples, profile: bytes | None) -> Samples:
    """Convert sRGB to the colors of a profile, the way back of :func:`to_srgb`.

    Parameters
    ----------
    colors
        Shape (H, W, 3) RGB, or (H, W) gray; 8 or 16 bits.
    profile
        The ICC profile of what is wanted; None stands for sRGB.

    Returns
    -------
    Samples
        Same shape and depth.

    Raises
    ------
    ProfileError
        As :func:`to_srgb`.
    """
    if profile is None or is_srgb(profile, gray=colors.ndim == 2):
        return colors
    gray = colors.ndim == 2
    converted: Samples = _run(np.dstack([colors] * 3) if gray else colors, _srgb(), profile, "gray" if gray else "rgb")
    return converted


def is_gray(profile: bytes | None) -> bool:
    """Return whether a profile is one of gray pixels."""
    return profile is not None and profile[16:20] == b"GRAY"


@functools.lru_cache(maxsize=64)
def is_srgb(profile: bytes, *, gray: bool) -> bool:
    """Return whether a profile moves no color by more than a level; raises ProfileError as :func:`to_srgb`."""
    space = profile[16:20]
    if space != (b"GRAY" if gray else b"RGB "):
        found = _SPACES.get(space, repr(space))
        raise ProfileError(f"a color profile for {found} on {'gray' if gray else 'RGB'} pixels")
    levels = np.linspace(0, 65535, 17).astype(np.uint16)
    probe: Any = levels[None] if gray else np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(17, -1, 3)
    return int(np.abs(_convert(probe, profile).astype(np.int32) - probe).max()) <= _SAME


@functools.lru_cache(maxsize=64)
def name(profile: bytes | None) -> str:
    """Return the name of a profile as it describes itself; empty for sRGB, and for one that cannot be read."""
    from PIL import ImageCms  # here, as imagecodecs

    try:
        if profile is None or is_srgb(profile, gray=profile[16:20] == b"GRAY"):
            return ""
        text = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ProfileError, ImageCms.PyCMSError, OSError):
        return ""
    return text or "without a name"


@functools.cache
def adobe_rgb() -> bytes:
    """Return a profile of Adobe RGB (1998)."""
    import imagecodecs

    return bytes(imagecodecs.cms_profile("adobergb"))


@functools.lru_cache(maxsize=64)
def from_primaries(place: tuple[float, ...], gamma: float | None = None, name: str = "as tagged") -> bytes:
    """Make a profile.

    Parameters
    ----------
    place
        x and y of white, red, green and blue: eight numbers.
    gamma
        Exponent of the curve; None for the curve of sRGB.
    name
        What the profile is to call itself, twelve characters at most.

    Returns
    -------
    bytes
        An ICC profile.

    Raises
    ------
    ProfileError
        There are no such colors.
    """
    import imagecodecs

    white, *colors = ((*place[start : start + 2], 1.0) for start in range(0, 8, 2))
    curve = {"transferfunction": _srgb_curve()} if gamma is None else {"gamma": gamma}
    try:
        flat = tuple(number for color in colors for number in color)
        made = bytes(imagecodecs.cms_profile("rgb", whitepoint=white, primaries=flat, **curve))
    except Exception as error:  # as in `_convert`
        raise ProfileError(f"colors at {place}, which are none ({error})") from error
    return made.replace(_UNNAMED.encode("utf-16-be"), name.ljust(len(_UNNAMED))[: len(_UNNAMED)].encode("utf-16-be"))


def _srgb_curve() -> Any:
    levels = np.linspace(0, 1, 4096)
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _convert(colors: Any, profile: bytes) -> Any:
    converted = _run(colors, profile, _srgb(), "rgb")
    return converted[..., 1] if colors.ndim == 2 else converted


def _run(colors: Any, profile: bytes, target: bytes, space: str) -> Any:
    import imagecodecs  # here, since most pictures need no conversion

    flags = int(imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION)
    if (
        colors.dtype != np.uint8
    ):  # else LittleCMS puts a coarse table in the way, 9 levels of 255 off in saturated colors
        flags |= imagecodecs.CMS.FLAGS.NOOPTIMIZE
    try:
        return imagecodecs.cms_transform(
            np.ascontiguousarray(colors),
            profile,
            target,
            colorspace="gray" if colors.ndim == 2 else "rgb",
            outcolorspace=space,
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
    except Exception as error:  # LittleCMS says of a damaged profile only that it is none
        raise ProfileError(f"a damaged color profile ({error})") from error


@functools.cache
def _srgb() -> bytes:
    import imagecodecs

    return bytes(imagecodecs.cms_profile("srgb"))
