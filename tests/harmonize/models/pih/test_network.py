import math

import numpy as np
import pytest
import torch

from ccharmony.errors import SettingsError, WeightsError
from harmonize.models import registry
from harmonize.models.network import Parameters
from harmonize.models.normalization import denormalize, normalize
from harmonize.models.pih import curves, network, shading, tables
from harmonize.models.pih.backbone import masked_mean
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.training import losses
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.training.stream_settings import DUAL
from harmonize.weights import checkpoint

TINY = PihSettings(side=64, width=2)
NO_DISTILLATION = DistillSettings(kind="none", sites=())


def pictures(count=2, height=48, width=56, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(count, 3, height, width, generator=generator)
    mask = torch.zeros(count, 1, height, width)
    mask[..., 10:30, 12:40] = 1
    return image, mask


def stirred(settings=TINY):
    """A network that is not at its start, where it changes nothing."""
    torch.manual_seed(1)
    net = network.build(settings)
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return net.eval()


def test_curves_are_straight_between_knots_and_flat_outside():
    knots = torch.tensor([[[0.2, 0.6], [0.0, 1.0], [0.5, 0.5]]])  # at 0.25 and 0.75
    values = torch.tensor([0.0, 0.25, 0.5, 0.7, 0.75, 1.0])
    result = curves.apply(values.expand(1, 3, 1, 6), knots)
    assert torch.allclose(result[0, 0, 0], torch.tensor([0.2, 0.2, 0.4, 0.56, 0.6, 0.6]))
    assert torch.allclose(result[0, 1, 0], torch.tensor([0.0, 0.0, 0.5, 0.9, 1.0, 1.0]))
    assert torch.allclose(result[0, 2, 0], torch.full((6,), 0.5))


def test_curves_agree_with_numpy_interpolation():
    image, _ = pictures()
    knots = torch.rand(2, 3, 32)
    places = (np.arange(32) + 0.5) / 32
    expected = [[np.interp(image[b, c], places, knots[b, c]) for c in range(3)] for b in range(2)]
    assert np.abs(curves.apply(image, knots).numpy() - np.array(expected)).max() < 1e-5
    assert np.abs(tables.table(knots[0, 0]) - np.interp(np.arange(256) / 255, places, knots[0, 0])).max() < 1e-12


def test_the_gradient_reaches_knots_and_picture():
    image = torch.rand(1, 3, 4, 5, dtype=torch.float64) * 0.8 + 0.1
    knots = torch.rand(1, 3, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(curves.apply, (image.requires_grad_(), knots.requires_grad_()))


def test_a_smoothed_spike_is_a_triangle_and_a_constant_stays():
    change = torch.zeros(1, 3, 32)
    change[0, 0, 10] = 9.0
    assert curves.smooth(change)[0, 0, 7:14].tolist() == pytest.approx([0, 1, 2, 3, 2, 1, 0])
    assert torch.allclose(curves.smooth(torch.ones(1, 3, 32)), torch.ones(1, 3, 32))


def test_a_histogram_shares_values_between_neighboring_bins():
    image = torch.tensor([0.125, 0.25, 0.875, 0.5]).expand(1, 3, 1, 4)
    weights = torch.tensor([1.0, 1.0, 2.0, 0.0]).view(1, 1, 1, 4)
    assert curves.histogram(image, weights, 4)[0, 0].tolist() == pytest.approx([0.375, 0.125, 0.0, 0.5])
    assert not curves.histogram(image, weights * 0, 4).any()


def test_the_map_multiplies_and_is_enlarged_between_its_cells():
    image = torch.full((1, 3, 4, 8), 0.25)
    doubled = shading.apply(image, torch.full((1, 1, 2, 2), math.log(2)))
    assert torch.allclose(doubled, torch.full_like(image, 0.5))
    ramp = shading.apply(image, torch.tensor([[[[1.0, 3.0]]]]).log())[0, 0, 0]
    assert ramp.tolist() == pytest.approx([0.25, 0.25, 0.3125, 0.4375, 0.5625, 0.6875, 0.75, 0.75])


def test_the_mean_over_a_mask_sees_nothing_else():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 100.0]]]])
    assert masked_mean(features, torch.tensor([[[[1.0, 1.0], [2.0, 0.0]]]])).item() == pytest.approx(2.25)
    assert masked_mean(features, torch.zeros(1, 1, 2, 2)).item() == 0


def test_the_network_begins_as_the_identity():
    image, mask = pictures()
    output = network.build(TINY).eval()(normalize(image), mask)
    # Flat outside the outer knots: the darkest and the brightest 1/64 become one.
    expected = torch.where(mask > 0, image.clamp(1 / 64, 63 / 64), image)
    assert torch.allclose(denormalize(output), expected, atol=1e-6)


def test_the_background_stays_to_the_bit():
    image, mask = pictures()
    given = normalize(image)
    output = stirred()(given, mask)
    outside = (mask == 0).expand_as(image)
    assert torch.equal(output[outside], given[outside])
    assert (output - given)[~outside].abs().mean() > 0.01


def test_the_default_has_fewer_parameters_than_the_issue_allows():
    assert sum(p.numel() for p in network.build(PihSettings()).parameters()) == 2_512_897


def test_curves_only_has_no_shading():
    net = stirred(PihSettings(side=64, width=2, shading=False))
    assert not net.parameters_of(*pictures()).log_gain.any()


def test_units_of_the_shading_that_are_far_below_zero_still_learn():
    torch.manual_seed(0)
    net = network.build(TINY).train()
    for layer in (net.predictor.shade.body[0], net.predictor.shade.body[2]):
        torch.nn.init.constant_(layer.bias, -100.0)
    torch.nn.init.constant_(net.predictor.shade.head.weight, 0.001)
    net.parameters_of(*pictures()).log_gain.sum().backward()
    assert net.predictor.shade.body[0].weight.grad.abs().sum() > 0


def test_monotone_curves_do_not_fall():
    net = stirred(PihSettings(side=64, width=2, monotone=True))
    found = net.parameters_of(*pictures()).curves
    assert (found.diff(dim=-1) >= 0).all()


def test_a_clean_background_is_seen():
    net = stirred(PihSettings(side=64, width=2, background=True))
    image, mask = pictures()
    dark, bright = (net.parameters_of(normalize(image), mask, normalize(image * share)) for share in (0.1, 1.0))
    assert not torch.equal(dark.curves, bright.curves)
    assert net(normalize(image), mask).isfinite().all()  # without one it is filled in


def test_a_hole_in_one_color_is_filled_with_it():
    image = torch.full((1, 3, 64, 64), 0.3)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:50, 3:40] = 1
    assert torch.allclose(network.fill(torch.where(mask > 0, 0.9, image), mask), image, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("background", [False, True])
def test_empty_and_full_masks_give_numbers_and_gradients(value, background):
    torch.manual_seed(0)
    net = network.build(PihSettings(side=64, width=2, background=background)).train()
    image, mask = pictures()
    mask = torch.full_like(mask, value)
    output = net.forward_features(normalize(image), mask).image
    losses.foreground_mse(output, normalize(image * 0.5), mask).backward()
    assert output.isfinite().all()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_parameters_predicted_small_fit_the_large_picture():
    image, mask = pictures(1, 256, 320)
    large, large_mask = (part.repeat_interleave(2, 2).repeat_interleave(2, 3) for part in (image, mask))
    net = stirred()
    small, big = (net.parameters_of(normalize(a), b) for a, b in ((image, mask), (large, large_mask)))
    assert torch.allclose(small.curves, big.curves, atol=1e-4)
    assert torch.allclose(small.log_gain, big.log_gain, atol=1e-4)


def test_strength_is_in_the_mask():
    image, mask = pictures()
    found = Parameters(torch.full((2, 3, 32), 0.5), torch.zeros(2, 1, 4, 4))
    half = network.apply_parameters(image, 0.5 * mask, found)
    assert torch.allclose(half, torch.where(mask > 0, (image + 0.5) / 2, image))


def test_training_finds_a_darkened_foreground():
    torch.manual_seed(0)
    net = network.build(TINY).train()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    image, mask = pictures(8)
    composite = torch.where(mask > 0, image * 0.6, image)
    errors = []
    for _ in range(40):
        optimizer.zero_grad()
        output = net.forward_features(normalize(composite), mask).image
        error = losses.foreground_mse(output, normalize(image), mask)
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.3 * errors[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"knots": 1}, "knots: 1 found, an integer of at least 2"),
        ({"side": 100}, "side: 100 found, a multiple of 32 of at least 64 and at most 4096 wanted"),
    ],
)
def test_wrong_settings_are_one_clear_line(changes, message):
    with pytest.raises(SettingsError, match=message):
        PihSettings(**changes)


def test_settings_come_back_from_plain_values():
    settings = TrainSettings(network=PihSettings(background=True), distill=NO_DISTILLATION, streams=DUAL)
    assert TrainSettings.from_dict(settings.to_dict()) == settings


def test_distillation_and_batches_of_one_are_refused():
    with pytest.raises(SettingsError, match="model pih: has no maps to compare"):
        TrainSettings(network=PihSettings())
    with pytest.raises(SettingsError, match="batch: 1 found, model pih needs 2 or more"):
        TrainSettings(network=PihSettings(), distill=NO_DISTILLATION, batch=1)
    with pytest.raises(SettingsError, match="model giftnet: learns from pairs alone"):
        TrainSettings(network=NetworkSettings(), streams=DUAL)


def test_weights_come_back_from_disk(tmp_path):
    net = stirred()
    checkpoint.save_weights(tmp_path / "pih.safetensors", net, TINY, metadata={"val_fmse": 3.5}, half=True)
    loaded = checkpoint.load(tmp_path / "pih.safetensors")
    assert loaded.settings == TINY
    assert isinstance(loaded.net, network.Pih)
    image, mask = pictures()
    assert torch.allclose(loaded.net(normalize(image), mask), net(normalize(image), mask), atol=0.02)
    assert checkpoint.read_notes(tmp_path / "pih.safetensors") == (TINY, {"val_fmse": 3.5})
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "pih.safetensors").read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        checkpoint.read_notes(tmp_path / "cut.safetensors")


def test_every_model_is_built_from_its_settings():
    assert isinstance(registry.build_network(TINY), network.Pih)
    assert type(registry.build_network(NetworkSettings(width=4))).__name__ == "GiftNet"
