"""PIH, the parametric harmonizer: RGB curves, then a shading map, both applied to the foreground alone.

-   :class:`Pih`: predicts them from a small picture and applies them to the whole one.
-   :func:`build`: the network that settings describe.

This is a light form of the paper's model: one small backbone instead of two networks (2.5 M parameters, the release's
93.6 M) sees a square of 128 pixels (the release's 512), knots are free and start at the identity, and the shading may
brighten, where the release's can only darken.

References
----------
Wang, Gharbi, Zhang, Xia, Shechtman: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmonize.models.layers import average
from harmonize.models.network import Parameters, ParametricNetwork
from harmonize.models.normalization import STD, denormalize
from harmonize.models.pih import curves, shading
from harmonize.models.pih.backbone import Backbone
from harmonize.models.pih.shading import ShadingHead
from harmonize.models.settings import PihSettings

BINS = 16
"""Bins of the histograms that the curve head sees."""

_HIDDEN = 256
"""Width of the curve head."""

_DROPOUT = 0.1
"""Share of the curve head's units that a training step leaves out: without it a network soon memorizes a few thousand
photos."""

_STATISTICS = 64
"""Side at which histograms are taken: 4,096 pixels are plenty for 16 bins."""


class Predictor(nn.Module):
    """Curves and shading from one small backbone that pools foreground and background apart."""

    def __init__(self, settings: PihSettings) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = Backbone(settings.channels, settings.width)
        inputs = self.backbone.summary_width + 6 * BINS + 1
        self.head = nn.Sequential(
            nn.Linear(inputs, _HIDDEN),
            nn.BatchNorm1d(_HIDDEN),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, 3 * settings.knots),
        )
        nn.init.zeros_(self.head[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.head[-1].bias)  # type: ignore[arg-type]
        self.shade = ShadingHead(settings, self.backbone) if settings.shading else None

    def forward(self, image: Tensor, mask: Tensor, background: Tensor | None) -> Parameters:
        """Predict curves and map.

        Parameters
        ----------
        image, background
            Composite and, where the settings make it an input, clean background, (B, 3, S, S), in [0, 1].
        mask
            Foreground (B, 1, S, S), in [0, 1].

        Returns
        -------
        curves, log_gain
            Knots (B, 3, knots), and map (B, 1, shading side, shading side).
        """
        maps = self.backbone(_stack(image, mask, background))
        summary = self.backbone.summarize(maps, mask)
        change = self.head(torch.cat([summary, _describe(image, mask)], dim=1)).float()
        identity = curves.centers(self.settings.knots).to(change)
        knots = curves.smooth(change.view(-1, 3, self.settings.knots)) + identity  # (B, 3, K)
        knots = _rise(knots) if self.settings.monotone else knots
        if self.shade is None:
            return Parameters(knots, _no_shading(image, self.settings))
        curved = curves.apply(image, knots)
        return Parameters(knots, self.shade(maps, summary, image, curved, mask).float())


class Pih(ParametricNetwork):
    """The parametric harmonizer; called like every network of this package.

    Parameters
    ----------
    settings
        What decides its layout.
    """

    def __init__(self, settings: PihSettings) -> None:
        super().__init__()
        self.settings = settings
        self.side = settings.side
        self.predictor = Predictor(settings)

    def forward(self, image: Tensor, mask: Tensor, background: Tensor | None = None) -> Tensor:
        """Harmonize.

        Parameters
        ----------
        image
            Composite, ImageNet-normalized, shape (B, 3, H, W), any size.
        mask
            Foreground, shape (B, 1, H, W), in [0, 1]; empty and full masks are fine.
        background
            Picture without the foreground, as `image`; only where the settings make it an input. Without one it is
            filled in from the composite, see :func:`fill`.

        Returns
        -------
        Tensor
            Harmonized image, normalized, shape (B, 3, H, W), not clipped; the background is that of `image`.
        """
        predicted = self.parameters_of(image, mask, background)
        encoded = denormalize(image)
        moved = apply_parameters(encoded, mask, predicted) - encoded
        return image + moved / image.new_tensor(STD)[:, None, None]

    def parameters_of(self, image: Tensor, mask: Tensor, background: Tensor | None = None) -> Parameters:
        """Predict curves and map.

        Whatever the size of the picture, the network sees a square of ``settings.side``.

        Parameters
        ----------
        image, mask, background
            As of :meth:`forward`.

        Returns
        -------
        curves, log_gain
            Knots (B, 3, knots), and map (B, 1, shading side, shading side); they hold for the picture at any size.
        """
        side = self.settings.side
        small, inside = _shrink(denormalize(image), side), _shrink(mask, side)
        if not self.settings.background:
            return self.predictor(small, inside, None)  # type: ignore[no-any-return]
        plate = fill(small, inside) if background is None else _shrink(denormalize(background), side)
        return self.predictor(small, inside, plate)  # type: ignore[no-any-return]


def build(settings: PihSettings) -> Pih:
    """Assemble the network that `settings` describe, freshly started from the global random state.

    Examples
    --------
    >>> sum(p.numel() for p in build(PihSettings()).parameters()) < 6_000_000
    True
    """
    return Pih(settings)


def apply_parameters(image: Tensor, mask: Tensor, parameters: Parameters) -> Tensor:
    """Apply curves and shading to the foregrounds of pictures, differentiable in the parameters.

    For a single 8-bit picture of any size see :func:`harmonize.inference.adjustment.apply`.

    Parameters
    ----------
    image
        Pictures (B, 3, H, W), sRGB-encoded, in [0, 1].
    mask
        Foreground (B, 1, H, W), in [0, 1].
    parameters
        Curves and map.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W), not clipped.
    """
    shaded = shading.apply(curves.apply(image, parameters.curves), parameters.log_gain)
    return torch.lerp(image, shaded, mask.to(image.dtype))


def fill(image: Tensor, mask: Tensor) -> Tensor:
    """Fill the foreground from its surroundings, instead of a clean background that nobody took.

    Each level of a pyramid keeps the mean of the background that is left under a pixel; the finest level that has
    any fills the pixel.

    Parameters
    ----------
    image
        Pictures (B, 3, S, S), in [0, 1].
    mask
        Foreground (B, 1, S, S), in [0, 1].

    Returns
    -------
    Tensor
        Pictures (B, 3, S, S), the background unchanged; black where there is no background at all.
    """
    known = (mask < 0.5).to(image.dtype)  # (B, 1, S, S)
    if image.shape[-1] == 1:
        return image * known
    small = F.avg_pool2d(image * known, 2, ceil_mode=True)
    share = F.avg_pool2d(known, 2, ceil_mode=True)
    coarse = fill(small / share.clamp_min(1e-6), (share == 0).to(image.dtype))
    size = (image.shape[-2], image.shape[-1])
    return torch.where(known > 0, image, F.interpolate(coarse, size, mode="bilinear", align_corners=False))


def _stack(image: Tensor, mask: Tensor, background: Tensor | None) -> Tensor:
    """Put together what the network sees, (B, 4 or 7, S, S), centered on zero."""
    pictures = [image] if background is None else [image, background]
    return torch.cat([*(4 * picture - 2 for picture in pictures), 2 * mask - 1], dim=1)


@torch.no_grad()
def _describe(image: Tensor, mask: Tensor) -> Tensor:
    """Return the histograms of foreground and background and the foreground's share, (B, 6·BINS + 1).

    Square roots, so that a bin that holds a hundredth of the pixels still counts.
    """
    small, inside = _shrink(image.float(), _STATISTICS), _shrink(mask.float(), _STATISTICS)
    spreads = [curves.histogram(small, weights, BINS).sqrt().flatten(1) for weights in (inside, 1 - inside)]
    return torch.cat([*spreads, inside.mean((1, 2, 3))[:, None]], dim=1)


def _shrink(image: Tensor, side: int) -> Tensor:
    """Bring pictures to a square: averaged where they are larger, bilinear where they are smaller."""
    height, width = image.shape[-2:]
    if (height, width) == (side, side):
        return image
    if min(height, width) >= side:
        return average(image, (side, side))
    return F.interpolate(image, (side, side), mode="bilinear", align_corners=False, antialias=True)


def _rise(knots: Tensor) -> Tensor:
    """Raise each knot to the highest before it."""
    return knots.cummax(dim=-1).values


def _no_shading(image: Tensor, settings: PihSettings) -> Tensor:
    return image.new_zeros(image.shape[0], 1, settings.shading_side, settings.shading_side)
