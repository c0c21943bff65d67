"""What sees the picture in the parametric harmonizer: two backbones.

-   :class:`LightBackbone`: four levels of residual blocks, at most 1/16 of the size, with masked pooling: what the
    foreground shows and what the background shows, apart.
-   :class:`ResNet50`: the paper's curve network up to its pooled features (He et al., CVPR 2016), any input channels.
-   :func:`masked_mean`: the mean of a map over the foreground or the background.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def masked_mean(features: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of maps (B, C, h, w) under weights (B, 1, h, w) as (B, C); 0 where all weights are 0."""
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


class LightBackbone(nn.Module):
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
        """Return the means of the coarser three maps over foreground and background, (B, summary width)."""
        parts = []
        for features in maps[1:]:
            inside = F.adaptive_avg_pool2d(mask, (features.shape[-2], features.shape[-1]))
            parts += [masked_mean(features, inside), masked_mean(features, 1 - inside)]
        return torch.cat(parts, dim=1)


class Bottleneck(nn.Module):
    """ResNet's block of 1×1, 3×3 and 1×1 convolutions; the stride sits in the 3×3 (the usual variant)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.body = nn.Sequential(
            *_convolve(channels, width, size=1),
            nn.ReLU(),
            *_convolve(width, width, stride=stride),
            nn.ReLU(),
            *_convolve(width, out, size=1),
        )
        same = channels == out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*_convolve(channels, out, size=1, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, 4·width, H/stride, W/stride)."""
        return F.relu(self.shortcut(x) + self.body(x))


class ResNet50(nn.Module):
    """ResNet-50 without its classifier: 23.5 M parameters, a vector of 2,048 for each picture."""

    features = 2048

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolve(channels, 64, size=7, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        stages, before = [], 64
        for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            blocks = [Bottleneck(before if n == 0 else 4 * width, width, stride if n == 0 else 1) for n in range(count)]
            stages.append(nn.Sequential(*blocks))
            before = 4 * width
        self.stages = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S, S) → (B, 2048)."""
        maps: Tensor = self.stages(self.stem(x))
        return maps.mean((2, 3))


def _convolve(before: int, after: int, *, size: int = 3, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Convolution and batch norm, which makes a bias idle."""
    convolution = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution, nn.BatchNorm2d(after)
