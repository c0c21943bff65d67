"""A foreground brought from its photo's own light into the light of a donor: one call on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float64, SoftMask, UInt8, as_real
from ccharmony.color import polynomial, transfer
from ccharmony.color.transfer import Arithmetic
from ccharmony.errors import FitError, ImageError, SettingsError
from ccharmony.images import mask_rules
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


def relight(
    image: UInt8,
    mask: npt.NDArray[np.generic],
    own: FitRecord,
    donor: FitRecord,
    *,
    arithmetic: Arithmetic = "float",
) -> UInt8:
    """Return a photo whose foreground has the light of a donor: own light, standard colors, donor light.

    Parameters
    ----------
    image
        Photo, shape (H, W, 3), uint8, RGB, sRGB-encoded.
    mask
        Foreground, shape (H, W): boolean, in [0, 1], or 8-bit levels. Soft edges blend.
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
        The photo is not uint8 (H, W, 3), or the mask has another size, has values outside [0, 1], or is empty.
    FitError
        A light has no polynomial: it holds numbers that are not finite.
    SettingsError
        There is no such arithmetic.
    """
    return make_composite(image, mask, own, donor, arithmetic=arithmetic).image


def make_composite(
    image: UInt8,
    mask: npt.NDArray[np.generic],
    own: FitRecord,
    donor: FitRecord,
    *,
    arithmetic: Arithmetic = "float",
) -> Composite:
    """Return the composite of `relight` with its counts of foreground and clipped pixels; raises as `relight` does."""
    _check_photo(image)
    if not isinstance(arithmetic, str) or arithmetic not in get_args(Arithmetic):
        raise SettingsError(f"arithmetic: {arithmetic!r} found, one of {', '.join(get_args(Arithmetic))} wanted")
    to_standard = _check_matrix(own.id, own.to_standard)
    from_standard = _check_matrix(donor.id, donor.from_standard)
    foreground = transfer.standardize(image, _read_mask(mask), to_standard, arithmetic)
    relit = transfer.relight_foreground(foreground, from_standard)
    return Composite(transfer.paste(image, foreground, relit), len(foreground.index), relit.clipped_share)


def _check_photo(image: UInt8) -> None:
    if not isinstance(image, np.ndarray):
        raise ImageError(f"image: {type(image).__name__} found, uint8 of shape (H, W, 3) wanted")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ImageError(f"image: {image.dtype} of shape {image.shape} found, uint8 of shape (H, W, 3) wanted")


def _check_matrix(name: str, matrix: Float64) -> Float64:
    found = as_real(matrix, f"light {name}", FitError)
    if found.shape != (3, len(polynomial.TERMS)):
        raise FitError(f"light {name}: a polynomial of shape {found.shape} found, (3, {len(polynomial.TERMS)}) wanted")
    if not np.isfinite(found).all():
        raise FitError(f"light {name}: a polynomial with numbers that are not finite found, a fitted light wanted")
    if (most := float(np.abs(found).max())) > polynomial.LARGEST:
        raise FitError(f"light {name}: a coefficient of {most:.3g} found, at most {polynomial.LARGEST:g} wanted")
    return found


def _read_mask(mask: npt.NDArray[np.generic]) -> SoftMask:
    """Return a mask as booleans or as floats in [0, 1]; 8-bit levels are divided by 255."""
    if not isinstance(mask, np.ndarray):
        raise ImageError(f"mask: {type(mask).__name__} found, an array of shape (H, W) wanted")
    if mask.dtype == np.bool_:
        return mask.astype(np.bool_, copy=False)
    values = as_real(mask, "mask", ImageError).astype(np.float32)
    if mask.dtype == np.uint8 and values.max(initial=0) > 1:
        values /= 255
    return mask_rules.check_shares(values)
