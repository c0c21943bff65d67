"""Curves and map that come nearest to what a network did."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ccharmony.arrays import Float32, UInt8
from harmonize.inference import adjustment, parametric
from harmonize.inference.adjustment import Adjustment
from harmonize.inference.curve_fit import find_adjustment, fit_adjustment, fit_change

HEIGHT, WIDTH = 96, 128


@pytest.fixture
def picture() -> UInt8:
    """All colors, coarse and fine detail."""
    coarse = np.random.default_rng(3).integers(0, 256, (12, 16, 3))
    fine = np.random.default_rng(4).integers(-20, 21, (HEIGHT, WIDTH, 3))
    return np.asarray((coarse.repeat(8, axis=0).repeat(8, axis=1) + fine).clip(0, 255), np.uint8)


@pytest.fixture
def mask() -> Float32:
    inside = np.zeros((HEIGHT, WIDTH), np.float32)
    inside[16:80, 24:104] = 1
    return inside


def test_a_change_by_curves_and_map_is_found_again(picture: UInt8, mask: Float32) -> None:
    knots = (np.arange(16) + 0.5) / 16
    curves = np.stack([0.9 * knots**0.8, 0.05 + 0.8 * knots, 0.7 * knots**1.2])
    log_gain = np.tile(np.linspace(-0.2, 0.2, 8), (8, 1))
    wanted = Adjustment(curves, log_gain)
    harmonized = adjustment.renderer(wanted, picture)(slice(0, HEIGHT), slice(0, WIDTH))
    found = fit_adjustment(picture, harmonized, mask)
    assert found.change > 20
    assert found.error < 1
    again = adjustment.apply(found.adjustment, picture, mask).astype(int)
    assert np.abs(again - harmonized)[mask > 0].max() < 5
    inner = found.adjustment.log_gain[3, 2:6]
    np.testing.assert_allclose(np.diff(inner), 0.4 / 7, atol=0.02)


def test_what_is_outside_the_mask_does_not_count(picture: UInt8, mask: Float32) -> None:
    harmonized = picture.astype(np.float32) * 0.8
    noise = np.where(mask[..., None] > 0, harmonized, 255 - harmonized)
    first, second = fit_adjustment(picture, harmonized, mask), fit_adjustment(picture, noise, mask)
    np.testing.assert_array_equal(first.adjustment.curves, second.adjustment.curves)
    np.testing.assert_array_equal(first.adjustment.log_gain, second.adjustment.log_gain)
    assert first.error == second.error < 1


def test_what_mixes_the_channels_is_the_error_that_is_told(picture: UInt8, mask: Float32) -> None:
    gray = picture.astype(np.float32).mean(axis=2, keepdims=True)
    harmonized = np.asarray(0.5 * picture + 0.5 * gray, np.float32)
    found = fit_adjustment(picture, harmonized, mask)
    again = adjustment.renderer(found.adjustment, picture)(slice(0, HEIGHT), slice(0, WIDTH)).clip(0, 255)
    missed = np.sqrt(((again - harmonized)[mask > 0] ** 2).mean())
    assert found.error == pytest.approx(missed, rel=1e-4)
    assert 10 < found.error < found.change


def test_colors_that_do_not_occur_stay_near_what_they_are(mask: Float32) -> None:
    middle = np.random.default_rng(5).integers(100, 140, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    found = fit_adjustment(middle, middle.astype(np.float32) + 10, mask)
    heights = adjustment.renderer(found.adjustment, np.full((1, 1, 3), 250, np.uint8))(slice(0, 1), slice(0, 1))
    assert (np.abs(heights - 255) < 25).all()


def test_a_network_without_curves_gets_those_of_its_result(picture: UInt8, mask: Float32) -> None:
    class Darker(nn.Module):
        """Halves the light in the normalized picture's own units."""

        def __init__(self) -> None:
            super().__init__()
            self.share = nn.Parameter(torch.tensor(0.5))
            mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            self.register_buffer("black", (-mean / std)[:, None, None])

        def forward(self, image: Tensor, _mask: Tensor) -> Tensor:
            return torch.lerp(self.black.expand_as(image), image, self.share)  # type: ignore[operator]

    found = find_adjustment(picture, mask, Darker(), size=64)
    assert found.error < 0.5
    halved = adjustment.apply(found.adjustment, picture, mask)
    assert np.abs(halved[mask > 0] - picture[mask > 0] / 2).max() < 5
    np.testing.assert_array_equal(halved[mask == 0], picture[mask == 0])


def test_of_a_parametric_network_it_is_what_it_predicts(picture: UInt8, mask: Float32) -> None:
    net = parametric.load("pih", "cpu")
    found, predicted = find_adjustment(picture, mask, net), parametric.predict(net, picture, mask)
    np.testing.assert_array_equal(found.adjustment.curves, predicted.curves)
    np.testing.assert_array_equal(found.adjustment.log_gain, predicted.log_gain)
    assert found.error < 0.2 * found.change


def test_a_network_that_sees_the_whole_picture_gives_curves_too(picture: UInt8, mask: Float32) -> None:
    squares, whole = (
        find_adjustment(picture, mask, "giftnet_w16", size=64),
        find_adjustment(picture, mask, "giftnet_w16", size="full"),
    )
    assert squares.change > 1
    assert whole.change > 1
    assert np.abs(squares.adjustment.curves - whole.adjustment.curves).max() > 1e-3  # it saw another picture


def test_where_nothing_is_foreground_nothing_changes(picture: UInt8) -> None:
    found = find_adjustment(picture, np.zeros((HEIGHT, WIDTH), np.float32), "giftnet_w16")
    assert (found.change, found.error) == (0, 0)
    again = adjustment.renderer(found.adjustment, picture)(slice(0, HEIGHT), slice(0, WIDTH))
    middle = (picture > 8) & (picture < 247)  # beyond the outer knots curves are flat
    np.testing.assert_allclose(again[middle], picture[middle], atol=1e-3)


def test_a_change_of_any_size_is_fitted_on_a_small_copy(picture: UInt8, mask: Float32) -> None:
    large, wide = np.repeat(np.repeat(picture, 5, axis=0), 5, axis=1), np.repeat(np.repeat(mask, 5, axis=0), 5, axis=1)
    change = lambda copy: lambda rows, columns: copy[rows, columns] * np.float32(0.5)  # noqa: E731
    found = fit_change(change, large, wide)
    assert 0.4 < found.adjustment.curves[0, 20] / (20.5 / 32) < 0.6
    assert found.error < 0.05 * found.change
    own = fit_change(change, large, wide, Adjustment(np.tile((np.arange(32) + 0.5) / 32, (3, 1)), np.zeros((1, 1))))
    assert own.error == pytest.approx(own.change, rel=0.05)
