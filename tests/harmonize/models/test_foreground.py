import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from harmonize.models import foreground, giftnet
from harmonize.models.box import Box, box_around
from harmonize.models.settings import NetworkSettings
from harmonize.models.views import TwoViews

EVERYWHERE = NetworkSettings(width=4, mlp_width=8, gift=("D1", "D2", "D3", "E"))
NETWORKS = {
    "every site": EVERYWHERE,
    "the default's sites": NetworkSettings(width=4, mlp_width=8),
    "fixed scales": NetworkSettings(width=4, mlp_width=8, guidance="none"),
    "guided by each map": NetworkSettings(width=4, mlp_width=8, guidance="self"),
    "no GIFT": NetworkSettings(model="issam", gift=(), width=4),
}
MASKS = {
    "inside": (slice(30, 51), slice(17, 40)),
    "at a corner": (slice(0, 9), slice(90, 96)),
    "at the other": (slice(60, 64), slice(0, 3)),
    "as large as its box": (slice(26, 54), slice(10, 46)),
    "one pixel": (slice(8, 9), slice(8, 9)),
    "everything": (slice(None), slice(None)),
    "nothing": (slice(0), slice(0)),
}


def trained(settings):
    """A network none of whose biases, means, variances or scales is at its start value."""
    torch.manual_seed(0)
    net = giftnet.build(settings).eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point() and (value.dim() == 1 or "heads" in name):
                value.add_(0.2 * torch.rand_like(value))
    return net


def pictures(mask, height=64, width=96):
    image = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(1))
    share = torch.zeros(1, 1, height, width)
    share[..., mask[0], mask[1]] = 1
    share[..., mask[0], mask[1]][..., :1] *= 0.25  # a soft edge
    return image, share


@pytest.fixture(params=NETWORKS)
def net(request):
    return trained(NETWORKS[request.param])


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@torch.inference_mode()
def test_the_picture_is_the_networks(net, mask):
    image, share = pictures(mask)
    torch.testing.assert_close(foreground.ask(net, image, share), net(image, share), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@torch.inference_mode()
def test_without_the_background_the_foreground_and_two_pixels_around_are_the_networks(net, mask):
    image, share = pictures(mask)
    wanted, found = net(image, share), foreground.ask(net, image, share, background=False)
    near = torch.nn.functional.max_pool2d(share, 5, stride=1, padding=2).expand_as(image) > 0
    torch.testing.assert_close(found[near], wanted[near], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_far_from_the_foreground_the_picture_is_the_composite():
    image, share = pictures(MASKS["inside"])
    found = foreground.ask(trained(EVERYWHERE), image, share, background=False)
    assert torch.equal(found[..., :24, :], image[..., :24, :])
    assert torch.equal(found[..., 56:], image[..., 56:])


@torch.inference_mode()
def test_pictures_of_any_size_and_several_at_a_time(net):
    image, share = pictures(MASKS["inside"], 59, 70)
    images, shares = torch.cat([image, image.flip(-1)]), torch.cat([share, torch.zeros_like(share)])
    torch.testing.assert_close(foreground.ask(net, images, shares), net(images, shares), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_two_views_are_two_answers():
    net = TwoViews(trained(EVERYWHERE)).eval()
    image, share = pictures(MASKS["inside"])
    found = foreground.ask(net, image, share, background=False)[share.expand_as(image) > 0]
    torch.testing.assert_close(found, net(image, share)[share.expand_as(image) > 0], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_training_that_goes_on_in_between_is_seen():
    net, (image, share) = trained(EVERYWHERE), pictures(MASKS["inside"])
    before = foreground.ask(net, image, share)
    for value in net.parameters():
        value.mul_(1.05)
    assert not torch.allclose(foreground.ask(net, image, share), before, atol=1e-3)
    torch.testing.assert_close(foreground.ask(net, image, share), net(image, share), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_network_that_trains_normalizes_by_its_batch():
    net, (image, share) = trained(EVERYWHERE), pictures(MASKS["inside"])
    assert not torch.allclose(foreground.ask(net.train(), image, share), foreground.ask(net.eval(), image, share))


@torch.inference_mode()
def test_a_subclass_keeps_its_own_way():
    class Other(giftnet.GiftNet):
        def forward(self, image, mask):
            return image + mask

    image, share = pictures(MASKS["inside"])
    assert torch.equal(foreground.ask(Other(EVERYWHERE).eval(), image, share), image + share)


@torch.inference_mode()
def test_less_is_computed():
    net, (image, share) = trained(EVERYWHERE), pictures(MASKS["inside"])

    def count(call):
        with FlopCounterMode(display=False) as counter:
            call()
        return counter.get_total_flops()

    whole = count(lambda: net(image, share))
    assert count(lambda: foreground.ask(net, image, share)) < 0.9 * whole
    assert count(lambda: foreground.ask(net, image, share, background=False)) < 0.75 * whole


def test_boxes_have_a_margin_and_end_between_cells():
    _, share = pictures((slice(30, 51), slice(17, 40)))
    assert box_around(share, 2, 8) == Box(slice(24, 56), slice(8, 48))
    assert box_around(share, 0, 1) == Box(slice(30, 51), slice(17, 40))
    assert box_around(torch.zeros(1, 1, 8, 8), 2, 8) is None


def test_a_box_is_widened_up_to_the_border():
    outer, inner = Box(slice(1, 4), slice(5, 8)).widened(2, torch.zeros(1, 1, 9, 9))
    assert outer == Box(slice(0, 6), slice(3, 9))
    assert inner == Box(slice(1, 4), slice(2, 5))
