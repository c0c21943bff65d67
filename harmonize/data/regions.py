"""Regions of photos that serve as foregrounds, so that a photo teaches more than its one mask, or has none.

A region is what lies nearest to a random pixel, by color and by place: where color counts it is a surface, as in
segmentations (SLIC, BSDS), where place counts a round patch with an edge anywhere.

References
----------
Achanta et al.: SLIC superpixels compared to state-of-the-art superpixel methods, 2012 (distance by color and place).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harmonize.data.mismatch import to_lab
from harmonize.data.seam import blur
from harmonize.devices import send

_SMALLEST, _LARGEST = 0.05, 0.4
"""Of the picture's area."""

_COLOR_COUNTS, _PLACE_COUNTS = 20.0, 300.0
"""ΔE that counts as much as the picture's side: with 20 a region keeps to its surface, with 300 it is a disk."""

_SMOOTH = 32
"""The side over this is the reach in pixels over which a region's edge is smoothed, so that texture tears no holes."""


@dataclass(frozen=True)
class Region:
    """Where a region is.

    Attributes
    ----------
    row, column
        The pixel that it grows from, as shares of the sides, in [0, 1).
    area
        Share of the picture that it covers, about.
    compactness
        ΔE that counts as much as the picture's side.
    """

    row: float
    column: float
    area: float
    compactness: float


def choose_region(random: np.random.Generator) -> Region:
    """Choose a region at random: any pixel, an area of 5 to 40 %, surface or patch."""
    row, column = random.random(2)
    area = random.uniform(_SMALLEST, _LARGEST)
    return Region(
        float(row), float(column), area, float(np.exp(random.uniform(*np.log((_COLOR_COUNTS, _PLACE_COUNTS)))))
    )


def cut_regions(photo: Tensor, regions: Sequence[Region]) -> Tensor:
    """Return the masks of regions.

    Parameters
    ----------
    photo
        Pictures (B, 3, H, W), sRGB-encoded, in [0, 1].
    regions
        One for each.

    Returns
    -------
    Tensor
        Masks (B, 1, H, W), 0 or 1.
    """
    height, width = photo.shape[-2:]
    row, column, area, compactness = (
        send(np.array([getattr(region, name) for region in regions], np.float32), photo.device)
        for name in ("row", "column", "area", "compactness")
    )
    lab = to_lab(blur(photo, max(min(height, width) // (2 * _SMOOTH), 1)))
    at = ((row * height).long() * width + (column * width).long())[:, None, None].expand(-1, 3, 1)
    color = (lab - lab.flatten(2).gather(2, at)[..., None]).square().sum(1)  # (B, H, W), ΔE²
    down = (torch.arange(height, device=photo.device) + 0.5) / height - row[:, None]  # (B, H)
    across = (torch.arange(width, device=photo.device) + 0.5) / width - column[:, None]  # (B, W)
    place = down[:, :, None].square() + across[:, None, :].square()
    distance = blur(
        (color + compactness[:, None, None].square() * place)[:, None], max(min(height, width) // _SMOOTH, 1)
    )
    return (distance <= _quantile(distance.flatten(1), area)[:, None, None, None]).to(photo.dtype)


def _quantile(values: Tensor, share: Tensor) -> Tensor:
    """Return the value (B,) below which that share of each row (B, P) lies."""
    at = (share * (values.shape[1] - 1)).long()
    return values.sort(dim=1).values.gather(1, at[:, None])[:, 0]
