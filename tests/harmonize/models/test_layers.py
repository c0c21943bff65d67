import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from harmonize.models.layers import (
    ChannelAttention,
    ConvBlock,
    DoubleConv,
    MaskBlur,
    ModulatedConv,
    SpatialSeparatedAttention,
    blend,
    pool,
    resize_mask,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_a_block_is_a_convolution_then_a_norm_then_relu():
    x = torch.randn(2, 3, 6, 5)
    plain, normed = ConvBlock(3, 4, norm=False), ConvBlock(3, 4, norm=True, bias=False)
    convolved = F.conv2d(x, plain.block[0].weight, plain.block[0].bias, padding=1)
    assert torch.allclose(plain(x), convolved.clamp_min(0))
    without = F.conv2d(x, normed.block[0].weight, padding=1)
    without = (without - without.mean((0, 2, 3), keepdim=True)) / (
        without.var((0, 2, 3), keepdim=True, correction=0) + 1e-5
    ).sqrt()
    assert torch.allclose(normed(x), without.clamp_min(0), atol=1e-5)
    assert normed.block[0].bias is None


@pytest.mark.parametrize("norm", [False, True])
def test_a_double_block_is_two_blocks_in_a_row(norm):
    double, x = DoubleConv(3, 4, norm=norm).eval(), torch.randn(2, 3, 6, 5)
    first, second = double.block
    assert torch.equal(double(x), second(first(x)))
    assert [sum(p.numel() for p in block.parameters()) for block in (first, second)] == (
        [120, 156] if norm else [112, 148]  # 9 · in · 4 weights and 4 biases; the norm has 4 scales and 4 shifts
    )


def modulate_one_by_one(x, weight, scales, epsilon):
    """Equations 1 and 2 to the letter: each picture is convolved with weights of its own."""
    pictures = []
    for picture, scale in zip(x, scales, strict=True):
        modulated = weight * scale[None, :, None, None]
        modulated = modulated / torch.sqrt((modulated**2).sum(dim=(1, 2, 3), keepdim=True) + epsilon)
        pictures.append(F.conv2d(picture[None], modulated, padding=1))
    return torch.cat(pictures)


def test_modulated_convolution_is_equations_one_and_two():
    conv = ModulatedConv(6, epsilon=1e-3).double()
    x, scales = torch.randn(3, 6, 9, 7, dtype=torch.float64), torch.randn(3, 6, dtype=torch.float64)
    assert torch.allclose(conv(x, scales), modulate_one_by_one(x, conv.weight, scales, 1e-3))


def test_modulated_convolution_does_not_depend_on_the_size_of_the_scales():
    conv = ModulatedConv(4)
    x, scales = torch.randn(2, 4, 8, 8), torch.rand(2, 4) + 0.5
    assert torch.allclose(conv(x, scales), conv(x, 7 * scales), atol=1e-5)


def test_every_filter_of_a_modulated_convolution_has_norm_one():
    conv = ModulatedConv(5)
    impulse = torch.zeros(1, 5, 5, 5)
    energy = torch.zeros(5)
    for channel in range(5):
        impulse.zero_()[0, channel, 2, 2] = 1
        energy += conv(impulse, torch.tensor([[0.3, 2.0, 1.0, 5.0, 0.1]]))[0].square().sum((1, 2))
    assert energy.tolist() == pytest.approx([1.0] * 5, abs=1e-5)


def test_base_weights_start_from_xaviers_normal():
    weight = ModulatedConv(64).weight
    assert weight.shape == (64, 64, 3, 3)
    assert weight.std().item() == pytest.approx((2 / (2 * 64 * 9)) ** 0.5, rel=0.02)


def test_epsilon_of_the_paper_is_a_hundred_millionth():
    conv = ModulatedConv(4).double()
    x, scales = torch.randn(2, 4, 5, 5, dtype=torch.float64), torch.full((2, 4), 1e-4, dtype=torch.float64)
    assert torch.allclose(conv(x, scales), modulate_one_by_one(x, conv.weight, scales, 1e-8))


def test_scales_of_zero_give_zero_not_nan():
    conv, scales = ModulatedConv(4), torch.zeros(1, 4, requires_grad=True)
    y = conv(torch.randn(1, 4, 8, 8), scales)
    y.sum().backward()
    assert torch.equal(y, torch.zeros_like(y))
    assert torch.isfinite(scales.grad).all()


@pytest.mark.parametrize(("size", "sigma"), [(7, 1.0), (9, 2.0)])
def test_mask_blur_is_scipys_gaussian(size, sigma):
    mask = np.zeros((24, 20), np.float32)
    mask[5:15, 4:12] = 1
    expected = ndimage.gaussian_filter(mask, sigma=sigma, radius=size // 2, mode="constant")
    blurred = MaskBlur(size, sigma)(torch.from_numpy(mask)[None, None])[0, 0]
    assert np.abs(blurred.numpy() - expected).max() < 1e-6


def test_the_mask_is_blurred_over_seven_pixels_by_a_sigma_of_one():
    mask = torch.zeros(1, 1, 9, 9)
    mask[..., 4, 4] = 1
    row = [math.exp(-0.5 * step**2) for step in range(-3, 4)]
    expected = [0.0, *(value / sum(row) for value in row), 0.0]
    assert MaskBlur()(mask)[0, 0].sum(0).tolist() == pytest.approx(expected, abs=1e-6)


def test_channel_attention_gates_by_average_and_maximum():
    gate, x = ChannelAttention(4), torch.randn(2, 4, 5, 3)
    assert gate.attention_transform[0].weight.shape == (8, 8)  # (max(4 / 16, 8), 2 · 4)
    first, second = gate.attention_transform[0], gate.attention_transform[2]
    pooled = torch.cat([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)], dim=1).flatten(1)
    weights = torch.sigmoid(F.linear(F.relu(F.linear(pooled, first.weight, first.bias)), second.weight, second.bias))
    assert torch.allclose(gate(x, pool(x)), x * weights[..., None, None])


def test_a_gate_has_a_hidden_unit_for_sixteen_channels_and_eight_at_least():
    assert [ChannelAttention(channels).attention_transform[0].out_features for channels in (16, 160, 272)] == [
        8,
        10,
        17,
    ]


def test_attention_within_the_foreground_is_what_was_learned_and_the_mixture():
    attention = SpatialSeparatedAttention(16).eval()
    x, mask = torch.randn(1, 16, 20, 20), torch.ones(1, 1, 20, 20)
    learned = attention.learning_block(attention.foreground_gate(x, pool(x)))
    y = attention(x, mask)[..., 3:-3, 3:-3]  # zeros beyond the border reach three pixels
    assert torch.allclose(y, (learned + attention.mix_gate(x, pool(x)))[..., 3:-3, 3:-3], atol=1e-6)


def test_what_attention_learns_is_normed_and_has_no_biases_before_the_norm():
    layers = SpatialSeparatedAttention(16).learning_block
    assert [name for name, _ in layers.named_parameters()] == [
        f"{block}.block.{layer}" for block in (0, 1) for layer in ("0.weight", "1.weight", "1.bias")
    ]
    assert [block.block[0].out_channels for block in layers] == [8, 16]


def test_attention_far_from_the_foreground_is_the_background_gate():
    attention = SpatialSeparatedAttention(16).eval()
    x, mask = torch.randn(1, 16, 20, 20), torch.zeros(1, 1, 20, 20)
    mask[..., :5] = 1
    y, background = attention(x, mask), attention.background_gate(x, pool(x))
    assert torch.equal(y[..., 8:], background[..., 8:])  # the blur reaches three pixels
    assert not torch.allclose(y[..., :8], background[..., :8])


def test_blend_returns_its_ends_to_the_bit():
    foreground, background = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    assert torch.equal(blend(foreground, background, torch.zeros(1, 1, 4, 4)), background)
    assert torch.equal(blend(foreground, background, torch.ones(1, 1, 4, 4)), foreground)


def test_area_is_the_share_of_foreground_under_each_pixel():
    mask = torch.zeros(1, 1, 4, 8)
    mask[0, 0, 0, 0] = mask[0, 0, 1, 5] = mask[0, 0, 2:, 4:6] = 1
    assert resize_mask(mask, (2, 4)).tolist() == [[[[0.25, 0.0, 0.25, 0.0], [0.0, 0.0, 1.0, 0.0]]]]


def test_a_foreground_thinner_than_a_map_s_pixel_is_not_lost():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 3] = 1
    assert resize_mask(mask, (8, 8)).sum().item() == pytest.approx(math.ldexp(8, -3))


def test_mask_of_the_same_size_is_returned_as_it_is():
    mask = torch.rand(1, 1, 6, 6)
    assert resize_mask(mask, (6, 6)) is mask
