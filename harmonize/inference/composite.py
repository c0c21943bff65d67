"""A composite and its foregrounds as files have them: read, or made of a cut-out and a background.

Contents: :class:`Composite`, :func:`read_composite`, :func:`read_pasted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ccharmony.arrays import Mask
from ccharmony.errors import ImageError
from ccharmony.files import StrPath
from ccharmony.images import mask_files, mask_rules
from ccharmony.images.picture import Picture, read_picture
from harmonize.inference.cutout import paste_cutout
from harmonize.inference.defringe import estimate_foreground
from harmonize.inference.picture import Recolor, recolor_foreground


@dataclass(frozen=True, eq=False)
class Composite:
    """A picture and its foregrounds.

    Attributes
    ----------
    picture
        The picture as it was in its file.
    masks
        Foregrounds (H, W), one or several, of one type.
    """

    picture: Picture
    masks: Sequence[Mask]

    @property
    def mask(self) -> Mask:
        """All foregrounds together, (H, W)."""
        return reduce(np.maximum, self.masks)

    def remark(self) -> str:
        """Return what a person should know of the foreground; empty where nothing is odd."""
        mask = self.mask
        if not mask.any():
            return "nothing is foreground, the result is the composite; the mask is white where the foreground is"
        if self.picture.alpha is not None and not self.picture.alpha[mask == 0].any():
            return "nothing of the background is visible, so that there is no light to take from it"
        odd = mask_rules.remark(mask)
        return f"{odd} --invert exchanges foreground and background" if odd else ""

    def recolor(self, change: Recolor, *, in_place: bool = False) -> Picture:
        """Return the picture with each foreground changed; for each, the others are background as they are.

        So their order does not matter. On 30 composites with two foregrounds in two lights this left an fMSE of 391,
        the second seeing the first harmonized 406 (benchmarks/apply_rules.py).

        With `in_place` the picture may be lost: one of 108 megapixels is then not copied.
        """
        if len(self.masks) == 1:
            return recolor_foreground(self.picture, self.masks[0], change, in_place=in_place)
        result = self.picture
        for mask in self.masks:
            result = recolor_foreground(self.picture, mask, change, into=result)
        return result


def read_composite(composite: StrPath, mask: StrPath, *, invert: bool = False, each: bool = False) -> Composite:
    """Read a composite and its mask.

    Parameters
    ----------
    composite
        Picture of any kind that :func:`ccharmony.read_picture` reads.
    mask
        Its mask, of the same size or a scaled copy, by the rules of :func:`ccharmony.read_mask`.
    invert
        Whether the foreground is black in the mask.
    each
        Whether each label of a label map, or each part of a mask that touches no other, is a foreground by itself.

    Returns
    -------
    Composite
        Picture and foregrounds.

    Raises
    ------
    ImageError
        A file cannot be read, or the mask has another shape.
    """
    picture = read_picture(composite)
    found = mask_files.read_compact_masks(mask, shape=picture.shape, each=each)
    return Composite(picture, [_inverted(one) for one in found] if invert else found)


def _inverted(mask: Mask) -> Mask:
    """Return a mask with foreground and background exchanged."""
    if mask.dtype == np.bool_:
        return np.logical_not(mask)
    return np.subtract(255 if mask.dtype == np.uint8 else 1, mask, dtype=mask.dtype)


def read_pasted(
    cutout: StrPath,
    background: StrPath,
    position: tuple[int, int] | None = None,
    scale: float = 1.0,
    *,
    defringe: bool = False,
) -> Composite:
    """Read a cut-out and a background, and put the one on the other.

    Parameters
    ----------
    cutout
        Picture with an alpha channel.
    background
        Picture, whose depth, profile and tags the composite has.
    position, scale
        As of :func:`harmonize.inference.cutout.paste_cutout`.
    defringe
        Whether the cut-out's soft edges get the foreground's own colors first.

    Returns
    -------
    Composite
        The background with the cut-out on it, and where the cut-out is.

    Raises
    ------
    ImageError
        A file cannot be read, or the cut-out has no alpha channel.
    SettingsError
        As of :func:`harmonize.inference.cutout.paste_cutout`.
    """
    cut, ground = read_picture(cutout), read_picture(background)
    if cut.alpha is None:
        raise ImageError(f"{cutout}: no alpha channel, a cut-out needs one to say what is foreground")
    before, colors = ground.levels(), cut.levels(cut.alpha > 0)
    if defringe:
        colors = estimate_foreground(colors, cut.opacity(), sees_background=False)
    try:
        after, mask = paste_cutout(colors, cut.opacity(), before, position, scale)
    except ImageError as error:
        raise ImageError(f"{cutout}: {error}") from error
    return Composite(ground.covered(mask).recolor(before, after), [mask])
