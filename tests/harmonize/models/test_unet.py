import pytest
import torch
from torch.nn import functional as F

from harmonize.models.network import Features
from harmonize.models.settings import NetworkSettings
from harmonize.models.unet import UNet

# Every tensor of a released iSSAM checkpoint: a layer, its kind, channels in and out. ``conv`` has weight and bias,
# ``plain`` a weight only, ``norm`` the five tensors of batch norm.
LAYERS = """
encoder.block0.convs.block.0.block.0 conv3 4 32
encoder.block0.convs.block.1.block.0 conv3 32 32
encoder.block1.convs.block.0.block.0 conv3 32 64
encoder.block1.convs.block.1.block.0 conv3 64 64
encoder.blocks_connected.block2.convs.block.0.block.0 conv3 64 128
encoder.blocks_connected.block2.convs.block.0.block.1 norm 128 128
encoder.blocks_connected.block2.convs.block.1.block.0 conv3 128 128
encoder.blocks_connected.block2.convs.block.1.block.1 norm 128 128
encoder.blocks_connected.block3.convs.block.0.block.0 conv3 128 256
encoder.blocks_connected.block3.convs.block.0.block.1 norm 256 256
encoder.blocks_connected.block3.convs.block.1.block.0 conv3 256 256
encoder.blocks_connected.block3.convs.block.1.block.1 norm 256 256
decoder.up_blocks.0.upconv.1.block.0 conv3 256 128
decoder.up_blocks.0.convs.block.0.block.0 conv3 256 128
decoder.up_blocks.0.convs.block.0.block.1 norm 128 128
decoder.up_blocks.0.convs.block.1.block.0 conv3 128 128
decoder.up_blocks.0.convs.block.1.block.1 norm 128 128
decoder.up_blocks.1.upconv.1.block.0 conv3 128 64
decoder.up_blocks.1.convs.block.0.block.0 conv3 128 64
decoder.up_blocks.1.convs.block.0.block.1 norm 64 64
decoder.up_blocks.1.convs.block.1.block.0 conv3 64 64
decoder.up_blocks.1.convs.block.1.block.1 norm 64 64
decoder.up_blocks.2.upconv.1.block.0 conv3 64 32
decoder.up_blocks.2.convs.block.0.block.0 conv3 64 32
decoder.up_blocks.2.convs.block.0.block.1 norm 32 32
decoder.up_blocks.2.convs.block.1.block.0 conv3 32 32
decoder.up_blocks.2.convs.block.1.block.1 norm 32 32
decoder.up_blocks.2.attention.background_gate.attention_transform.0 linear 128 8
decoder.up_blocks.2.attention.background_gate.attention_transform.2 linear 8 64
decoder.up_blocks.2.attention.foreground_gate.attention_transform.0 linear 128 8
decoder.up_blocks.2.attention.foreground_gate.attention_transform.2 linear 8 64
decoder.up_blocks.2.attention.mix_gate.attention_transform.0 linear 128 8
decoder.up_blocks.2.attention.mix_gate.attention_transform.2 linear 8 64
decoder.up_blocks.2.attention.learning_block.0.block.0 plain3 64 32
decoder.up_blocks.2.attention.learning_block.0.block.1 norm 32 32
decoder.up_blocks.2.attention.learning_block.1.block.0 plain3 32 64
decoder.up_blocks.2.attention.learning_block.1.block.1 norm 64 64
decoder.up_blocks.2.attention.mask_blurring plain7 1 1
decoder.conv_attention conv1 32 1
decoder.to_rgb conv1 32 3
"""
NORM = ("weight", "bias", "running_mean", "running_var")


def released_shapes():
    """Names and shapes of a released checkpoint, from the table above."""
    shapes = {}
    for layer, kind, inputs, outputs in (line.split() for line in LAYERS.split("\n") if line):
        n_in, n_out = int(inputs), int(outputs)
        if kind == "norm":
            shapes |= {f"{layer}.{name}": (n_out,) for name in NORM} | {f"{layer}.num_batches_tracked": ()}
            continue
        side = (int(kind[-1]),) * 2 if kind != "linear" else ()
        shapes[f"{layer}.weight"] = (n_out, n_in, *side)
        if not kind.startswith("plain"):
            shapes[f"{layer}.bias"] = (n_out,)
    return shapes


def random_weights(shapes, seed=0):
    """Weights as training might leave them: nothing at its start value."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        fan = max(1, int(torch.tensor(shape[1:]).prod()) if len(shape) > 1 else 1)
        weights[name] = torch.randn(shape, generator=generator) / fan**0.5
        if name.endswith("running_var"):
            weights[name] = torch.rand(shape, generator=generator) + 0.5
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(100)
    return weights


def restate_issam(w, image, mask):
    """iSSAM's forward pass from its description alone, with functions only, for sizes that are multiples of 32."""

    def conv(x, name, norm):
        x = F.conv2d(x, w[f"{name}.0.weight"], w.get(f"{name}.0.bias"), padding=1)
        if norm:
            weight, bias, mean, variance = (w[f"{name}.1.{part}"][:, None, None] for part in NORM)
            x = (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias
        return F.relu(x)

    def twice(x, name, norm):
        return conv(conv(x, f"{name}.convs.block.0.block", norm), f"{name}.convs.block.1.block", norm)

    def gate(x, name):
        pooled = torch.cat([x.flatten(2).mean(2), x.flatten(2).max(2).values], dim=1)
        name = f"decoder.up_blocks.2.attention.{name}.attention_transform"
        hidden = F.relu(pooled @ w[f"{name}.0.weight"].T + w[f"{name}.0.bias"])
        return x * torch.sigmoid(hidden @ w[f"{name}.2.weight"].T + w[f"{name}.2.bias"])[:, :, None, None]

    e1 = twice(torch.cat([image, mask], 1), "encoder.block0", norm=False)
    e2 = twice(F.max_pool2d(e1, 2), "encoder.block1", norm=False)
    e3 = twice(F.max_pool2d(e2, 2), "encoder.blocks_connected.block2", norm=True)
    x = twice(F.max_pool2d(e3, 2), "encoder.blocks_connected.block3", norm=True)
    for number, skip in enumerate((e3, e2, e1)):
        name = f"decoder.up_blocks.{number}"
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = torch.cat([skip, conv(x, f"{name}.upconv.1.block", norm=False)], 1)
        if number == 2:
            learned = conv(gate(x, "foreground_gate"), f"{name}.attention.learning_block.0.block", norm=True)
            learned = conv(learned, f"{name}.attention.learning_block.1.block", norm=True)
            blurred = F.conv2d(mask, w[f"{name}.attention.mask_blurring.weight"], padding=3)
            x = blurred * (learned + gate(x, "mix_gate")) + (1 - blurred) * gate(x, "background_gate")
        x = twice(x, name, norm=True)
    a = torch.sigmoid(3 * F.conv2d(x, w["decoder.conv_attention.weight"], w["decoder.conv_attention.bias"]))
    return a * image + (1 - a) * F.conv2d(x, w["decoder.to_rgb.weight"], w["decoder.to_rgb.bias"])


@pytest.fixture(scope="module")
def net():
    net = UNet().eval()
    net.load_state_dict(random_weights(released_shapes()))
    return net


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, 64, 96, generator=generator)
    return image, (torch.rand(2, 1, 64, 96, generator=generator) > 0.7).float()


def test_names_and_shapes_are_those_of_a_released_checkpoint():
    assert {name: tuple(value.shape) for name, value in UNet().state_dict().items()} == released_shapes()


def test_the_network_has_2185340_parameters():
    assert sum(parameter.numel() for parameter in UNet().parameters()) == 2_185_340


@torch.no_grad()
def test_forward_agrees_with_a_restatement_of_issam(net, pair):
    weights = {name: value.double() for name, value in random_weights(released_shapes()).items()}
    expected = restate_issam(weights, *(part.double() for part in pair))
    assert expected.std() > 0.1
    assert (net(*pair) - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.no_grad()
def test_a_loaded_blur_kernel_is_used_as_it_is(pair):
    weights = random_weights(released_shapes())
    name = "decoder.up_blocks.2.attention.mask_blurring.weight"
    net, other = UNet().eval(), UNet().eval()
    net.load_state_dict(weights)
    other.load_state_dict(weights | {name: UNet().state_dict()[name]})
    assert torch.equal(net.state_dict()[name], weights[name])
    assert not torch.allclose(net(*pair), other(*pair))


def test_the_start_is_xavier_normal_and_leaves_the_gaussian_alone():
    weights = UNet().state_dict()
    blur = weights["decoder.up_blocks.2.attention.mask_blurring.weight"][0, 0]
    assert blur[3, 3].item() == pytest.approx(0.159241, abs=1e-5)  # of a 7×7 Gaussian with σ = 1 and sum 1
    assert blur.sum().item() == pytest.approx(1)
    deep = weights["encoder.blocks_connected.block3.convs.block.1.block.0.weight"]
    assert deep.std().item() == pytest.approx((2 / (2 * 256 * 9)) ** 0.5, rel=0.01)
    biases = {name: value for name, value in weights.items() if name.endswith(".bias")}
    assert len(biases) == 37
    assert not [name for name, value in biases.items() if value.any()]


def test_the_blur_is_no_parameter():
    assert not [name for name, _ in UNet().named_parameters() if "mask_blurring" in name]


@torch.no_grad()
def test_other_sizes_are_padded_with_black_to_a_multiple_of_32_and_cropped_back(net):
    rgb, mask = torch.rand(1, 3, 50, 70), torch.ones(1, 1, 50, 70)
    framed, framed_mask = torch.zeros(1, 3, 64, 96), torch.zeros(1, 1, 64, 96)
    framed[..., 7:57, 13:83], framed_mask[..., 7:57, 13:83] = rgb, mask  # the odd pixel goes below and right
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    output = net((rgb - mean) / std, mask)
    assert output.shape == (1, 3, 50, 70)
    expected = net((framed - mean) / std, framed_mask)[..., 7:57, 13:83]
    assert torch.allclose(output, expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 64)])
def test_any_size_comes_back_as_it_went_in(size):
    net = UNet(NetworkSettings(model="issam", gift=(), width=4)).eval()
    assert net(torch.randn(1, 3, *size), torch.ones(1, 1, *size)).shape == (1, 3, *size)


@torch.no_grad()
def test_features_are_the_maps_of_the_pass_that_made_the_image(net, pair):
    features = net.forward_features(*pair)
    assert isinstance(features, Features)
    assert torch.equal(features.image, net(*pair))
    shapes = [tuple(m.shape[1:]) for m in (*features.encoder, *features.decoder)]
    assert shapes == [
        (32, 64, 96), (64, 32, 48), (128, 16, 24), (256, 8, 12),
        (128, 16, 24), (64, 32, 48), (32, 64, 96),
    ]  # fmt: skip
    assert [tuple(m.shape[1:]) for m in features.maps(("E", "D3"))] == [*shapes[:4], shapes[6]]
    assert torch.equal(net.decoder.to_image(features.decoder[-1], pair[0]), features.image)
