"""Pairs made harder for PIH's supervised stream: foregrounds brighter or darker, harder or softer, and moved.

Random numbers come from torch's own RNG, which is saved in a run's state: a resumed run makes the same random choices
as an unbroken one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from harmonize.models.pih.backbone import masked_mean
from harmonize.training.stream_settings import StreamSettings


def jitter(composite: Tensor, mask: Tensor, real: Tensor, settings: StreamSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Make pairs harder.

    Parameters
    ----------
    composite, real
        Pictures (B, 3, H, W), in [0, 1].
    mask
        Foreground (B, 1, H, W), in [0, 1].
    settings
        By how much.

    Returns
    -------
    composite, mask, real
        Same shapes; composite and real still agree where the mask is 0.
    """
    if settings.shift:
        composite, mask, real = shift(composite, mask, real, settings.shift)
    if not settings.brightness and not settings.contrast:
        return composite, mask, real
    brightness = _random_factors(composite, settings.brightness)
    contrast = _random_factors(composite, settings.contrast)
    mean = masked_mean(composite, mask)[..., None, None]  # (B, 3, 1, 1)
    changed = ((composite - mean) * contrast + mean) * brightness
    return torch.lerp(composite, changed.clamp(0, 1), mask), mask, real


def shift(composite: Tensor, mask: Tensor, real: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Move the foreground of composite and answer by the same random number of pixels.

    Parameters
    ----------
    composite, mask, real
        As of :func:`jitter`.
    share
        Largest move, as a share of the side, in [0, 1].

    Returns
    -------
    composite, mask, real
        Same shapes; what the foreground leaves is filled with the answer.
    """
    count, _, height, width = composite.shape
    sides = torch.tensor([width, height], device=composite.device)
    moves = (torch.rand(count, 2) * 2 - 1).to(composite.device) * share * sides  # (B, 2) pixels to the left and up
    theta = torch.eye(2, 3, device=composite.device).repeat(count, 1, 1)  # (B, 2, 3)
    theta[:, :, 2] = moves.round() * 2 / sides
    grid = F.affine_grid(theta, [count, 7, height, width], align_corners=False)
    planes = torch.cat([composite, real, mask], dim=1)
    moved = F.grid_sample(planes, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    inside = moved[:, 6:]
    return torch.lerp(real, moved[:, :3], inside), inside, torch.lerp(real, moved[:, 3:6], inside)


def _random_factors(like: Tensor, spread: float) -> Tensor:
    """Return random factors in 1 ± spread, (B, 1, 1, 1)."""
    return (1 + spread * (torch.rand(len(like), 1, 1, 1) * 2 - 1)).to(like)
