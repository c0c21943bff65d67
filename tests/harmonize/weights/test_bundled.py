"""The bundled weights: what they make of three drawn pictures is fixed; damaged ones are refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ccharmony.errors import WeightsError
from harmonize.evaluation import metrics
from harmonize.inference.image import harmonize_image
from harmonize.models.normalization import denormalize, normalize
from harmonize.models.pih.network import Pih
from harmonize.weights import bundled, cards, checkpoint

NAMES = bundled.list_weights()

ERRORS = {
    "giftnet_w16": (273.5, 216.8, 137.7),
    "giftnet_w16_kinds": (463.3, 263.4, 164.9),
    "pih": (126.0, 24.0, 47.6),
}
"""fMSE of the three pictures, where the composites have 1,310, 975 and 1,475."""


def pair(tiny, seed):
    real, mask = tiny.draw_photo(seed, 96, 128), tiny.draw_mask(seed, 96, 128)
    changed = np.rint(real * np.array([1.0, 0.8, 0.6])).astype(np.uint8)
    return np.where(mask[..., None], changed, real), mask, real


def test_the_weights_of_both_systems_are_bundled():
    assert sorted(ERRORS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_bundled_weights_give_the_scores_they_gave(tiny, name):
    net = checkpoint.load(name).net
    for seed, error in enumerate(ERRORS[name]):
        composite, mask, real = pair(tiny, seed)
        found = harmonize_image(composite, mask, net).astype(np.float64)
        assert metrics.fmse(found, real.astype(np.float64), mask.astype(np.float64)) == pytest.approx(error, rel=0.02)
        assert (found[~mask] == composite[~mask]).all()


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_weights_give_what_their_full_precision_copies_give(tiny, name):
    """Half precision is for the disk: on the CPU weights are widened, and differ by their rounding alone."""
    net = checkpoint.load(name).net
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
    composite, mask, _ = pair(tiny, 0)
    image = normalize(torch.from_numpy(composite).permute(2, 0, 1)[None].float() / 255)
    inside = torch.from_numpy(mask)[None, None].float()
    torch.manual_seed(0)
    with torch.inference_mode():
        before = denormalize(net(image, inside))
        for parameter in net.parameters():  # what rounding to half precision took away, or less
            if parameter.dim() > 1:
                parameter.mul_(1 + (torch.rand_like(parameter) - 0.5) * 2**-11)
        after = denormalize(net(image, inside))
    assert (after - before).abs().max() < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_altered_or_cut_off_are_refused(name, tmp_path, monkeypatch):
    for file in (f"{name}.safetensors", "SHA256SUMS"):
        shutil.copy(bundled.WEIGHTS / file, tmp_path / file)
    monkeypatch.setattr(bundled, "WEIGHTS", tmp_path)
    path = tmp_path / f"{name}.safetensors"
    whole = path.read_bytes()
    checkpoint.load(name)
    for damaged in (whole[:-7], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="altered or cut off"):
            checkpoint.load(name)


@pytest.mark.parametrize("name", NAMES)
def test_weights_say_how_good_they_are_and_what_they_may_be_used_for(name):
    _, metadata = checkpoint.read_notes(bundled.find(name))
    assert metadata["val_fmse"] < 0.4 * metadata["val_composite_fmse"]
    assert "research use" in metadata["licence"]
    card = cards.read(name)
    assert "Research use only" in card
    assert "<!--" not in card
    assert f"{metadata['val_fmse']:.1f}" in card


def test_the_default_is_the_one_with_the_lowest_error_where_the_seam_is_hidden():
    errors = {name: checkpoint.read_notes(bundled.find(name))[1]["hidden_fmse"] for name in NAMES}
    assert cards.default_weights() == min(errors, key=lambda name: errors[name])


def test_the_shading_map_of_pih_is_alive(tiny):
    net = checkpoint.load("pih").net
    assert isinstance(net, Pih)
    composite, mask, _ = pair(tiny, 1)
    image = normalize(torch.from_numpy(composite).permute(2, 0, 1)[None].float() / 255)
    with torch.inference_mode():
        log_gain = net.parameters_of(image, torch.from_numpy(mask)[None, None].float()).log_gain
    assert float(log_gain.std()) > 0.005


def test_every_bundled_file_has_its_card_scores_and_strip():
    docs = Path(__file__).resolve().parents[3] / "docs"
    for name in NAMES:
        assert (bundled.WEIGHTS / f"{name}.md").is_file()
        assert (docs / f"{name}_val.csv").is_file()
        assert (docs / f"{name}_strip.webp").is_file()
