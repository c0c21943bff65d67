"""The shading map: one channel of low resolution that brightens or darkens the foreground, locally.

-   :func:`apply`: a map to a batch of pictures, enlarged to their size.
-   :class:`ShadingHead`: a map from the backbone's maps; may brighten or darken, starts as no change.

A map holds the natural logarithm of the gain, so that 0 is no change, strength scales it, and two maps add up.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmonize.models.layers import average
from harmonize.models.pih.backbone import Backbone
from harmonize.models.settings import PihSettings

MOST = 1.0
"""Largest |log gain|: a factor of 2.7, beyond what a shade or a lamp does to a foreground."""

_GUIDE = 32
"""Channels in which the summary of the whole picture reaches each cell of the map."""

_SLOPE = 0.2
"""Slope of the leaky ReLU below zero: with 0, all units of the second layer were dead within 500 steps of a run."""


def apply(image: Tensor, log_gain: Tensor) -> Tensor:
    """Multiply pictures by the gain of their maps.

    Parameters
    ----------
    image
        Pictures (B, 3, H, W), sRGB-encoded, in [0, 1].
    log_gain
        Natural logarithm of the gain, (B, 1, h, w), over the whole picture; the gain is enlarged bilinearly.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W), not clipped.
    """
    height, width = image.shape[-2:]
    return image * F.interpolate(log_gain.exp(), (height, width), mode="bilinear", align_corners=False)


class ShadingHead(nn.Module):
    """A few convolutions at the map's own size over the backbone's maps, the summary and what the curves made."""

    def __init__(self, settings: PihSettings, backbone: Backbone) -> None:
        super().__init__()
        self.side = settings.shading_side
        hidden = 2 * settings.width
        self.squeeze = nn.ModuleList(nn.Conv2d(width, hidden, 1) for width in backbone.widths[1:])
        self.guide = nn.Linear(backbone.summary_width, _GUIDE)
        self.body = nn.Sequential(
            nn.Conv2d(3 * hidden + _GUIDE + 7, hidden, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
        )
        self.head = nn.Conv2d(hidden, 1, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    def forward(self, maps: Sequence[Tensor], summary: Tensor, image: Tensor, curved: Tensor, mask: Tensor) -> Tensor:
        """Predict the map.

        Parameters
        ----------
        maps, summary
            What :class:`harmonize.models.pih.backbone.Backbone` makes.
        image, curved, mask
            Composite, the same after the curves, and mask, (B, 3 or 1, S, S), in [0, 1], at the size that the
            backbone sees.

        Returns
        -------
        Tensor
            Log gain (B, 1, side, side), in [-MOST, MOST].
        """
        size = (self.side, self.side)
        shrunk = [average(part, size) for part in (image, curved, mask)]
        parts = [_fit(layer(x), size) for layer, x in zip(self.squeeze, maps[1:], strict=True)]
        guide = self.guide(summary)[..., None, None].expand(-1, -1, *size)  # (B, GUIDE, side, side)
        raw: Tensor = self.head(self.body(torch.cat([*parts, guide, *shrunk], dim=1)))
        return MOST * torch.tanh(raw / MOST)


def _fit(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a map to a size: pooled where it is larger, enlarged bilinearly where it is smaller."""
    if x.shape[-1] >= size[1]:
        return average(x, size)
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
