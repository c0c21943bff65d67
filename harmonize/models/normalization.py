"""Pictures in [0, 1] to the units of the networks, and back: the mean and deviation of ImageNet's colors."""

from __future__ import annotations

from torch import Tensor


def normalize(image: Tensor) -> Tensor:
    """Bring pictures (B, 3, H, W) in [0, 1] to the networks' units."""
    return (image - image.new_tensor(MEAN)[:, None, None]) / image.new_tensor(STD)[:, None, None]


def denormalize(image: Tensor) -> Tensor:
    """Bring network output (B, 3, H, W) back to [0, 1], clipped."""
    return (image * image.new_tensor(STD)[:, None, None] + image.new_tensor(MEAN)[:, None, None]).clamp(0, 1)


MEAN = (0.485, 0.456, 0.406)


STD = (0.229, 0.224, 0.225)
"""ImageNet's channel means and deviations: normalized = (RGB in [0, 1] − MEAN) / STD."""
