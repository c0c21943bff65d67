"""The seam hidden before a network sees a composite, so that no pixel next to the object gives the change away.

Composites made by relighting a region of a photo show one surface under two lights at the mask's edge. A cut-out on
another photo does not. With a ring of background next to the foreground inpainted, the score says what cut-outs will
get; a control ring farther out says what inpainting alone costs. See docs/seam.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import SettingsError

_FARTHEST = 64
_RADIUS = 3
"""Of Telea's inpainting, in pixels."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Background from `near` (not included) to `far` pixels from the foreground, at the size that is scored.

    Raises
    ------
    SettingsError
        Not 0 <= near < far <= 64.

    Examples
    --------
    >>> str(Ring(0, 2)), str(Ring(7, 13))
    ('2 px next to the foreground', 'px 8 to 13 from the foreground')
    """

    near: int
    far: int

    def __post_init__(self) -> None:
        if not 0 <= self.near < self.far <= _FARTHEST:
            raise SettingsError(f"ring {self.near}:{self.far}, wanted 0 <= near < far <= {_FARTHEST} pixels")

    def __str__(self) -> str:
        beginning = "next to" if not self.near else "from"
        pixels = f"px {self.near + 1} to {self.far}" if self.near else f"{self.far} px"
        return f"{pixels} {beginning} the foreground"


def read_ring(text: str) -> Ring:
    """Read ``2`` or ``7:13``; raises SettingsError."""
    near, colon, far = text.rpartition(":")
    try:
        return Ring(int(near) if colon else 0, int(far))
    except ValueError as error:
        raise SettingsError(f"ring {text}: wanted a number of pixels, or NEAR:FAR") from error


def hide_ring(composite: UInt8, mask: Float32, ring: Ring) -> UInt8:
    """Inpaint a ring of background (Telea 2004).

    Parameters
    ----------
    composite
        Picture (H, W, 3), RGB, 8 bits.
    mask
        Foreground (H, W), in [0, 1]; every pixel above 0 is foreground.
    ring
        Which background. A ring next to the foreground is filled from outside alone, as if nothing stood there.

    Returns
    -------
    UInt8
        The picture; all but the ring as it was.
    """
    inside = (mask > 0).astype(np.uint8)
    within, reached = _grow(inside, ring.near), _grow(inside, ring.far)
    band = (reached > 0) & (within == 0)
    hole = band.astype(np.uint8) if ring.near else reached
    painted = cv2.inpaint(np.ascontiguousarray(composite), hole, _RADIUS, cv2.INPAINT_TELEA)
    return np.where(band[..., None], np.asarray(painted, np.uint8), composite)


def _grow(inside: UInt8, by: int) -> UInt8:
    grown = cv2.dilate(inside, np.ones((3, 3), np.uint8), iterations=by) if by else inside
    return np.asarray(grown, np.uint8)
