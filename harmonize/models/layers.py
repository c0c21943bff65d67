"""The layers that the networks are assembled from.

-   :class:`ConvBlock`, :class:`DoubleConv`: 3×3 convolutions with ReLU, with or without batch norm.
-   :class:`ChannelAttention`, :class:`MaskBlur`, :class:`SpatialSeparatedAttention`: iSSAM's attention.
-   :class:`ModulatedConv`: a convolution whose input channels are scaled picture by picture (GIFT).
-   :func:`resize_mask`, :func:`blend`: only the foreground of a map changes; :func:`average`: means over a grid.

Attribute names (``block``, ``convs``, ``attention_transform``, …) are the keys of released iSSAM checkpoints.

References
----------
-   Sofiiuk, Popenova, Konushin: Foreground-aware semantic representations for image harmonization, WACV 2021 (iSSAM).
-   Cun, Pun: Improving the harmony of the composite image by spatial-separated attention module, TIP 2020.
-   Karras et al.: Analyzing and improving the image quality of StyleGAN, CVPR 2020 (modulation, demodulation).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """3×3 convolution, batch norm where asked for, ReLU: (B, in, H, W) → (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool, bias: bool = True) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias),
            nn.BatchNorm2d(out_channels) if norm else nn.Identity(),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x`."""
        return self.block(x)  # type: ignore[no-any-return]


class DoubleConv(nn.Module):
    """Two :class:`ConvBlock` in a row: (B, in, H, W) → (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(
            ConvBlock(in_channels, out_channels, norm=norm),
            ConvBlock(out_channels, out_channels, norm=norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` twice."""
        return self.block(x)  # type: ignore[no-any-return]


class ChannelAttention(nn.Module):
    """Scale each channel by a gate in (0, 1), read from the averages and the maxima of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 16, 8)
        self.attention_transform = nn.Sequential(
            nn.Linear(2 * channels, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, pooled: Tensor) -> Tensor:
        """Gate `x`, (B, C, H, W), by its `pooled` values, (B, 2C), see :func:`pool`."""
        gate: Tensor = self.attention_transform(pooled)[:, :, None, None]  # (B, C, 1, 1)
        return x * gate


def pool(x: Tensor) -> Tensor:
    """Average and maximum of each channel: (B, C, H, W) → (B, 2C)."""
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


class MaskBlur(nn.Module):
    """7×7 Gaussian with σ = 1 over the mask, zero outside the picture: (B, 1, H, W) → (B, 1, H, W).

    The kernel is a buffer that checkpoints carry. Released iSSAM weights hold a random one there: the original's
    Xavier start overwrote every tensor called ``weight``. The rest of such a network learned to live with it, so a
    loaded kernel is used as it is, and :func:`harmonize.models.unet.start` leaves a new one alone.
    """

    weight: Tensor

    def __init__(self, size: int = 7, sigma: float = 1.0) -> None:
        super().__init__()
        # On the CPU also where the network has no memory: see `harmonize.weights.foreign`.
        steps = torch.arange(size, dtype=torch.float32, device="cpu") - (size - 1) / 2
        line = torch.exp(-0.5 * (steps / sigma).square())
        kernel = torch.outer(line, line)
        self.register_buffer("weight", (kernel / kernel.sum())[None, None])  # (1, 1, 7, 7)

    def forward(self, mask: Tensor) -> Tensor:
        """Blur `mask`."""
        return F.conv2d(mask, self.weight, padding=self.weight.shape[-1] // 2)


class SpatialSeparatedAttention(nn.Module):
    """Treat foreground and background apart: m·(learned(foreground) + mix) + (1 − m)·background, m the blurred mask.

    It stands only in the finest decoder block, where map and mask have the same size; the original's bilinear
    resize of the mask is the identity there.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.background_gate = ChannelAttention(channels)
        self.foreground_gate = ChannelAttention(channels)
        self.mix_gate = ChannelAttention(channels)
        self.learning_block = nn.Sequential(
            ConvBlock(channels, channels // 2, norm=True, bias=False),
            ConvBlock(channels // 2, channels, norm=True, bias=False),
        )
        self.mask_blurring = MaskBlur()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend to `x`, (B, C, H, W), with `mask`, (B, 1, H, W) in [0, 1]."""
        pooled = pool(x)  # (B, 2C), the same for the three gates
        foreground = self.learning_block(self.foreground_gate(x, pooled)) + self.mix_gate(x, pooled)
        return blend(foreground, self.background_gate(x, pooled), self.mask_blurring(mask))


class ModulatedConv(nn.Module):
    """3×3 convolution, C → C, with weights of its own for each picture (equations 1 and 2 of the GiftNet paper).

    W' = W̄·s over the input channels, W'' = W' / √(Σ W'² + ε) for each output channel. Scaling the input by s and
    the output by the inverse root gives the same numbers as building W''.

    The base weights W̄ start from Xavier's normal (StyleGAN2's are random too). In short runs this was better than a
    start near the identity, three of three: docs/choices.md gives the numbers.
    """

    def __init__(self, channels: int, *, epsilon: float = 1e-8) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))  # output channel n first, then input m
        nn.init.xavier_normal_(self.weight)

    def forward(self, x: Tensor, scales: Tensor) -> Tensor:
        """Convolve `x`, (B, C, H, W), with the weights that `scales`, (B, C), modulate."""
        scales = at_least_float32(scales)  # squares of half precision would lose ε and may overflow
        energy = at_least_float32(self.weight).square().sum((2, 3))  # (C_out, C_in)
        demodulation = torch.rsqrt((scales.square()[:, None] * energy).sum(2) + self.epsilon)  # (B, C_out)
        scaled = x * scales.to(x.dtype)[:, :, None, None]  # (B, C, H, W)
        y = F.conv2d(scaled, self.weight, padding=1)
        return y * demodulation.to(y.dtype)[:, :, None, None]


def blend(foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    """m·foreground + (1 − m)·background, shapes (B, C, H, W), (B, C, H, W) and (B, 1, H, W)."""
    return torch.lerp(background, foreground.to(background.dtype), mask.to(background.dtype))


def at_least_float32(x: Tensor) -> Tensor:
    """Widen half precision to float32; float64 stays."""
    return x if x.dtype == torch.float64 else x.float()


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a mask to a map's resolution: the share of foreground under each pixel of the map.

    The paper does not say how. Area loses no thin part: iHarmony4's smallest foreground has 84 pixels, about one pixel
    of the bottleneck.

    Parameters
    ----------
    mask
        Foreground mask at the picture's resolution, (B, 1, H, W), in [0, 1].
    size
        Height and width of the map.

    Returns
    -------
    Tensor
        Mask of shape (B, 1, *size), in [0, 1].
    """
    if tuple(mask.shape[-2:]) == tuple(size):
        return mask
    return average(mask, size)


def average(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the means of maps (B, C, H, W) over the cells of a grid of that size, at most H x W: (B, C, *size).

    Adaptive pooling, written as plain pooling where sides are multiples: the same numbers, and ONNX has it.
    """
    rows, columns = x.shape[-2] // size[0], x.shape[-1] // size[1]
    if (x.shape[-2], x.shape[-1]) == (rows * size[0], columns * size[1]):
        return F.avg_pool2d(x, (int(rows), int(columns)))
    return F.adaptive_avg_pool2d(x, size)
