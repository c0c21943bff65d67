"""What is on the table: a composite and its mask, given or made of a cut-out and a background; and its small copy.

Contents: :class:`Placement`, :class:`Scene`, :func:`compose`, :func:`shrink`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

import cv2
import numpy as np

from ccharmony.arrays import Float32, Samples, UInt8
from ccharmony.errors import ImageError
from ccharmony.images import mask_rules, pixels
from ccharmony.images.picture import Picture, read_picture
from ccharmony.images.stored import to_8_bits
from harmonize.inference.cutout import paste_cutout
from harmonize.settings import Range, Settings
from harmonize.studio.uploads import MOST_PIXELS, Upload

PROXY_PIXELS = 1_500_000
"""Pixels of the small copy that a browser changes while a handle is moved."""

_SHARE_OF_SIDE = 0.5
_FAR = 1_000_000
_NOTHING = "nothing is foreground; the mask is white where it is"
P = TypeVar("P", UInt8, Float32)


@dataclass(frozen=True)
class Placement(Settings):
    """Where a cut-out lies on its background."""

    x: Annotated[int, Range(-_FAR, _FAR)] = 0
    """Left edge in pixels of the background."""

    y: Annotated[int, Range(-_FAR, _FAR)] = 0
    """Upper edge in pixels of the background."""

    scale: Annotated[float, Range(0.001, 1000)] = 1.0
    """Factor for the cut-out's sides."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """A foreground with its own transparency: colors (H, W, 3), sRGB, 8 or 16 bits, and opacity (H, W), in [0, 1]."""

    colors: Samples
    opacity: Float32

    @classmethod
    def read(cls, upload: Upload) -> Cutout:
        """Read a cut-out, without the transparent border around its foreground; raises ImageError."""
        picture = read_picture(upload, max_pixels=MOST_PIXELS)
        if picture.alpha is None:
            raise ImageError(f"{upload}: no alpha channel, a cut-out needs one to say what is foreground")
        colors, opacity = picture.levels(picture.alpha > 0), picture.opacity()
        rows, columns = (np.flatnonzero(opacity.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            raise ImageError(f"{upload}: transparent everywhere, wanted an opaque foreground")
        part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        cropped: Any = np.ascontiguousarray(colors[part])
        return cls(cropped, np.ascontiguousarray(opacity[part]))

    def place(self, background: tuple[int, int]) -> Placement:
        """Return a first place on a background of a height and width: in its middle, at most half as high and wide."""
        height, width = self.opacity.shape
        scale = min(_SHARE_OF_SIDE * background[0] / height, _SHARE_OF_SIDE * background[1] / width, 1.0)
        x, y = round((background[1] - scale * width) / 2), round((background[0] - scale * height) / 2)
        return Placement(x, y, scale)


@dataclass(frozen=True, eq=False)
class Scene:
    """A composite and its mask.

    Attributes
    ----------
    picture
        The composite as it was in its file, or the background's file with the cut-out on it.
    colors
        What a network and a screen see of it, (H, W, 3), RGB, sRGB-encoded, 8 bits.
    mask
        Foreground (H, W), in [0, 1].
    remark
        What its owner should know of the mask; empty for most.
    """

    picture: Picture
    colors: UInt8
    mask: Float32
    remark: str = ""


def read_scene(photo: Picture, colors: UInt8, mask: Upload) -> Scene:
    """Return a composite and its colors with its mask, which is read; raises ImageError where the two do not fit."""
    values = pixels.read_mask(mask, shape=photo.shape, max_pixels=MOST_PIXELS)
    return Scene(photo, colors, values, mask_rules.remark(values) if values.any() else _NOTHING)


def compose(background: Picture, cutout: Cutout, placement: Placement) -> Scene:
    """Return a cut-out on its background; raises SettingsError where it would be too large, or beside it."""
    before, place = background.levels(), (placement.x, placement.y)
    after, mask = paste_cutout(cutout.colors, cutout.opacity, before, place, placement.scale)
    return Scene(background.covered(mask).recolor(before, after), to_8_bits(after), mask)


def shrink(picture: P, most: int = PROXY_PIXELS) -> P:
    """Return a picture (H, W, 3) or a mask (H, W) of at most so many pixels; a small one as it is."""
    height, width = picture.shape[:2]
    factor = (most / (height * width)) ** 0.5
    if factor >= 1:
        return picture
    size = max(int(width * factor), 1), max(int(height * factor), 1)
    return cast(P, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
