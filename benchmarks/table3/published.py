"""The paper's own numbers, copied by hand.

Niu et al.: Deep Image Harmonization with Globally Guided Feature Transformation and Relation Distillation, ICCV 2023.
Its data are others: networks of 32 channels, trained at 256x256 on iHarmony4 (65,742 pairs), with weights of a single
run; nothing is said of spread.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """Means over a test set: squared errors in levels squared, PSNR in decibels."""

    mse: float
    fmse: float
    psnr: float
    fssim: float | None = None


IHARMONY4 = {
    1: Published(24.64, 262.67, 37.95),
    2: Published(21.39, 243.23, 38.71),
    3: Published(20.82, 238.89, 38.76),
    4: Published(20.79, 237.06, 38.78),
    5: Published(20.50, 236.22, 38.77),
    6: Published(24.33, 263.22, 38.18),
    7: Published(24.21, 261.15, 38.28),
    8: Published(19.46, 225.30, 38.92),
    9: Published(21.31, 242.58, 38.73),
    10: Published(21.58, 240.18, 38.67),
}
"""Table 3, by row."""

CCHARMONY = {
    1: Published(28.83, 264.84, 36.05, 0.9096),
    8: Published(24.55, 235.20, 37.59, 0.9322),
}
"""Table 2's rows iSSAM and GiftNet, which are rows 1 and 8; pretrained on iHarmony4."""
