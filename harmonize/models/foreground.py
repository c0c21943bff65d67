"""What a U-Net or GiftNet makes of a picture, or of its foreground alone, in less time; for inference on a CPU.

The numbers are the network's own up to rounding. There is less to compute:

-   What only the foreground sees is computed in its box: GIFT, and where the background is not wanted also all that
    follows the last block's gates.
-   Batch norm, gates and GIFT's scales are multiplied into the weights, which are smaller than the maps.

On one thread of a CPU a picture of 256x256 whose box is two fifths of it takes 0.7 of the time, with its background
0.85. The weights are prepared anew for each picture, in a hundredth of its time, so that training may go on between
two.

Contents: :func:`ask`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmonize.models.box import Box, box_around
from harmonize.models.giftnet import GiftNet
from harmonize.models.layers import ConvBlock, DoubleConv, ModulatedConv, resize_mask
from harmonize.models.unet import Encoder, UNet, UpBlock, pad
from harmonize.models.views import TwoViews, ask_twice

_MARGIN = 2
"""Pixels around the foreground that are right, too: a color map (`harmonize.inference.color_map`) sees one."""

_CELL = 8
"""Pixels of the picture in one of the coarsest map."""

_REACH = 4
"""Pixels that a pixel sees around it through the convolutions after the last gates. GIFT's would be the fifth, but it
changes the foreground alone, which ends before its box."""


def ask(net: nn.Module, image: Tensor, mask: Tensor, *, background: bool = True) -> Tensor:
    """Harmonize pictures.

    Parameters
    ----------
    net
        A network in evaluation mode. For a U-Net or GiftNet on a CPU less is computed; any other is called.
    image, mask
        As of a call of :class:`harmonize.models.network.Network`.
    background
        Whether the background is wanted.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W), normalized, not clipped. Without the background they are the network's where the mask is
        above 0 and two pixels around; elsewhere they may be the composite.
    """
    if type(net) is TwoViews:
        return ask_twice(partial(ask, net.net, background=background), image, mask)
    if image.device.type != "cpu" or not _is_known(net):
        return cast(Tensor, net(image, mask))
    pictures = zip(image[:, None], mask[:, None], strict=True)
    return torch.cat([_harmonize(cast(UNet, net), *picture, background) for picture in pictures])


def _is_known(net: nn.Module) -> bool:
    """Return whether a network is what is computed below; GIFT that is guided by each map needs all of it."""
    return not net.training and (type(net) is UNet or (type(net) is GiftNet and net.gift.settings.guidance != "self"))


def _harmonize(net: UNet, image: Tensor, mask: Tensor, background: bool) -> Tensor:
    """Harmonize one picture (1, 3, H, W)."""
    height, width = image.shape[-2:]
    image, mask, (top, left) = pad(image, mask)
    whole = Box(slice(0, image.shape[-2]), slice(0, image.shape[-1]))
    inside = box_around(mask, _MARGIN, _CELL)
    wanted = whole if background else inside
    result = image.clone()
    if wanted is not None:
        wanted.of(result).copy_(_render(net, image, mask, inside, wanted))
    return result[..., top : top + height, left : left + width]


def _render(net: UNet, image: Tensor, mask: Tensor, inside: Box | None, wanted: Box) -> Tensor:
    """Return the wanted part of a padded picture whose foreground is inside a box."""
    encoder = _encode(net.encoder, torch.cat([image, mask], dim=1))
    gift = _Gift(net, encoder[-1], mask, inside)
    for level, x in enumerate(encoder, start=1):
        gift.transform(f"E{level}", x)
    *coarse, finest = cast(list[UpBlock], net.decoder.up_blocks)
    x = encoder.pop()
    for number, block in enumerate(coarse, start=1):
        x = _convolve_twice(block.convs, torch.cat([encoder.pop(), _enlarge(block, x)], dim=1))
        gift.transform(f"D{number}", x)
    outer, inner = wanted.widened(_REACH, mask)
    x = _convolve_twice(finest.convs, _attend(finest, encoder.pop(), _enlarge(finest, x), mask, outer))
    gift.transform("D3", x, outer)
    return net.decoder.to_image(inner.of(x), wanted.of(image))


class _Gift:
    """GIFT of one picture; nothing where the network has none, or the picture no foreground."""

    def __init__(self, net: UNet, bottleneck: Tensor, mask: Tensor, inside: Box | None) -> None:
        self._gift = net.gift if isinstance(net, GiftNet) else None
        self._guide = None if self._gift is None else self._gift.guide(bottleneck)
        self._mask, self._inside = mask, inside

    def transform(self, site: str, x: Tensor, part: Box | None = None) -> None:
        """Change the foreground of a map (1, C, h, w) in place; of the finest one, `part` may be all that is there."""
        if self._gift is None or self._inside is None or site not in self._gift.convs:
            return
        box = self._inside.shrunk(self._mask.shape[-1] // x.shape[-1]) if part is None else self._inside.within(part)
        conv = cast(ModulatedConv, self._gift.convs[site])
        weight = conv.weight * self._gift.predict(site, x, self._guide)[0, :, None, None]  # (C, C, 3, 3)
        weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + conv.epsilon)
        inside = box.of(x)
        changed = box.computed(partial(F.conv2d, weight=weight, padding=1), x, margin=1)
        share = resize_mask(self._inside.of(self._mask), (inside.shape[-2], inside.shape[-1]))
        inside.lerp_(changed, share)


def _encode(encoder: Encoder, x: Tensor) -> list[Tensor]:
    """Make F_e1..F_e4 of image and mask, (1, 4, H, W)."""
    maps: list[Tensor] = []
    for block in (encoder.block0, encoder.block1, *encoder.blocks_connected.values()):
        x = F.max_pool2d(maps[-1], 2) if maps else x
        maps.append(_convolve_twice(cast(DoubleConv, block.convs), x))
    return maps


def _enlarge(block: UpBlock, x: Tensor) -> Tensor:
    """Double the size and halve the channels."""
    enlarge, conv = block.upconv
    return _convolve(cast(ConvBlock, conv), enlarge(x))


def _attend(block: UpBlock, skip: Tensor, enlarged: Tensor, mask: Tensor, part: Box) -> Tensor:
    """Return a part of what `SpatialSeparatedAttention` makes of two maps (1, C, H, W): (1, 2C, h, w)."""
    attention = block.attention
    assert attention is not None
    both = skip, enlarged
    pooled = torch.cat([*(_reduce(x, torch.mean) for x in both), *(_reduce(x, torch.amax) for x in both)])
    gates = attention.foreground_gate, attention.mix_gate, attention.background_gate
    seen, mixed, kept = (gate.attention_transform(pooled)[:, None, None] for gate in gates)
    x = torch.cat([part.of(skip), part.of(enlarged)], dim=1)
    first, second = cast(list[ConvBlock], attention.learning_block)
    # m·(learned + mixed·x) + (1 − m)·kept·x, with a pass less
    learned = _convolve(second, _convolve(first, x, seen)).addcmul_(x, mixed - kept)
    blurred = part.computed(attention.mask_blurring, mask, attention.mask_blurring.weight.shape[-1] // 2)
    return torch.addcmul(x * kept, learned, blurred)


def _reduce(x: Tensor, reduce: Callable[..., Tensor]) -> Tensor:
    """Reduce a map (1, C, H, W) to (C,), first down its columns: in a tenth of the time where channels are few."""
    rows = x[0].permute(1, 2, 0)  # (H, W, C)
    return reduce(reduce(rows, 0), 0)


def _convolve_twice(block: DoubleConv, x: Tensor) -> Tensor:
    """Run two blocks."""
    for conv in cast(list[ConvBlock], block.block):
        x = _convolve(conv, x)
    return x


def _convolve(block: ConvBlock, x: Tensor, gate: Tensor | None = None) -> Tensor:
    """Run a block on a map whose channels are scaled by a gate (C, 1, 1)."""
    conv, norm, _ = cast(tuple[nn.Conv2d, nn.Module, nn.ReLU], block.block)
    weight, bias = conv.weight, conv.bias
    if isinstance(norm, nn.BatchNorm2d):
        scale = norm.weight * torch.rsqrt(cast(Tensor, norm.running_var) + norm.eps)  # (C_out,)
        mean = cast(Tensor, norm.running_mean)
        weight = weight * scale[:, None, None, None]
        bias = norm.bias + scale * ((0 if bias is None else bias) - mean)
    weight = weight if gate is None else weight * gate
    return F.conv2d(x, weight, bias, padding=1).relu_()
