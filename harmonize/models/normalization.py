"""Pictures in [0, 1] to the networks' units and back, by the mean and standard deviation of ImageNet's colors."""

from __future__ import annotations

from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's channel means and standard deviations: normalized = (RGB in [0, 1] - MEAN) / STD."""


def normalize(image: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W) in [0, 1] in the networks' units, mean 0 and deviation 1 over ImageNet."""
    return (image - image.new_tensor(MEAN)[:, None, None]) / image.new_tensor(STD)[:, None, None]


def denormalize(image: Tensor) -> Tensor:
    """Return network output (B, 3, H, W) as pictures in [0, 1], clipped."""
    return (image * image.new_tensor(STD)[:, None, None] + image.new_tensor(MEAN)[:, None, None]).clamp(0, 1)
