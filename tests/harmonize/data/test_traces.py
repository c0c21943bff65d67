"""Traces of JPEG and of shrinking, against OpenCV's encoder and numbers worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from harmonize.data import traces
from harmonize.data.traces import Trace


def picture(height: int = 64, width: int = 80) -> np.ndarray:
    """Smooth colors with some edges and noise, (H, W, 3)."""
    rows, columns = np.mgrid[0:height, 0:width] / 16.0
    waves = np.stack([np.sin(rows), np.cos(columns + rows), np.sin(columns * 1.7)], axis=-1) * 70 + 128
    waves[16:40, 20:50] = (200, 60, 30)
    return np.clip(waves + np.random.default_rng(1).normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


def to_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("quality", [30, 50, 75, 90])
def test_compression_is_that_of_an_encoder(quality: int) -> None:
    image = picture()
    coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    wanted = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float64)
    found = traces.compress(to_tensor(image), torch.tensor([quality]))[0].permute(1, 2, 0).numpy() * 255.0
    lost = np.abs(wanted - image).mean()
    assert np.abs(found - image).mean() == pytest.approx(lost, rel=0.1)
    assert np.abs(found - wanted).mean() < 0.35 * lost  # the chroma of an encoder is enlarged by another filter


def test_sides_that_are_no_multiple_of_a_block_are_kept() -> None:
    image = to_tensor(picture(50, 37))
    found = traces.compress(image, torch.tensor([80]))
    assert found.shape == image.shape
    assert float((found - image).abs().mean()) < 0.03


def test_one_gray_stays_itself_at_any_quality() -> None:
    gray = torch.full((2, 3, 32, 32), 128 / 255)
    found = traces.leave_traces(gray, [Trace(quality=10), Trace(scale=0.4)])
    np.testing.assert_allclose(found, gray, atol=1e-6)


def test_shrinking_loses_what_is_finer_than_the_small_picture() -> None:
    stripes = torch.zeros(3, 32, 32)
    stripes[:, :, ::2] = 1
    found = traces.resample(stripes, 0.5)
    np.testing.assert_allclose(found[:, :, 4:-4], 0.5, atol=0.01)


def test_each_picture_has_its_own_traces_and_some_have_none() -> None:
    both = torch.cat([to_tensor(picture())] * 3)
    found = traces.leave_traces(both, [Trace(), Trace(quality=40), Trace(quality=40, scale=0.5)])
    assert torch.equal(found[0], both[0])
    assert not torch.equal(found[1], both[1])
    assert not torch.equal(found[2], found[1])
    assert torch.equal(found * 255, (found * 255).round())
    untouched = traces.leave_traces(both, [Trace()] * 3)
    assert untouched is both
