"""How a foreground can differ from its surroundings: kinds of change that training makes, each a pure function.

A donor light alone teaches one kind of mismatch. Composites of people differ in others: colors of another photo, a
retouch, a light that changes over the object, or nothing at all.

-   :func:`transfer_mean`: mean and spread of another foreground in Lab, as HCOCO's composites are made in part.
-   :func:`transfer_covariance`: mean and covariance of another foreground in RGB.
-   :func:`retouch`: exposure, color temperature, tint, contrast, saturation and gamma, as a person would.
-   :func:`ramp`: a weight that rises over the foreground in some direction, to blend two lights.

All act on batches, (B, 3, H, W), sRGB-encoded colors in [0, 1], on any device; results are not clipped.

References
----------
-   Reinhard, Ashikhmin, Gooch, Shirley: Color transfer between images, 2001.
-   Pitié, Kokaram: The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer, 2007.
-   Kim et al.: Design of advanced color temperature control system for HDTV applications, 2002 (the Planckian locus).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ccharmony.arrays import Float32

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)
_LUMA = (0.2126729, 0.7151522, 0.0721750)
_DAYLIGHT = 6504.0
_NO_SPREAD = 1e-3
"""Smallest spread that is divided by: a gray foreground has no colors to stretch."""


@dataclass(frozen=True)
class Statistics:
    """Colors of foregrounds.

    Attributes
    ----------
    lab
        Mean and standard deviation of L, a and b, (B, 2, 3).
    mean, covariance
        Of red, green and blue in [0, 1], (B, 3) and (B, 3, 3).
    """

    lab: Tensor
    mean: Tensor
    covariance: Tensor

    def select(self, rows: Tensor) -> Statistics:
        """Return the statistics of some rows, (K,)."""
        return Statistics(self.lab[rows], self.mean[rows], self.covariance[rows])


def measure(photo: Tensor, mask: Tensor) -> Statistics:
    """Measure the colors of foregrounds.

    Parameters
    ----------
    photo, mask
        Pictures (B, 3, H, W) and weights of their pixels (B, 1, H, W), at least 0.

    Returns
    -------
    Statistics
        Of each; those of an empty foreground are finite.
    """
    weight = mask.flatten(2)  # (B, 1, P)
    weight = weight / weight.sum(2, keepdim=True).clamp_min(1e-6)
    colors, lab = photo.flatten(2), to_lab(photo).flatten(2)  # (B, 3, P)
    mean, lab_mean = (colors * weight).sum(2), (lab * weight).sum(2)
    centered = colors - mean[:, :, None]
    covariance = torch.bmm(centered * weight, centered.transpose(1, 2))
    spread = ((lab - lab_mean[:, :, None]).square() * weight).sum(2).sqrt()
    return Statistics(torch.stack([lab_mean, spread], dim=1), mean, covariance)


def transfer_mean(photo: Tensor, of: Statistics, to: Statistics) -> Tensor:
    """Give pictures the mean and standard deviation in Lab of other foregrounds.

    Parameters
    ----------
    photo
        Pictures (B, 3, H, W).
    of, to
        Statistics of their foregrounds, and those wanted.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W), not clipped.
    """
    (mean, spread), (wanted, wanted_spread) = (found.lab[..., None, None].unbind(1) for found in (of, to))
    return from_lab((to_lab(photo) - mean) / spread.clamp_min(_NO_SPREAD) * wanted_spread + wanted)


def transfer_covariance(photo: Tensor, of: Statistics, to: Statistics) -> Tensor:
    """Give pictures the mean and covariance in RGB of other foregrounds, by the map that moves colors least.

    Parameters and result are those of :func:`transfer_mean`.
    """
    least = _NO_SPREAD**2 * torch.eye(3, device=photo.device)
    root, inverse = _roots(of.covariance + least)
    middle, _ = _roots(root @ (to.covariance + least) @ root)
    matrix = inverse @ middle @ inverse  # (B, 3, 3)
    centered = photo.flatten(2) - of.mean[:, :, None]
    return (matrix @ centered + to.mean[:, :, None]).view_as(photo)


@dataclass(frozen=True)
class Retouch:
    """What a person does to a foreground.

    Attributes
    ----------
    gains
        Factors of linear red, green and blue, (B, 3): exposure, color temperature and tint.
    contrast, saturation, gamma
        Factors (B,); 1 changes nothing.
    """

    gains: Tensor
    contrast: Tensor
    saturation: Tensor
    gamma: Tensor


def retouch(photo: Tensor, mask: Tensor, how: Retouch) -> Tensor:
    """Change exposure and white balance in linear light, then saturation, contrast about the mean, and gamma.

    Parameters
    ----------
    photo, mask
        Pictures (B, 3, H, W) and their foregrounds (B, 1, H, W).
    how
        One row for each.

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W), not clipped above 1.
    """
    contrast, saturation, gamma = (part[:, None, None, None] for part in (how.contrast, how.saturation, how.gamma))
    linear = to_linear(photo) * how.gains[:, :, None, None]
    gray = torch.einsum("bchw,c->bhw", linear, linear.new_tensor(_LUMA))[:, None]
    encoded = from_linear((gray + saturation * (linear - gray)).clamp_min(0))
    mean = (encoded * mask).sum((1, 2, 3), keepdim=True) / (3 * mask.sum((1, 2, 3), keepdim=True)).clamp_min(1e-6)
    return (mean + contrast * (encoded - mean)).clamp_min(0) ** gamma


def choose_retouch(random: np.random.Generator) -> tuple[Float32, float, float, float]:
    """Choose a retouch at random: gains (3,), contrast, saturation, gamma; each part is left alone now and then."""

    def maybe(value: float, neutral: float, share: float = 0.7) -> float:
        return value if random.random() < share else neutral

    exposure = maybe(random.normal(0, 0.45), 0.0)
    mired = maybe(random.uniform(-90, 90), 0.0)
    tint = maybe(random.normal(0, 0.05), 0.0, 0.5)
    gains = 2**exposure * temperature_gains(mired) * np.array([1.0, np.exp(tint), 1.0], np.float32)
    contrast = maybe(np.exp(random.normal(0, 0.2)), 1.0)
    saturation = maybe(random.uniform(0.4, 1.6), 1.0)
    gamma = maybe(np.exp(random.normal(0, 0.2)), 1.0, 0.5)
    return gains.astype(np.float32), float(contrast), float(saturation), float(gamma)


def temperature_gains(mired: float) -> Float32:
    """Return factors of linear red, green and blue that shift white along the Planckian locus, luminance kept.

    Parameters
    ----------
    mired
        Shift of the reciprocal color temperature from daylight (6504 K), in 1e-6 / K; above 0 is warmer. The
        temperature is kept within 1,667 to 25,000 K.

    Returns
    -------
    Float32
        Factors (3,).

    Examples
    --------
    >>> temperature_gains(0.0).round(4).tolist()
    [1.0, 1.0, 1.0]
    >>> bool(np.all(np.diff(temperature_gains(60.0)) < 0))  # warmer: most red, least blue
    True
    """
    white, other = (_planckian(kelvin) for kelvin in (_DAYLIGHT, 1e6 / (1e6 / _DAYLIGHT + mired)))
    gains = other / white
    return np.asarray(gains / (gains @ np.array(_LUMA)), np.float32)


def ramp(mask: Tensor, angle: Tensor, width: Tensor) -> Tensor:
    """Return weights that rise smoothly from 0 to 1 across each foreground.

    Parameters
    ----------
    mask
        Foregrounds (B, 1, H, W).
    angle
        Direction in which they rise, radians, (B,).
    width
        Width of the rise in standard deviations of the foreground along that direction, above 0, (B,).

    Returns
    -------
    Tensor
        Weights (B, 1, H, W), one half at the foreground's center.
    """
    rows, columns = (torch.linspace(-1, 1, side, device=mask.device) for side in mask.shape[-2:])
    along = angle.cos()[:, None, None] * columns + angle.sin()[:, None, None] * rows[:, None]  # (B, H, W)
    weight = mask[:, 0] / mask.sum((1, 2, 3), keepdim=True)[:, 0].clamp_min(1e-6)
    center = (along * weight).sum((1, 2), keepdim=True)
    spread = ((along - center).square() * weight).sum((1, 2), keepdim=True).sqrt().clamp_min(1e-3)
    return torch.sigmoid(4 * (along - center) / (spread * width[:, None, None]))[:, None]


def to_linear(colors: Tensor) -> Tensor:
    """Decode sRGB; values below 0 count as 0."""
    colors = colors.clamp_min(0)
    return torch.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def from_linear(light: Tensor) -> Tensor:
    """Encode as sRGB; values below 0 count as 0, those above 1 go on."""
    light = light.clamp_min(0)
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(1e-8) ** (1 / 2.4) - 0.055)


def to_lab(colors: Tensor) -> Tensor:
    """Return CIE L*a*b* (D65) of sRGB-encoded colors, (B, 3, H, W)."""
    matrix = colors.new_tensor(_TO_XYZ) / colors.new_tensor(_WHITE)[:, None]
    xyz = torch.einsum("ij,bjhw->bihw", matrix, to_linear(colors))
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-8) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def from_lab(lab: Tensor) -> Tensor:
    """Return sRGB-encoded colors (B, 3, H, W) of CIE L*a*b* (D65); out of gamut, channels are 0 or above 1."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(f > 0.206893, f**3, (f - 16 / 116) / 7.787)
    matrix = torch.linalg.inv(lab.new_tensor(_TO_XYZ) / lab.new_tensor(_WHITE)[:, None])
    return from_linear(torch.einsum("ij,bjhw->bihw", matrix, xyz))


def _roots(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return the square roots of symmetric positive matrices (B, 3, 3), and their inverses."""
    values, vectors = torch.linalg.eigh(matrices)
    values = values.clamp_min(1e-10).sqrt()
    back = vectors.transpose(1, 2)
    return (vectors * values[:, None]) @ back, (vectors / values[:, None]) @ back


def _planckian(kelvin: float) -> Float32:
    """Return linear sRGB of a black body, luminance 1, (3,)."""
    t = 1e3 / min(max(kelvin, 1667.0), 25000.0)
    if t > 0.25:  # below 4,000 K
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin < 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin < 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    return np.asarray(np.clip(np.linalg.solve(np.array(_TO_XYZ), xyz), 1e-3, None), np.float32)
