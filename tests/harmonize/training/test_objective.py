"""What a step minimizes, the average of its weights, and validation."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from harmonize.evaluation import protocols
from harmonize.models import giftnet
from harmonize.models.normalization import denormalize, normalize
from harmonize.training import reconstruction, validation
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.objective import Objective
from harmonize.training.state import Average

from .runs import ALONE, small


def test_the_objective_is_the_papers_loss_plus_distillation() -> None:
    torch.manual_seed(0)
    settings = small()
    network, teacher = giftnet.build(settings.network), reconstruction.freeze(reconstruction.build(settings.network))
    objective = Objective(network, teacher, settings, "harmonize").train()
    composite, real, mask = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    total, image, distilled = objective(composite, mask, real)
    network.train()
    output = network(normalize(composite), mask)
    assert image.item() == pytest.approx((output - normalize(real)).abs().mean().item(), rel=1e-4)
    assert total.item() == pytest.approx(image.item() + distilled.item())
    assert distilled.item() > 0
    assert not teacher.training
    total.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_reconstruction_never_sees_the_composite() -> None:
    settings = small()
    network = reconstruction.build(settings.network).eval()
    objective = Objective(network, None, settings, "reconstruct").eval()
    real, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    one, other = (objective(torch.rand(1, 3, 32, 32), mask, real) for _ in range(2))
    assert torch.equal(one, other)


def test_normalized_pictures_come_back() -> None:
    picture = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(denormalize(normalize(picture)), picture)
    assert normalize(torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]).abs().max() < 1e-6


def test_the_average_of_weights_follows_its_formula() -> None:
    network = giftnet.build(small().network)
    average = Average(network, 0.9)
    wanted = network.decoder.to_rgb.weight.detach().double().numpy().copy()
    for step in range(1, 5):
        with torch.no_grad():
            network.decoder.to_rgb.weight.add_(0.1 * step)
        average.follow(network, step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * network.decoder.to_rgb.weight.detach().double().numpy()
    np.testing.assert_allclose(average.network.decoder.to_rgb.weight.numpy(), wanted, rtol=1e-5)


def test_validation_is_the_mean_of_the_protocol_over_all_pairs(tiny: SimpleNamespace, tmp_path: Path) -> None:
    root = tiny.write_pairs(tmp_path / "tiny")
    check = open_data(DataPaths(data=(root,), val_share=0), small(), torch.device("cpu")).check
    assert check is not None
    batch = check.batch(0, range(4), 32)
    pictures = [(part * 255).permute(0, 2, 3, 1).numpy() for part in (batch.composite, batch.real)]
    scores = [
        protocols.score(protocols.find("issam"), composite, real, mask)
        for composite, real, mask in zip(*pictures, batch.mask[:, 0].numpy(), strict=True)
    ]
    found = validation.score_composites(check, 32, ALONE)
    assert found["fmse"] == pytest.approx(np.mean([score.fmse for score in scores]))
    assert found["psnr"] == pytest.approx(np.mean([score.psnr for score in scores]))
    assert found["n"] == 4
