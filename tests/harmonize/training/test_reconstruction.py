import pytest
import torch

from ccharmony.errors import WeightsError
from harmonize.models import giftnet
from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.training import reconstruction

SMALL = NetworkSettings(width=4, mlp_width=8)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 3, 40, 64, generator=generator)
    return image, (torch.rand(2, 1, 40, 64, generator=generator) > 0.5).float()


def test_the_branch_is_a_basic_network_of_the_same_width():
    branch = reconstruction.build(NetworkSettings())
    assert sum(p.numel() for p in branch.parameters()) == 2_185_340
    maps = reconstruction.build(SMALL).forward_features(torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)).encoder
    assert [m.shape[1] for m in maps] == [4, 8, 16, 32]


def test_a_frozen_branch_takes_no_gradient_and_keeps_its_statistics(pair):
    branch = reconstruction.freeze(reconstruction.build(SMALL))
    before = {name: value.clone() for name, value in branch.state_dict().items()}
    maps = reconstruction.reference(branch, *pair, ("E", "D3"))
    assert not any(m.requires_grad for m in maps)
    assert all(torch.equal(before[name], value) for name, value in branch.state_dict().items())


@pytest.mark.parametrize("sites", [("E",), ("E", "D2", "D3"), ("D2",)])
def test_reference_maps_are_those_of_the_forward_pass(pair, sites):
    branch = reconstruction.freeze(reconstruction.build(SMALL))
    maps = reconstruction.reference(branch, *pair, sites)
    expected = branch.forward_features(*pair).maps(sites)
    assert len(maps) == {("E",): 4, ("E", "D2", "D3"): 6, ("D2",): 1}[sites]
    assert all(torch.equal(a, b) for a, b in zip(maps, expected, strict=True))


def test_the_decoder_rests_where_only_encoder_maps_are_asked_for(pair):
    branch = reconstruction.freeze(reconstruction.build(SMALL))
    calls = []
    branch.decoder.up_blocks[0].register_forward_hook(lambda *_: calls.append(1))
    reconstruction.reference(branch, *pair, ("E",))
    assert calls == []
    reconstruction.reference(branch, *pair, ("E", "D2"))
    assert calls == [1]


def test_warm_start_copies_the_unet_and_leaves_gift_alone():
    branch, net = reconstruction.build(SMALL), giftnet.build(SMALL)
    gift = {name: value.clone() for name, value in net.gift.state_dict().items()}
    reconstruction.warm_start(net, branch)
    state = net.state_dict()
    assert all(torch.equal(state[name], value) for name, value in branch.state_dict().items())
    assert all(torch.equal(gift[name], value) for name, value in net.gift.state_dict().items())


def test_warm_start_refuses_another_width():
    with pytest.raises(WeightsError, match=r"weights do not fit, first encoder\.block0"):
        reconstruction.warm_start(giftnet.build(SMALL), reconstruction.build(ISSAM))
