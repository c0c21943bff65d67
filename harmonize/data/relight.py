"""The color polynomial on batches of pictures: relight, judge the change, paste."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_CLIPPED = 0.2
"""Largest share of foreground pixels that may leave [0, 1] in a channel."""


LEAST_CHANGE = 3 / 255
"""Smallest mean absolute change of the foreground; below it there is nothing to harmonize."""


def expand(colors: Tensor) -> Tensor:
    """Return the eleven terms of colors (B, 3, P), as (B, 11, P), in the published order."""
    r, g, b = colors.unbind(1)
    return torch.stack([r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, torch.ones_like(r)], dim=1)


def relight(colors: Tensor, to_standard: Tensor, from_standard: Tensor) -> Tensor:
    """Carry colors to the standard ones, then to another light.

    Parameters
    ----------
    colors
        Colors (B, 3, ...), sRGB-encoded, in [0, 1].
    to_standard, from_standard
        Matrices (B, 3, 11) of the photo's own light and of the lent one.

    Returns
    -------
    Tensor
        Colors (B, 3, ...), not clipped.
    """
    flat = colors.flatten(2)  # (B, 3, P)
    standard = torch.bmm(to_standard, expand(flat))  # (B, 3, P)
    return torch.bmm(from_standard, expand(standard)).view_as(colors)


def judge(photo: Tensor, lit: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Tell how far a lent light changes each foreground.

    Parameters
    ----------
    photo, lit
        Colors before and after, (B, 3, H, W); `lit` is not clipped.
    mask
        Mask (B, 1, H, W) in [0, 1]; pixels above one half count.

    Returns
    -------
    clipped, change
        Share of the foreground's pixels with a channel outside [0, 1] by more than half a level, and the mean
        absolute change of the foreground after clipping, (B,) each. Both are 0 for an empty foreground.
    """
    inside = (mask > 0.5).to(photo.dtype)  # (B, 1, H, W)
    count = inside.sum(dim=(1, 2, 3)).clamp(min=1)
    margin = 0.5 / 255
    outside = ((lit < -margin) | (lit > 1 + margin)).any(dim=1, keepdim=True)
    clipped = (outside * inside).sum(dim=(1, 2, 3)) / count
    change = ((lit.clamp(0, 1) - photo).abs() * inside).sum(dim=(1, 2, 3)) / (3 * count)
    return clipped, change


def acceptable(clipped: Tensor, change: Tensor) -> Tensor:
    """Tell which foregrounds clip little enough and change enough."""
    return (clipped <= MOST_CLIPPED) & (change >= LEAST_CHANGE)


def paste(photo: Tensor, lit: Tensor, mask: Tensor) -> Tensor:
    """Paste a lit foreground on its own background, clipped and rounded to 8-bit levels.

    Where the mask is 0 the result equals `photo` to the bit.
    """
    levels = torch.round(torch.lerp(photo, lit.clamp(0, 1), mask) * 255) / 255
    return torch.where(mask > 0, levels, photo)
