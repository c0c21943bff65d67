"""The critic of the dual stream: for every pixel, whether it looks like a part of one photo.

-   :class:`Critic`: a U-Net with spectral norm that gives a logit a pixel.
-   :func:`critic_loss`, :func:`adversarial_loss`: what the critic and the harmonizer minimize.

A real picture is real everywhere; a harmonized one is real but for its foreground, so the critic's target there is
1 − mask, and it has to find the foreground. The harmonizer wants ones everywhere.

References
----------
-   Wang et al.: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023.
-   Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks, ICLR 2018.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

_SLOPE = 0.2


class Critic(nn.Module):
    """U-Net, four levels down and up, spectral norm on every convolution.

    Parameters
    ----------
    width
        Channels of the finest level; the levels have width · (1, 2, 4, 8).
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        self.first = _convolve(3, width)
        self.down = nn.ModuleList(_convolve(a, b, stride=2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(_convolve(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.last = _convolve(width, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, 1, H, W) of normalized pictures (B, 3, H, W)."""
        maps = [F.leaky_relu(self.first(image), _SLOPE)]
        for layer in self.down:
            maps.append(F.leaky_relu(layer(maps[-1]), _SLOPE))
        x = maps[-1]
        for layer, skip in zip(self.up, maps[-2::-1], strict=True):
            size = (skip.shape[-2], skip.shape[-1])
            larger = F.interpolate(x, size, mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(torch.cat([larger, skip], dim=1)), _SLOPE)
        logits: Tensor = self.last(x)
        return logits


def critic_loss(of_real: Tensor, of_harmonized: Tensor, mask: Tensor) -> Tensor:
    """Compute the critic's cross entropy: its targets are ones on real pictures, 1 − mask on harmonized ones.

    Parameters
    ----------
    of_real, of_harmonized
        Logits, (B, 1, H, W).
    mask
        Foreground of the harmonized pictures, (B, 1, H, W), in [0, 1].

    Returns
    -------
    Tensor
        One number, at least 0.
    """
    real = F.binary_cross_entropy_with_logits(of_real.float(), torch.ones_like(of_real, dtype=torch.float32))
    harmonized = F.binary_cross_entropy_with_logits(of_harmonized.float(), 1 - mask.float())
    return (real + harmonized) / 2


def adversarial_loss(of_harmonized: Tensor) -> Tensor:
    """Cross entropy of the harmonizer: logits (B, 1, H, W) should say real everywhere; one number."""
    wanted = torch.ones_like(of_harmonized, dtype=torch.float32)
    return F.binary_cross_entropy_with_logits(of_harmonized.float(), wanted)


def _convolve(before: int, after: int, stride: int = 1) -> nn.Module:
    module: nn.Module = spectral_norm(nn.Conv2d(before, after, 3, stride, padding=1))
    return module
