"""Tone curves: knots at bin centers, straight lines between them, flat outside.

-   :func:`centers`: where the knots lie; also the knots of the identity.
-   :func:`apply`: curves to a batch of pictures, differentiable in the knots.
-   :func:`smooth`: what a network adds to the identity, without kinks.
-   :func:`histogram`: the share of a region's pixels near each bin center, which a curve's shape depends on.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def centers(knots: int) -> Tensor:
    """Return the bin centers (i + 0.5) / knots, (knots,), in (0, 1).

    Examples
    --------
    >>> centers(4)
    tensor([0.1250, 0.3750, 0.6250, 0.8750])
    """
    return (torch.arange(knots) + 0.5) / knots


def apply(image: Tensor, curves: Tensor) -> Tensor:
    """Send pictures through their curves.

    Parameters
    ----------
    image
        Pictures (B, 3, H, W), sRGB-encoded; values outside [0, 1] take the curve's ends.
    curves
        Heights of the knots, (B, 3, K), at :func:`centers`; not limited to [0, 1].

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W), not clipped. The gradient reaches the knots, and the picture through the slopes.
    """
    count = curves.shape[-1]
    positions = (image * count - 0.5).clamp(0, count - 1).flatten(2)  # (B, 3, H·W), in units of knots
    below = positions.detach().long().clamp(max=count - 2)
    share = positions - below
    low, high = curves.gather(2, below), curves.gather(2, below + 1)  # (B, 3, H·W)
    return torch.lerp(low, high, share).view_as(image)


def smooth(change: Tensor) -> Tensor:
    """Average the changes of the knots over five neighbors, weights 1 2 3 2 1; beyond the ends the end is repeated.

    Few colors of a foreground lie near any one knot: without this, neighbors learn to differ, and the curve has kinks
    that a person sees as bands in a sky or on skin.

    Parameters
    ----------
    change
        What is added to the knots of the identity, (B, 3, K).

    Returns
    -------
    Tensor
        Smoothed changes, (B, 3, K).
    """
    padded = F.pad(change, (2, 2), mode="replicate")  # (B, 3, K + 4)
    return F.avg_pool1d(F.avg_pool1d(padded, 3, 1), 3, 1)


def histogram(image: Tensor, weights: Tensor, bins: int) -> Tensor:
    """Return how a region's values are spread over bins; each value is shared by its two nearest bin centers.

    Parameters
    ----------
    image
        Pictures (B, 3, H, W), in [0, 1].
    weights
        Weight of each pixel, (B, 1, H, W), at least 0.
    bins
        Number of bins over [0, 1].

    Returns
    -------
    Tensor
        Shares (B, 3, bins) that sum to 1, or to 0 where all weights are 0.
    """
    positions = (image * bins - 0.5).clamp(0, bins - 1).flatten(2)  # (B, 3, H·W)
    below = positions.long().clamp(max=bins - 2)
    share = positions - below
    spread = weights.flatten(2).expand_as(positions)  # (B, 3, H·W)
    counts = image.new_zeros(*image.shape[:2], bins)
    counts.scatter_add_(2, below, spread * (1 - share))
    counts.scatter_add_(2, below + 1, spread * share)
    return counts / weights.sum((2, 3)).clamp_min(1e-6)[..., None]
