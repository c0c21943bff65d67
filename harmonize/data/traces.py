"""Traces of a picture's history: compressed as JPEG, or shrunk and enlarged again.

A cut-out and the photo that it is pasted on rarely share one history. A network that never saw it differ takes blocks
and blur for a change of light.

-   :func:`compress`: the quantization of JPEG, without writing a file.
-   :func:`resample`: details lost by shrinking.

References
----------
ITU-T T.81 (JPEG), 1992: tables K.1 and K.2, scaled by quality as the Independent JPEG Group does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harmonize.devices import send

_LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_FROM_YCC = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
_LEAST_SIDE = 8
"""Fewest pixels that a side is shrunk to."""


@dataclass(frozen=True)
class Trace:
    """What one side of a composite went through.

    Attributes
    ----------
    quality
        Of JPEG, 1 to 100; 0 is none.
    scale
        To which it was shrunk before it was enlarged again, in (0, 1]; 1 is not at all.
    """

    quality: int = 0
    scale: float = 1.0


def choose_trace(random: np.random.Generator) -> Trace:
    """Choose a trace at random: JPEG of quality 30 to 95, shrinking to 35 to 90 %, both or neither."""
    quality, scale = int(random.integers(30, 96)), float(random.uniform(0.35, 0.9))
    compressed, shrunk = random.random(2) < (0.6, 0.4)
    return Trace(quality if compressed else 0, scale if shrunk else 1.0)


def leave_traces(picture: Tensor, traces: Sequence[Trace]) -> Tensor:
    """Return pictures (B, 3, H, W) in [0, 1] after what they went through, rounded to 8-bit levels."""
    result = picture
    shrunk = [row for row, trace in enumerate(traces) if trace.scale < 1]
    if shrunk:
        result = result.clone()
        for row in shrunk:
            result[row] = resample(result[row], traces[row].scale)
    compressed = [row for row, trace in enumerate(traces) if trace.quality]
    if compressed:
        at = send(np.array(compressed), picture.device)
        quality = send(np.array([traces[row].quality for row in compressed]), picture.device)
        result = result.index_copy(0, at, compress(result[at], quality))
    return result if result is picture else (result * 255).round() / 255


def resample(picture: Tensor, scale: float) -> Tensor:
    """Shrink a picture (3, H, W), antialiased, and enlarge it to its size again, bilinear."""
    height, width = picture.shape[-2:]
    small = (max(round(height * scale), _LEAST_SIDE), max(round(width * scale), _LEAST_SIDE))
    shrunk = functional.interpolate(picture[None], small, mode="bilinear", antialias=True)
    return functional.interpolate(shrunk, (height, width), mode="bilinear")[0]


def compress(picture: Tensor, quality: Tensor) -> Tensor:
    """Quantize pictures as JPEG does, chroma at half the resolution.

    Parameters
    ----------
    picture
        Pictures (B, 3, H, W), sRGB-encoded, in [0, 1].
    quality
        Of each, 1 to 100, (B,).

    Returns
    -------
    Tensor
        Pictures (B, 3, H, W) in [0, 1], not rounded to levels.
    """
    height, width = picture.shape[-2:]
    padded = functional.pad(picture, (0, -width % 16, 0, -height % 16), mode="replicate")
    planes = torch.einsum("ij,bjhw->bihw", picture.new_tensor(_TO_YCC), padded) * 255
    luma, chroma = planes[:, :1] - 128, functional.avg_pool2d(planes[:, 1:], 2)
    luma = _quantize(luma, _steps(_LUMA_STEPS, quality)) + 128
    chroma = functional.interpolate(_quantize(chroma, _steps(_CHROMA_STEPS, quality)), scale_factor=2, mode="bilinear")
    colors = torch.einsum("ij,bjhw->bihw", picture.new_tensor(_FROM_YCC), torch.cat([luma, chroma], dim=1)) / 255
    return colors[..., :height, :width].clamp(0, 1)


def _quantize(planes: Tensor, steps: Tensor) -> Tensor:
    """Round the cosine coefficients of blocks of 8 x 8 pixels, planes (B, C, H, W), to steps (B, 8, 8)."""
    count, channels, height, width = planes.shape
    basis = planes.new_tensor(_cosines())
    blocks = planes.view(count, channels, height // 8, 8, width // 8, 8)
    coefficients = torch.einsum("uy,bchywx,vx->bchuwv", basis, blocks, basis)
    size = steps[:, None, None, :, None, :]
    rounded = (coefficients / size).round() * size
    return torch.einsum("uy,bchuwv,vx->bchywx", basis, rounded, basis).reshape(planes.shape)


def _steps(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Return the steps of each picture's quality, (B, 8, 8)."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None]
    return ((torch.tensor(table, device=quality.device) * scale + 50) / 100).floor().clamp(1, 255)


def _cosines() -> list[list[float]]:
    """Return the orthonormal cosine basis, frequencies down, pixels across, 8 x 8."""
    return [
        [math.sqrt((1 if row == 0 else 2) / 8) * math.cos((2 * column + 1) * row * math.pi / 16) for column in range(8)]
        for row in range(8)
    ]
