"""GiftNet: the basic network with globally guided feature transformation, assembled in one readable place.

-   :class:`Gift`: scales from the guide, a modulated convolution, the foreground alone changed.
-   :class:`GiftNet`: a :class:`harmonize.models.unet.UNet` whose maps pass through GIFT.
-   :func:`build`: any network from its settings.

References
----------
Niu et al.: Deep Image Harmonization with Globally Guided Feature Transformation and Relation Distillation,
ICCV 2023, section 3.1.
"""

import torch
from torch import Tensor, nn

from harmonize.models.layers import ModulatedConv, blend, resize_mask
from harmonize.models.settings import NetworkSettings
from harmonize.models.unet import UNet

_SLOPE = 0.2
"""Slope of the leaky ReLU after each shared layer. Not in the paper; that of StyleGAN2's mapping network (the paper's
reference for the modulation), whose units cannot die as a ReLU's can."""


class Gift(nn.Module):
    """Globally guided feature transformation of every site in the settings.

    Nothing follows the modulated convolution: equations 1 and 2 of the paper have no bias and no noise, figure 1b draws
    no activation, and in short runs none (val fMSE 1,005) was better than a leaky ReLU (1,039).

    The scales come from a perceptron of four fully connected layers, the last one for each site. It starts with zero
    weights and bias one, so every scale starts at exactly 1 and the modulation is learned away from the plain
    convolution. With guidance ``self`` each site has all four layers for itself (its map's channels go in, so
    nothing can be shared); with ``none`` the scales are parameters.

    Parameters
    ----------
    settings
        Sites, guidance and the rest; see :class:`harmonize.models.settings.NetworkSettings`.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        guidance, sites = settings.guidance, settings.sites
        self.convs = nn.ModuleDict(
            {name: ModulatedConv(channels, epsilon=settings.epsilon) for name, channels in sites.items()}
        )
        if guidance == "none":
            self.scales = nn.ParameterDict({name: torch.ones(channels) for name, channels in sites.items()})
            return
        self.heads = nn.ModuleDict({name: _head(settings.mlp_width, channels) for name, channels in sites.items()})
        if guidance == "global":
            self.mlp = _perceptron(settings.widths[-1], settings)
        else:
            self.mlps = nn.ModuleDict({name: _perceptron(channels, settings) for name, channels in sites.items()})

    def guide(self, bottleneck: Tensor) -> Tensor | None:
        """f_e through the shared layers: F_e4, (B, C, H/8, W/8), to (B, mlp width); None without global guidance."""
        return self.mlp(bottleneck.mean((2, 3))) if self.settings.guidance == "global" else None

    def forward(self, site: str, x: Tensor, mask: Tensor, guide: Tensor | None) -> Tensor:
        """Transform the foreground of one map.

        Parameters
        ----------
        site
            ``E1``-``E4`` or ``D1``-``D3``; a site that the settings do not name returns `x` itself.
        x
            F, shape (B, C, h, w).
        mask
            Foreground at the picture's resolution, shape (B, 1, H, W), in [0, 1].
        guide
            What :meth:`guide` made of the bottleneck.

        Returns
        -------
        Tensor
            F' = m·(F ∗ W'') + (1 − m)·F, shape (B, C, h, w).
        """
        if site not in self.convs:
            return x
        y = self.convs[site](x, self.predict(site, x, guide))
        height, width = x.shape[-2:]
        return blend(y, x, resize_mask(mask, (height, width)))

    def predict(self, site: str, x: Tensor, guide: Tensor | None) -> Tensor:
        """Scales s of the input channels of `site`, shape (B, C)."""
        if self.settings.guidance == "none":
            fixed: Tensor = self.scales[site]
            return fixed.expand(x.shape[0], -1)
        if self.settings.guidance == "self":
            guide = self.mlps[site](x.mean((2, 3)))
        return self.heads[site](guide)  # type: ignore[no-any-return]


class GiftNet(UNet):
    """The basic network with :class:`Gift` between its blocks; parameters of the U-Net keep their names.

    The guide needs the bottleneck, so encoder maps are transformed after the encoder has run: they feed the skip
    connections and the decoder, and do not re-enter the encoder.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__(settings)
        self.gift = Gift(settings)

    def run(self, image: Tensor, mask: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """F'_e1..F'_e4, fine to coarse, and F'_d1..F'_d3, coarse to fine, of a padded image and mask."""
        encoder = self.encode(image, mask)
        guide = self.gift.guide(encoder[-1])
        encoder = tuple(self.gift(f"E{level}", x, mask, guide) for level, x in enumerate(encoder, start=1))
        decoder: list[Tensor] = []
        x = encoder[-1]
        for number, block in enumerate(self.decoder.up_blocks, start=1):
            x = self.gift(f"D{number}", block(x, encoder[-1 - number], mask), mask, guide)
            decoder.append(x)
        return encoder, tuple(decoder)

    def maps_of(self, image: Tensor, mask: Tensor, sites: tuple[str, ...]) -> tuple[Tensor, ...]:
        """Return the maps at `sites`, after GIFT; the whole network runs."""
        return self.forward_features(image, mask).maps(sites)


def build(settings: NetworkSettings) -> UNet:
    """Assemble the network that `settings` describe, freshly started from the global random state.

    Examples
    --------
    >>> from harmonize.models.settings import ISSAM
    >>> sum(p.numel() for p in build(ISSAM).parameters())
    2185340
    """
    return UNet(settings) if settings.model == "issam" else GiftNet(settings)


def _perceptron(in_channels: int, settings: NetworkSettings) -> nn.Sequential:
    """Three fully connected layers, each with its leaky ReLU: (B, in) → (B, mlp width)."""
    width, layers = settings.mlp_width, []
    for inputs in (in_channels, width, width):
        linear = nn.Linear(inputs, width)
        nn.init.kaiming_normal_(linear.weight, _SLOPE)  # keeps the variance through the leaky ReLU
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers)


def _head(width: int, channels: int) -> nn.Linear:
    """Last layer of a site: scales of exactly 1 until it has learned otherwise."""
    head = nn.Linear(width, channels)
    nn.init.zeros_(head.weight)
    nn.init.ones_(head.bias)
    return head
