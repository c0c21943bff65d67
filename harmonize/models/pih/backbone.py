"""What sees the picture in the parametric harmonizer: maps, and their means over foreground and background.

-   :class:`Backbone`: four levels of residual blocks, down to 1/16 of the size, with masked pooling: what the
    foreground shows and what the background shows, apart.
-   :func:`masked_mean`: the mean of a map over the foreground or the background.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmonize.models.layers import average


def masked_mean(features: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of maps over a region.

    Parameters
    ----------
    features
        Maps (B, C, h, w), any unit.
    weights
        How much each pixel counts, (B, 1, h, w), in [0, 1].

    Returns
    -------
    Tensor
        Weighted means (B, C); 0 where all weights are 0.
    """
    flat = features.flatten(2)  # (B, C, h·w)
    shares = weights.flatten(2)  # (B, 1, h·w)
    total = torch.bmm(flat, shares.transpose(1, 2)).squeeze(2)  # (B, C)
    return total / shares.sum(2).clamp_min(1e-4)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around which the input passes unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_convolve(channels, channels), nn.ReLU(), *_convolve(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return F.relu(x + self.body(x))


class Backbone(nn.Module):
    """Convolutions of stride 2, each followed by a residual block but for the first: maps at 1/2, 1/4, 1/8, 1/16.

    Parameters
    ----------
    channels
        Channels of the input.
    width
        Channels of the first map; the four have width · (1, 2, 4, 8).
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.widths: tuple[int, ...] = tuple(width * 2**level for level in range(4))
        levels = []
        for level, (before, after) in enumerate(zip((channels, *self.widths[:-1]), self.widths, strict=True)):
            block = [] if level == 0 else [ResidualBlock(after)]
            levels.append(nn.Sequential(*_convolve(before, after, stride=2), nn.ReLU(), *block))
        self.levels = nn.ModuleList(levels)

    @property
    def summary_width(self) -> int:
        """Length of the vector that :meth:`summarize` makes."""
        return 2 * sum(self.widths[1:])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four maps of an input (B, C, S, S), fine to coarse."""
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps

    def summarize(self, maps: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Average the coarser three maps over foreground and background.

        Parameters
        ----------
        maps
            What :meth:`forward` returns.
        mask
            Foreground (B, 1, S, S), in [0, 1].

        Returns
        -------
        Tensor
            Means (B, summary width).
        """
        parts = []
        for features in maps[1:]:
            inside = average(mask, (features.shape[-2], features.shape[-1]))
            parts += [masked_mean(features, inside), masked_mean(features, 1 - inside)]
        return torch.cat(parts, dim=1)


def _convolve(before: int, after: int, *, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """3×3 convolution and batch norm, which makes a bias useless."""
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution, nn.BatchNorm2d(after)
