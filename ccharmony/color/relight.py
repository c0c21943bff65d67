"""A foreground brought from its photo's own light into the light of a donor: one call on arrays."""

from __future__ import annotations

from dataclasses import dataclass

from ccharmony.arrays import UInt8
from ccharmony.color import transfer
from ccharmony.color.transfer import Arithmetic, Mask
from ccharmony.records import FitRecord


@dataclass(frozen=True, eq=False)
class Composite:
    """A photo whose foreground has a donor's light.

    Attributes
    ----------
    image
        Shape (H, W, 3), uint8, RGB.
    pixels
        Number of foreground pixels.
    clipped_share
        Share of them of which a channel fell outside the 8-bit range, in [0, 1].
    """

    image: UInt8
    pixels: int
    clipped_share: float


def relight(image: UInt8, mask: Mask, own: FitRecord, donor: FitRecord, *, arithmetic: Arithmetic = "float") -> UInt8:
    """Return a photo whose foreground has the light of a donor: own light, standard colors, donor light.

    Parameters
    ----------
    image
        Photo, shape (H, W, 3), uint8, RGB, sRGB-encoded.
    mask
        Foreground, shape (H, W), boolean or in [0, 1].
    own
        The light of the photo, from `record_light` or `read_fits`; its `to_standard` is applied.
    donor
        The light of the donor; its `from_standard` is applied.
    arithmetic
        ``float`` rounds once, ``published`` clips and truncates twice as the authors do; see
        `ccharmony.color.transfer`.

    Returns
    -------
    UInt8
        Composite, shape (H, W, 3), RGB; pixels where the mask is 0 are those of the photo, to the bit.

    Raises
    ------
    ImageError
        The mask has another size than the photo, or is empty.
    """
    return make_composite(image, mask, own, donor, arithmetic=arithmetic).image


def make_composite(
    image: UInt8, mask: Mask, own: FitRecord, donor: FitRecord, *, arithmetic: Arithmetic = "float"
) -> Composite:
    """Return the composite of `relight` with its counts of foreground and clipped pixels; raises ImageError."""
    foreground = transfer.standardize(image, mask, own.to_standard, arithmetic)
    relit = transfer.relight_foreground(foreground, donor.from_standard)
    return Composite(transfer.paste(image, foreground, relit), len(foreground.index), relit.clipped_share)
