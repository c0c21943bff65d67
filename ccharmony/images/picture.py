"""A picture as it was in its file: what is changed in sRGB goes back to its own depth, channels and profile.

Contents: :class:`Picture`, :func:`read_picture`; `write_picture` writes it.

Networks see sRGB of 8 bits. A change of it is carried back as a difference: what sRGB cannot hold (a saturated green of
Adobe RGB) and what was not changed stay as they are to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ccharmony.arrays import Float32, Mask, Samples, Shape, UInt8, UInt16
from ccharmony.errors import ImageError
from ccharmony.files import StrPath
from ccharmony.images import headers, profiles, readable
from ccharmony.images.headers import MAX_PIXELS
from ccharmony.images.readable import Readable
from ccharmony.images.stored import decode_stored, to_8_bits, to_16_bits
from ccharmony.images.tags import Tags, read_tags

_GRAY = np.array([0.299, 0.587, 0.114])
"""Share of red, green and blue in a gray; ITU-R BT.601, as OpenCV and Pillow have it."""

_DEPTHS = (np.uint8, np.uint16)

_PART = 2**18
"""Pixels whose profile is converted at a time: 13 MB of whole numbers."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, upright, with all that its file said.

    Attributes
    ----------
    colors
        Shape (H, W) if gray, (H, W, 3) RGB if color; 8 or 16 bits, in the space of `tags.profile`.
    alpha
        Opacity (H, W) of the same depth, or None. Colors are not multiplied by it.
    tags
        Color profile, EXIF, XMP and resolution.

    Raises
    ------
    ImageError
        Arrays of another shape or type.
    """

    colors: Samples
    alpha: Samples | None = None
    tags: Tags = field(default_factory=Tags)

    def __post_init__(self) -> None:
        found = self.colors
        is_array = isinstance(found, np.ndarray) and found.dtype in _DEPTHS and found.ndim in (2, 3) and found.size > 0
        if not is_array or found.shape[2:] not in ((), (3,)):
            raise ImageError(f"colors: {_spell(found)} found, uint8 or uint16 of shape (H, W) or (H, W, 3) wanted")
        if self.alpha is not None and _kind(self.alpha) != (found.shape[:2], found.dtype):
            raise ImageError(f"alpha: {_spell(self.alpha)} found, {found.dtype} of shape {found.shape[:2]} wanted")

    @property
    def shape(self) -> Shape:
        """Height and width in pixels."""
        return self.colors.shape[0], self.colors.shape[1]

    @property
    def is_srgb(self) -> bool:
        """Whether the colors are sRGB of three channels, so that nothing needs to be converted."""
        profile = self.tags.profile
        return self.colors.ndim == 3 and (profile is None or profiles.is_srgb(profile, gray=False))

    def opacity(self) -> Float32:
        """Return the opacity (H, W), in [0, 1]; 1 where the file has no alpha."""
        if self.alpha is None:
            return np.ones(self.shape, np.float32)
        return np.asarray(self.alpha / np.float32(np.iinfo(self.alpha.dtype).max), np.float32)

    def srgb(self) -> UInt8:
        """Return the colors as a network and a screen take them, (H, W, 3), sRGB, 8 bits; gray three times."""
        return to_8_bits(self.colors if self.is_srgb else self._to_srgb(to_8_bits(self.colors)))

    def levels(self, where: Mask | None = None) -> Samples:
        """Return the colors to be changed: those of the file where they are sRGB, else sRGB of 16 bits.

        Parameters
        ----------
        where
            Pixels (H, W), above 0, that are wanted to 16 bits; the others, which only show what is around them, are
            converted at 8, in a quarter of the time. None for all.

        Returns
        -------
        Samples
            Shape (H, W, 3).
        """
        if self.is_srgb:
            return self.colors
        if where is None:
            return self._to_srgb(to_16_bits(self.colors))
        fine = to_16_bits(self.srgb())
        for rows in _parts(self.shape):
            on = where[rows] > 0
            fine[rows][on] = self._to_srgb(to_16_bits(self.colors[rows][on])[None])[0]
        return fine

    def recolor(self, before: Samples, after: Samples, *, in_place: bool = False) -> Picture:
        """Carry a change of sRGB colors back to the own ones.

        Parameters
        ----------
        before
            What :meth:`levels` gave, (H, W, 3); where nothing changes any values.
        after
            The same after the change.
        in_place
            Whether this picture may be lost, which saves a copy of its colors.

        Returns
        -------
        Picture
            Pixels that are equal before and after stay as they are to the bit. A gray picture stays gray: the luma of
            its pixels changes.
        """
        if before is self.colors:
            return replace(self, colors=after)
        colors = self.colors if in_place else self.colors.copy()
        for rows in _parts(self.shape):
            red, green, blue = np.moveaxis(before[rows] != after[rows], 2, 0)
            on = red | green | blue  # in a fifth of the time of `any`
            if on.any():
                colors[rows][on] = self._changed(self.colors[rows][on], before[rows][on], after[rows][on])
        return replace(self, colors=colors)

    def covered(self, mask: Float32) -> Picture:
        """Return the picture with its alpha raised to what something opaque, of a mask (H, W) in [0, 1], covers."""
        if self.alpha is None:
            return self
        full = np.iinfo(self.alpha.dtype).max
        alpha: Any = np.rint(self.alpha + (full - self.alpha.astype(np.float32)) * mask)
        return replace(self, alpha=alpha.astype(self.alpha.dtype))

    def _changed(self, own: Samples, before: Samples, after: Samples) -> Samples:
        """Return own colors (N,) or (N, 3) after the change of sRGB ones (N, 3)."""
        if self.is_srgb:
            return after
        change = self._from_srgb(after).astype(np.int32) - self._from_srgb(before)
        changed = (to_16_bits(own) + change).clip(0, 65535).astype(np.uint16)
        return changed if own.dtype == np.uint16 else to_8_bits(changed)

    def _to_srgb(self, colors: Samples) -> Samples:
        """Convert own colors, (H, W) or (H, W, 3), to sRGB (H, W, 3) of the same depth."""
        profile = self.tags.profile
        if colors.ndim == 2 and profiles.is_gray(profile):
            return three_channels(profiles.to_srgb(colors, profile))
        return profiles.to_srgb(three_channels(colors), profile)

    def _from_srgb(self, colors: Samples) -> UInt16:
        """Convert sRGB (N, 3) to own colors of 16 bits, (N,) or (N, 3)."""
        levels, profile = to_16_bits(colors)[None], self.tags.profile  # (1, N, 3)
        if self.colors.ndim == 3:
            return to_16_bits(profiles.from_srgb(levels, profile)[0])
        gray = np.rint(levels @ _GRAY).astype(np.uint16)
        if profiles.is_gray(profile):
            return to_16_bits(profiles.from_srgb(gray, profile)[0])
        return to_16_bits(profiles.from_srgb(three_channels(gray), profile)[0, :, 1])


def read_picture(path: StrPath | Readable, *, max_pixels: int | None = MAX_PIXELS) -> Picture:
    """Read a picture with all that its file holds.

    Parameters
    ----------
    path
        File (or archive member): JPEG, PNG, TIFF, WebP, BMP, HEIC, AVIF or JPEG 2000; gray, transparent and of 16 bits,
        too.
    max_pixels
        Pictures with more pixels are refused before they are decoded; None lifts the limit.

    Returns
    -------
    Picture
        Upright.

    Raises
    ------
    ImageError
        The file is absent, empty, truncated, not a picture, too large, CMYK, Lab or of floats, or has a color profile
        that is damaged or for other pixels.
    """
    path = readable.as_readable(path)
    with readable.open_picture(path) as file:
        header = headers.read_header(file, path, max_pixels)
        stored, tags = decode_stored(file, header, path), read_tags(file, header, path)
    if header.profile is not None:
        try:
            profiles.is_srgb(header.profile, gray=stored.colors.ndim == 2 and profiles.is_gray(header.profile))
        except profiles.ProfileError as error:
            raise ImageError(f"{path}: {error}, wanted one for its pixels, or none (sRGB)") from error
    return Picture(stored.colors, stored.alpha, tags)


def _kind(array: object) -> object:
    return (array.shape, array.dtype) if isinstance(array, np.ndarray) else None


def _spell(array: object) -> str:
    return f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__


def three_channels(colors: Samples) -> Samples:
    """Return gray (H, W) as three equal channels; colors as they are."""
    if colors.ndim == 3:
        return colors
    three: Any = np.repeat(colors[..., None], 3, axis=2)
    return three  # type: ignore[no-any-return]


def _parts(shape: Shape) -> Iterator[slice]:
    """Yield the rows of one part after another."""
    height, width = shape
    step = max(_PART // width, 1)
    for top in range(0, height, step):
        yield slice(top, top + step)
