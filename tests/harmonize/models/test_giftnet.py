import pytest
import torch
from torch.nn import functional as F

from harmonize.models import giftnet
from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.models.unet import UNet
from harmonize.table3 import TABLE_3

SMALL = NetworkSettings(width=4, mlp_width=8, gift=("D1", "D2", "D3", "E"))


def small(**changes):
    """A small network with every site, whose weights are nothing at their start values."""
    torch.manual_seed(0)
    net = giftnet.build(NetworkSettings(**{**SMALL.to_dict(), "gift": SMALL.gift, **changes})).eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point() and (value.dim() == 1 or "heads" in name):
                value.add_(0.2 * torch.rand_like(value))
    return net


def pictures(batch=2, height=64, width=64):
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(batch, 3, height, width, generator=generator)
    mask = torch.zeros(batch, 1, height, width)
    mask[..., height // 4 : height // 2 + 3, width // 4 : width // 2 + 5] = 1
    return image, mask


@pytest.mark.parametrize(
    ("row", "parameters"),
    [(1, 2_185_340), (2, 2_400_156), (3, 2_453_468), (4, 2_633_820), (5, 3_360_188), (6, 2_194_588), (7, 2_342_812)],
)
def test_each_row_of_table_three_has_its_parameters(row, parameters):
    # D3 by hand: 3·(256·256 + 256) shared + (256·32 + 32) scales + 9·32·32 weights = 214,816 on top of 2,185,340.
    assert sum(p.numel() for p in giftnet.build(TABLE_3[row][0]).parameters()) == parameters


def test_names_of_the_unet_are_those_of_the_basic_network():
    ours = giftnet.build(SMALL).state_dict()
    basic = UNet(NetworkSettings(model="issam", gift=(), width=4)).state_dict()
    assert {name: value.shape for name, value in ours.items() if not name.startswith("gift.")} == {
        name: value.shape for name, value in basic.items()
    }


def test_the_basic_network_is_built_for_row_one():
    assert type(giftnet.build(ISSAM)) is UNet


@pytest.mark.parametrize("guidance", ["global", "none", "self"])
def test_scales_start_at_exactly_one(guidance):
    net = giftnet.build(NetworkSettings(width=4, guidance=guidance))
    maps = {"E1": torch.randn(2, 4, 8, 8), "E4": torch.randn(2, 32, 8, 8), "D2": torch.randn(2, 8, 8, 8)}
    guide = net.gift.guide(torch.randn(2, 32, 8, 8))
    for site, x in maps.items():
        assert torch.equal(net.gift.predict(site, x, guide), torch.ones(2, x.shape[1]))


@torch.no_grad()
def test_gift_is_the_modulated_convolution_of_the_paper_on_the_foreground_alone():
    net, (_, mask) = small(), pictures()
    bottleneck, x = torch.randn(2, 32, 8, 8), torch.randn(2, 16, 16, 16)
    code = bottleneck.mean((2, 3))
    for layer in (0, 2, 4):
        code = F.leaky_relu(F.linear(code, net.gift.mlp[layer].weight, net.gift.mlp[layer].bias), 0.2)
    scales = F.linear(code, net.gift.heads["E3"].weight, net.gift.heads["E3"].bias)
    assert (scales - 1).abs().max() > 0.1
    m = F.avg_pool2d(mask, 4)
    expected = []
    for picture, scale in zip(x, scales, strict=True):
        weight = net.gift.convs["E3"].weight * scale[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected.append(F.conv2d(picture[None], weight, padding=1))
    expected = m * torch.cat(expected) + (1 - m) * x
    assert torch.allclose(net.gift("E3", x, mask, net.gift.guide(bottleneck)), expected, atol=1e-5)


@torch.no_grad()
def test_encoder_maps_are_transformed_after_the_encoder_has_run():
    net, (image, mask) = small(), pictures()
    raw = net.encoder(torch.cat([image, mask], 1))
    features = net.forward_features(image, mask)
    for before, after in zip(raw, features.encoder, strict=True):
        inside = F.avg_pool2d(mask, mask.shape[-1] // after.shape[-1])[:, 0] > 0
        changed = (before - after).abs().amax(1) > 0
        assert torch.equal(changed, inside)


@torch.no_grad()
def test_without_foreground_it_is_the_basic_network():
    net, (image, mask) = small(), pictures()
    basic = UNet(NetworkSettings(model="issam", gift=(), width=4)).eval()
    basic.load_state_dict({name: value for name, value in net.state_dict().items() if not name.startswith("gift.")})
    assert torch.equal(net(image, 0 * mask), basic(image, 0 * mask))
    assert not torch.allclose(net(image, mask), basic(image, mask))


@torch.no_grad()
@pytest.mark.parametrize(("guidance", "moves"), [("global", True), ("none", False), ("self", True)])
def test_only_guided_scales_follow_the_picture(guidance, moves):
    net = small(guidance=guidance)
    first, second = torch.randn(1, 4, 32, 32), torch.randn(1, 4, 32, 32)
    guides = [net.gift.guide(torch.randn(1, 32, 4, 4)) for _ in range(2)]
    scales = [net.gift.predict("D3", x, guide) for x, guide in zip((first, second), guides, strict=True)]
    assert torch.equal(*scales) is not moves


@torch.no_grad()
def test_global_guidance_reads_the_bottleneck_and_self_guidance_the_map():
    x, other = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    by_bottleneck, by_map = small(), small(guidance="self")
    guide = by_bottleneck.gift.guide(torch.randn(1, 32, 4, 4))
    assert torch.equal(by_bottleneck.gift.predict("D3", x, guide), by_bottleneck.gift.predict("D3", other, guide))
    assert by_map.gift.guide(torch.randn(1, 32, 4, 4)) is None
    assert not torch.equal(by_map.gift.predict("D3", x, None), by_map.gift.predict("D3", other, None))


@torch.no_grad()
def test_sites_that_are_not_chosen_stay_as_they_are():
    net, (image, mask) = small(gift=("D2",)), pictures()
    features = net.forward_features(image, mask)
    assert list(net.gift.convs) == ["D2"]
    for before, after in zip(net.encode(image, mask), features.encoder, strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("guidance", ["global", "none", "self"])
def test_empty_and_full_masks_give_finite_images_and_gradients(share, guidance):
    net = small(guidance=guidance).train()
    image, mask = pictures()
    output = net(image, torch.full_like(mask, share))
    output.square().mean().backward()
    assert torch.isfinite(output).all()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_every_parameter_learns():
    net = small().train()
    net(*pictures()).square().mean().backward()
    # A bias before batch norm has no effect; every other gradient is there and not zero.
    idle = [n for n, p in net.named_parameters() if p.grad is None or (not p.grad.any() and not n.endswith("0.bias"))]
    assert idle == []


@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other():
    net, (image, mask) = small(), pictures(3, 40, 56)
    mask[1], mask[2] = 0, 1
    together = net(image, mask)
    for number in range(3):
        alone = net(image[number : number + 1], mask[number : number + 1])
        assert torch.allclose(together[number : number + 1], alone, atol=1e-5)


@torch.no_grad()
def test_channels_last_gives_the_same_image():
    net, (image, mask) = small(), pictures()
    expected = net(image, mask)
    output = net.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last), mask)
    assert torch.allclose(output, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_stays_close_and_finite(dtype):
    net, (image, mask) = small(), pictures()
    with torch.no_grad():
        expected = net(image, mask)
    with torch.autocast("cpu", dtype=dtype):
        output = net(image, mask)
    output.float().mean().backward()
    relative = (output.float() - expected).abs().mean() / expected.abs().mean()
    assert relative < 0.05
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("settings", [SMALL, NetworkSettings(width=4, guidance="self"), ISSAM])
def test_the_whole_forward_pass_is_one_graph(settings):
    torch._dynamo.reset()
    net = giftnet.build(NetworkSettings(**{**settings.to_dict(), "gift": settings.gift, "width": 4})).eval()
    image, mask = pictures(1, 32, 50)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    with torch.no_grad():
        assert torch.allclose(compiled(image, mask), net(image, mask), atol=1e-6)


def test_the_same_seed_gives_the_same_network():
    first, second = small(), small()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@torch.no_grad()
def test_epsilon_changes_the_image_but_not_the_weights():
    usual, other, (image, mask) = small(), small(epsilon=1.0), pictures()
    assert all(torch.equal(a, b) for a, b in zip(usual.parameters(), other.parameters(), strict=True))
    assert not torch.allclose(usual(image, mask), other(image, mask), atol=1e-5)
