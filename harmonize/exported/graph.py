"""What is exported: a network between pictures in [0, 1], of operations that ONNX has for any size.

-   :class:`PictureGraph`: of any network.
-   :class:`ParameterGraph`: of a parametric one, whose prediction does not depend on the picture's size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmonize.models.network import Network, ParametricNetwork
from harmonize.models.normalization import denormalize, normalize


class PictureGraph(nn.Module):
    """Composite (B, 3, H, W) in [0, 1] and mask (B, 1, H, W) to the harmonized picture, in [0, 1]."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net

    def forward(self, composite: Tensor, mask: Tensor) -> Tensor:
        """Harmonize."""
        return denormalize(self.net(normalize(composite), mask))

    def reference(self, composite: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return what an exported file must give."""
        return (self(composite, mask),)


class ParameterGraph(nn.Module):
    """Composite (B, 3, H, W) in [0, 1] and mask (B, 1, H, W) to curves (B, 3, K) and log gain (B, 1, h, w).

    ONNX pools by whole numbers alone, so that pictures are shrunk by two matrix products, with the weights that the
    network's own shrinking has.
    """

    def __init__(self, net: ParametricNetwork, side: int) -> None:
        super().__init__()
        self.net, self.side = net, side

    def forward(self, composite: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Predict."""
        height, width = (torch.as_tensor(length) for length in composite.shape[-2:])
        pooled = torch.minimum(height, width) >= self.side
        down, across = (weights(length, self.side, pooled) for length in (height, width))
        small = down @ composite @ across.T  # (B, 3, side, side)
        inside = down @ mask @ across.T
        found = self.net.parameters_of(normalize(small), inside)
        return found.curves, found.log_gain

    def reference(self, composite: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Predict with the network's own shrinking."""
        return tuple(self.net.parameters_of(normalize(composite), mask))


def weights(length: Tensor, cells: int, pooled: Tensor) -> Tensor:
    """Return how much each of `length` pixels counts in each cell, (cells, length); rows sum to 1.

    Parameters
    ----------
    length
        Number of pixels, a scalar.
    cells
        Number of cells.
    pooled
        Whether cells are means, as of adaptive pooling, or interpolated linearly, with antialiasing; a scalar.

    Returns
    -------
    Tensor
        Float32.
    """
    pixel = torch.arange(length)[None]  # type: ignore[call-overload]  # a tensor, so that it is part of the graph
    cell = torch.arange(cells)[:, None]
    first, last = cell * length // cells, ((cell + 1) * length + cells - 1) // cells
    mean = ((pixel >= first) & (pixel < last)).float()
    scale = length.float() / cells
    distance = (pixel + 0.5 - (cell + 0.5) * scale).abs()
    share = torch.where(pooled, mean, (1 - distance / scale.clamp(min=1)).clamp(min=0))
    return share / share.sum(1, keepdim=True)
