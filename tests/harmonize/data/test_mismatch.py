"""Kinds of mismatch, against colour-science, scikit-image and numbers worked out by hand."""

from __future__ import annotations

import colour
import numpy as np
import pytest
import torch
from skimage import color as skcolor

from harmonize.data import mismatch
from harmonize.data.mismatch import Retouch

RANDOM = np.random.default_rng(0)
PICTURE = torch.from_numpy(RANDOM.random((2, 3, 12, 10), np.float32))
MASK = torch.from_numpy((RANDOM.random((2, 1, 12, 10)) > 0.4).astype(np.float32))


def pixels(picture: torch.Tensor, mask: torch.Tensor, row: int) -> np.ndarray:
    """The foreground's colors, (P, 3)."""
    return picture[row].permute(1, 2, 0).numpy()[mask[row, 0].numpy() > 0.5]


def test_lab_is_that_of_skimage_and_leads_back() -> None:
    found = mismatch.to_lab(PICTURE).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, skcolor.rgb2lab(PICTURE.permute(0, 2, 3, 1).numpy()), atol=0.02)
    np.testing.assert_allclose(mismatch.from_lab(mismatch.to_lab(PICTURE)), PICTURE, atol=1e-4)


def test_statistics_are_those_of_the_foreground() -> None:
    found = mismatch.measure(PICTURE, MASK)
    for row in range(2):
        colors = pixels(PICTURE, MASK, row).astype(np.float64)
        lab = skcolor.rgb2lab(colors[None])[0]
        np.testing.assert_allclose(found.mean[row], colors.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found.covariance[row], np.cov(colors.T, bias=True), atol=1e-5)
        np.testing.assert_allclose(found.lab[row], [lab.mean(axis=0), lab.std(axis=0)], atol=0.02)


def test_a_transfer_gives_the_statistics_that_are_wanted() -> None:
    of = mismatch.measure(PICTURE, MASK)
    wanted = of.select(torch.tensor([1, 0]))
    for transfer, name in ((mismatch.transfer_mean, "lab"), (mismatch.transfer_covariance, "covariance")):
        after = transfer(PICTURE * 0.5 + 0.2, mismatch.measure(PICTURE * 0.5 + 0.2, MASK), wanted)
        if name == "lab":  # colors out of gamut lose their channels below 0
            np.testing.assert_allclose(mismatch.measure(after, MASK).lab[:, 0], wanted.lab[:, 0], atol=3)
        else:
            np.testing.assert_allclose(mismatch.measure(after, MASK).covariance, wanted.covariance, atol=1e-3)


def test_a_transfer_to_its_own_statistics_changes_nothing() -> None:
    of = mismatch.measure(PICTURE, MASK)
    np.testing.assert_allclose(mismatch.transfer_mean(PICTURE, of, of), PICTURE, atol=1e-4)
    np.testing.assert_allclose(mismatch.transfer_covariance(PICTURE, of, of), PICTURE, atol=1e-3)


def retouched(picture: torch.Tensor, gains: object = (1, 1, 1), **factors: float) -> torch.Tensor:
    count = len(picture)
    numbers = [torch.full((count,), float(factors.get(name, 1))) for name in ("contrast", "saturation", "gamma")]
    how = Retouch(torch.tensor(gains, dtype=torch.float32).expand(count, 3), *numbers)
    return mismatch.retouch(picture, torch.ones_like(picture[:, :1]), how)


def test_a_retouch_without_change_changes_nothing() -> None:
    np.testing.assert_allclose(retouched(PICTURE), PICTURE, atol=1e-5)


def test_exposure_doubles_light_not_levels() -> None:
    after = retouched(PICTURE * 0.5, (2, 2, 2))
    np.testing.assert_allclose(mismatch.to_linear(after), 2 * mismatch.to_linear(PICTURE * 0.5), atol=1e-5)


def test_saturation_0_is_gray_and_contrast_0_is_the_mean() -> None:
    gray = retouched(PICTURE, saturation=0)
    np.testing.assert_allclose(gray[:, 0], gray[:, 2], atol=1e-5)
    flat = retouched(PICTURE, contrast=0)
    np.testing.assert_allclose(flat[0], np.full((3, 12, 10), PICTURE[0].mean()), atol=1e-4)
    np.testing.assert_allclose(retouched(PICTURE, gamma=2.0), PICTURE**2, atol=1e-4)


@pytest.mark.parametrize("kelvin", [2500, 4500, 9000])
def test_the_gains_of_a_temperature_are_those_of_the_planckian_locus(kelvin: float) -> None:
    """Against colour-science's Kang 2002, which is another fit to the same locus."""

    def rgb(temperature: float) -> np.ndarray:
        xyz = colour.xy_to_XYZ(colour.temperature.CCT_to_xy_Kang2002(temperature))
        return np.asarray(colour.XYZ_to_RGB(xyz, "sRGB", apply_cctf_encoding=False))

    wanted = rgb(kelvin) / rgb(6504)
    found = mismatch.temperature_gains(1e6 / kelvin - 1e6 / 6504)
    np.testing.assert_allclose(found / found[1], wanted / wanted[1], rtol=0.03)
    assert found @ [0.2126729, 0.7151522, 0.0721750] == pytest.approx(1, abs=1e-5)


def test_a_ramp_rises_along_its_direction_and_is_half_at_the_center() -> None:
    mask = torch.zeros(2, 1, 21, 21)
    mask[:, :, 5:16, 5:16] = 1
    weights = mismatch.ramp(mask, torch.tensor([0.0, np.pi / 2]), torch.tensor([2.0, 2.0]))[:, 0]
    assert weights[0, 10, 10] == pytest.approx(0.5, abs=1e-4)
    assert bool((weights[0, 10].diff() > 0).all())
    np.testing.assert_allclose(weights[0, 0], weights[0, 20], atol=1e-6)
    np.testing.assert_allclose(weights[1], weights[0].T, atol=1e-6)
