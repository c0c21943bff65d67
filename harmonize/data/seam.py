"""The seam hidden: what lies next to the edge of a mask no longer tells how the foreground was changed.

Where a region of a photo is relit, the pixels on both sides of the mask's edge are often one surface under two lights,
so that a network can read the change off there. A cut-out on another photo has no such seam. See docs/seam.md.

-   :func:`fill_outside`: a ring of background next to the object, filled from farther out.
-   :func:`fill_inside`: the object's rim, filled from its inside.
-   :func:`shift_outside`: that ring taken from elsewhere in the picture.
-   :func:`grow_mask`: masks larger or smaller than the object.

All act on batches on any device. How far they reach is given as plain numbers, so that nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harmonize.devices import send


def fill_outside(picture: Tensor, mask: Tensor, width: Sequence[int]) -> Tensor:
    """Fill the background next to the foreground with what lies farther out, as if it went on to the edge.

    Parameters
    ----------
    picture, mask
        Pictures (B, 3, H, W) and foregrounds (B, 1, H, W); every pixel above 0 is foreground.
    width
        Width of the ring in pixels, one a picture; 0 leaves a picture as it is.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W); all but the rings as they were.
    """
    inside = (mask > 0).to(picture.dtype)
    ring = _dilate(inside, width) - inside
    return _grow_into(picture, 1 - inside - ring, ring, max(width))


def fill_inside(picture: Tensor, mask: Tensor, width: Sequence[int]) -> Tensor:
    """Fill the rim of the foreground with what lies farther inside; parameters and result as :func:`fill_outside`."""
    outside = (mask < 1).to(picture.dtype)
    core = 1 - _dilate(outside, width)
    # An object thinner than two rims has no inside to fill from.
    core = torch.where(core.sum((1, 2, 3), keepdim=True) > 0, core, 1 - outside)
    return _grow_into(picture, core, 1 - outside - core, max(width))


def shift_outside(picture: Tensor, mask: Tensor, width: Sequence[int], offset: Sequence[tuple[int, int]]) -> Tensor:
    """Take the ring of background next to the foreground from elsewhere in the background.

    Parameters
    ----------
    picture, mask, width
        As for :func:`fill_outside`.
    offset
        Rows and columns by which each picture is rolled. Where the rolled picture shows foreground,
        the ring stays as it is.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W).
    """
    inside = (mask > 0).to(picture.dtype)
    ring = _dilate(inside, width) - inside
    pairs = zip(picture, inside, offset, strict=True)
    rolled = [(torch.roll(one, shift, (1, 2)), torch.roll(hole, shift, (1, 2))) for one, hole, shift in pairs]
    other, hidden = (torch.stack(part) for part in zip(*rolled, strict=True))
    return torch.where((ring > 0) & (hidden == 0), other, picture)


def grow_mask(mask: Tensor, by: Sequence[int]) -> Tensor:
    """Return masks that are larger than the object, or smaller where `by` is below 0.

    Parameters
    ----------
    mask
        Foregrounds (B, 1, H, W), in [0, 1].
    by
        Pixels, one number a mask.

    Returns
    -------
    Tensor
        Masks (B, 1, H, W). One that would vanish stays as it was.
    """
    larger = _dilate(mask, [max(pixels, 0) for pixels in by])
    changed = 1 - _dilate(1 - larger, [max(-pixels, 0) for pixels in by])
    return torch.where(changed.sum((1, 2, 3), keepdim=True) > 0, changed, mask)


def blur(mask: Tensor, width: int) -> Tensor:
    """Return masks (B, 1, H, W) whose edges are soft over about `width` pixels on either side."""
    side = 2 * width + 1
    return functional.avg_pool2d(functional.pad(mask, [width] * 4, mode="replicate"), side, stride=1)


def _dilate(mask: Tensor, by: Sequence[int]) -> Tensor:
    """Return masks (B, 1, H, W) grown by so many pixels each, in all eight directions."""
    grown, wanted = mask, send(np.array(by), mask.device)
    for step in range(max(by)):
        larger = functional.max_pool2d(grown, 3, stride=1, padding=1)
        grown = torch.where((wanted > step)[:, None, None, None], larger, grown)
    return grown


def _grow_into(picture: Tensor, known: Tensor, hole: Tensor, steps: int) -> Tensor:
    """Fill holes from their edges inwards, each pixel with the mean of its neighbors that are known by then."""
    values, missing = picture * known, hole
    for _ in range(steps):
        share = _mean_of_nine(known)
        reached = (missing > 0) & (share > 1e-4)
        values = torch.where(reached, _mean_of_nine(values) / share.clamp_min(1e-4), values)
        known = torch.where(reached, torch.ones_like(known), known)
        missing = torch.where(reached, torch.zeros_like(missing), missing)
    return torch.where((hole > 0) & (missing == 0), values, picture)


def _mean_of_nine(planes: Tensor) -> Tensor:
    return functional.avg_pool2d(planes, 3, stride=1, padding=1)
