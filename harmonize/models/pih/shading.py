"""The shading map: one channel of low resolution that brightens or darkens the foreground, locally.

-   :func:`apply`: a map to a batch of pictures, enlarged to their size.
-   :class:`LightShading`: from the light backbone's maps; may brighten, starts as no change.
-   :class:`FaithfulShading`: the paper's second stage, a U-Net that sees what the curves made; can only darken.

A map holds the natural logarithm of the gain, so that 0 is no change, strength scales it, and two maps add up.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmonize.models.pih.backbone import LightBackbone
from harmonize.models.settings import PihSettings

MOST = 1.0
"""Largest |log gain| of the light form: a factor of 2.7, beyond what a shade or a lamp does to a foreground."""

_GUIDE = 32
"""Channels in which the whole picture's summary reaches each place of the map."""

_SLOPE = 0.2
"""Slope below zero: with none, all units of the second layer were dead within the first 500 steps of a run."""

_FAITHFUL_WIDTHS = (64, 128, 256, 512, 1024, 1024)


def apply(image: Tensor, log_gain: Tensor) -> Tensor:
    """Multiply pictures (B, 3, H, W) in [0, 1] by exp of maps (B, 1, h, w), enlarged bilinearly; not clipped."""
    height, width = image.shape[-2:]
    return image * F.interpolate(log_gain.exp(), (height, width), mode="bilinear", align_corners=False)


class LightShading(nn.Module):
    """A few convolutions at the map's own size over the backbone's maps, the summary and what the curves made."""

    def __init__(self, settings: PihSettings, backbone: LightBackbone) -> None:
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
        """Return the log gain (B, 1, side, side).

        Parameters
        ----------
        maps, summary
            What :class:`harmonize.models.pih.backbone.LightBackbone` makes.
        image, curved, mask
            Composite, the same after the curves, and mask, (B, 3 or 1, S, S), as small as the backbone sees them.
        """
        size = (self.side, self.side)
        shrunk = [F.adaptive_avg_pool2d(part, size) for part in (image, curved, mask)]
        parts = [_fit(layer(x), size) for layer, x in zip(self.squeeze, maps[1:], strict=True)]
        guide = self.guide(summary)[..., None, None].expand(-1, -1, *size)  # (B, GUIDE, side, side)
        raw: Tensor = self.head(self.body(torch.cat([*parts, guide, *shrunk], dim=1)))
        return MOST * torch.tanh(raw / MOST)


class FaithfulShading(nn.Module):
    """A U-Net over composite, clean background, mask and the curved picture; its result is pooled to a small map.

    The release's has 69.9 M parameters; its layers are not in the paper. This one is a plain U-Net of six levels with
    two convolutions each: 78.6 M.
    """

    def __init__(self, settings: PihSettings) -> None:
        super().__init__()
        self.side, self.darkest = settings.shading_side, settings.darkest
        widths = _FAITHFUL_WIDTHS
        before = (settings.channels + 3, *widths[:-1])
        self.down = nn.ModuleList(_double(a, b) for a, b in zip(before, widths, strict=True))
        self.up = nn.ModuleList(_double(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, seen: Tensor, curved: Tensor) -> Tensor:
        """Return the log gain (B, 1, side, side), at most 0, of what is seen, (B, C, S, S), and curved pictures."""
        x = torch.cat([seen, curved], dim=1)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            x = block(torch.cat([_fit(x, (skip.shape[-2], skip.shape[-1])), skip], dim=1))
        small = F.adaptive_avg_pool2d(self.head(x), (self.side, self.side))
        return (torch.sigmoid(small) * (1 - self.darkest) + self.darkest).log()


def _fit(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a map to a size: pooled where it is larger, enlarged bilinearly where it is smaller."""
    if x.shape[-1] >= size[1]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def _double(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [nn.Conv2d(inputs, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)
