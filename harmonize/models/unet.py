"""The basic network, iSSAM: a U-Net with attention in its last block, 2,185,340 parameters at width 32.

-   :class:`Encoder`, :class:`Decoder`, :class:`UNet`: block by block the original, with its checkpoint keys.
-   :func:`start`: the original's Xavier-normal start, without its slip.
-   :func:`pad`: to a multiple of 32, as the original does for other sizes.

References
----------
Sofiiuk, Popenova, Konushin: Foreground-aware semantic representations for image harmonization, WACV 2021.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmonize.models.layers import ConvBlock, DoubleConv, SpatialSeparatedAttention
from harmonize.models.network import Features, Network
from harmonize.models.normalization import MEAN, STD
from harmonize.models.settings import ISSAM, MULTIPLE, NetworkSettings


class DownBlock(nn.Module):
    """Double convolution; the pooling between blocks is the encoder's."""

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool) -> None:
        super().__init__()
        self.convs = DoubleConv(in_channels, out_channels, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H, W)."""
        return self.convs(x)  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Four blocks at 1, 1/2, 1/4 and 1/8 of the size; batch norm in the two coarse ones only."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.block0 = DownBlock(4, first, norm=False)
        self.block1 = DownBlock(first, second, norm=False)
        self.blocks_connected = nn.ModuleDict(
            {"block2": DownBlock(second, third, norm=True), "block3": DownBlock(third, fourth, norm=True)}
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Image and mask, (B, 4, H, W), to F_e1..F_e4."""
        maps = [self.block0(x)]
        for block in (self.block1, *self.blocks_connected.values()):
            maps.append(block(F.max_pool2d(maps[-1], 2)))
        return tuple(maps)


class UpBlock(nn.Module):
    """Double the size, join the encoder's map of that size, convolve twice; attention between where asked for."""

    def __init__(self, in_channels: int, out_channels: int, *, attend: bool) -> None:
        super().__init__()
        self.upconv = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            ConvBlock(in_channels, out_channels, norm=False),
        )
        self.convs = DoubleConv(2 * out_channels, out_channels, norm=True)
        self.attention = SpatialSeparatedAttention(2 * out_channels) if attend else None

    def forward(self, x: Tensor, skip: Tensor, mask: Tensor) -> Tensor:
        """(B, in, H/2, W/2), skip (B, out, H, W) and the mask to (B, out, H, W)."""
        x = torch.cat([skip, self.upconv(x)], dim=1)  # (B, 2·out, H, W)
        if self.attention is not None:
            x = self.attention(x, mask)
        return self.convs(x)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Three :class:`UpBlock`, then the image: a·input + (1 − a)·RGB with a = σ(3·conv(F_d3)), normalized units."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.up_blocks = nn.ModuleList(
            [
                UpBlock(fourth, third, attend=False),
                UpBlock(third, second, attend=False),
                UpBlock(second, first, attend=True),
            ]
        )
        self.conv_attention = nn.Conv2d(first, 1, 1)
        self.to_rgb = nn.Conv2d(first, 3, 1)

    def to_image(self, x: Tensor, image: Tensor) -> Tensor:
        """F_d3 and the input image to the output image, (B, 3, H, W). No mask: the background moves too."""
        keep: Tensor = torch.sigmoid(3.0 * self.conv_attention(x))  # (B, 1, H, W)
        rgb: Tensor = self.to_rgb(x)
        return keep * image + (1.0 - keep) * rgb


class UNet(Network):
    """iSSAM; also the reconstruction branch, and the body of :class:`harmonize.models.giftnet.GiftNet`.

    Parameters
    ----------
    settings
        Only the width matters here.
    """

    def __init__(self, settings: NetworkSettings = ISSAM) -> None:
        super().__init__()
        # 773 and 859 bytes a pixel at width 16, 1,603 at 32; 1,072 at 16 where the command keeps freed memory.
        self.bytes_a_pixel = 48 + 64 * settings.width
        self.encoder = Encoder(settings.widths)
        self.decoder = Decoder(settings.widths)
        start(self)

    def forward(self, image: Tensor, mask: Tensor, *, features: bool = False) -> Tensor | Features:
        """Harmonize.

        Parameters
        ----------
        image
            Composite, ImageNet-normalized, shape (B, 3, H, W), any size.
        mask
            Foreground, shape (B, 1, H, W), in [0, 1]; empty and full masks are fine.
        features
            Also return the maps. An argument rather than another method, so that a wrapper for distributed
            training, which only sees calls, keeps its gradients in step.

        Returns
        -------
        Tensor or Features
            Harmonized image, normalized, shape (B, 3, H, W), not clipped; with `features` also the maps.
        """
        height, width = image.shape[-2:]
        padded, padded_mask, (top, left) = pad(image, mask)
        encoder, decoder = self.run(padded, padded_mask)
        output = self.decoder.to_image(decoder[-1], padded)[..., top : top + height, left : left + width]
        return Features(output, padded_mask, encoder, decoder) if features else output

    def encode(self, image: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Make F_e1..F_e4, fine to coarse, from a padded image and mask."""
        return cast(tuple[Tensor, ...], self.encoder(torch.cat([image, mask], dim=1)))

    def run(self, image: Tensor, mask: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Make encoder maps, fine to coarse, and decoder maps, coarse to fine, from a padded image and mask."""
        encoder = self.encode(image, mask)
        decoder: list[Tensor] = []
        x = encoder[-1]
        for block, skip in zip(self.decoder.up_blocks, reversed(encoder[:-1]), strict=True):
            x = block(x, skip, mask)
            decoder.append(x)
        return encoder, tuple(decoder)

    def forward_features(self, image: Tensor, mask: Tensor) -> Features:
        """Return ``self(image, mask, features=True)``: image (B, 3, H, W), mask and maps of the padded size."""
        return cast(Features, self(image, mask, features=True))

    def maps_of(self, image: Tensor, mask: Tensor, sites: tuple[str, ...]) -> tuple[Tensor, ...]:
        """Return the maps at `sites`; for the encoder's alone the decoder does not run: 6.8 of 29.8 GFLOP remain."""
        if set(sites) == {"E"}:
            padded, padded_mask, _ = pad(image, mask)
            return self.encode(padded, padded_mask)
        return super().maps_of(image, mask, sites)


def start(net: nn.Module) -> None:
    """Sample every convolution and linear weight from Xavier's normal distribution, biases zero, in place.

    Batch norm keeps 1 and 0. By layer type, not by the name ``weight`` as the original did: that overwrote the
    Gaussian of :class:`harmonize.models.layers.MaskBlur` with noise.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def pad(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Surround with black background to the next multiple of 32, the larger half below and right.

    Black is a zero before normalization, as in the original, which pads the 8-bit picture.

    Returns
    -------
    tuple
        Padded normalized image, padded mask, and (rows above, columns left) that were added.
    """
    rows, columns = -image.shape[-2] % MULTIPLE, -image.shape[-1] % MULTIPLE
    top, left = rows // 2, columns // 2
    if rows == 0 and columns == 0:
        return image, mask, (0, 0)
    sides = (left, columns - left, top, rows - top)
    black = -image.new_tensor(MEAN) / image.new_tensor(STD)  # (3,)
    outside = 1 - F.pad(torch.ones_like(image[:1, :1]), sides)  # (1, 1, H', W')
    return F.pad(image, sides) + outside * black[:, None, None], F.pad(mask, sides), (top, left)
