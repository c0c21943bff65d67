"""Pairs from photos and lent lights: drawn anew each epoch to train with, fixed by a hash to validate with.

Every photo gets one of its ten nearest lights as its own (a) and any other light as the lent one (b). Four candidates
for b are tried on a coarse grid of the foreground, and the first that clips at most 20 % and changes enough is taken;
where none does, the foreground stays as it is: a picture that needs no change. Both are counted.

A share of the photos may be lit as a whole (c) before that: the picture to reach is then one that no camera took, so
that a network that meets the same few thousand photos again and again cannot learn their colors by heart. And a share
of the lent lights may be mixtures of two, so that there are more than the few hundred that were recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ccharmony.arrays import Float32, Int64
from harmonize.data import crops, lights, relight
from harmonize.data.batches import Batch
from harmonize.data.lights import Lights
from harmonize.data.photos import PhotoMemory, send
from harmonize.data.samples import Samples

CANDIDATES = 4
"""Lights tried for one sample; with the release's lights fewer than 1 % of the samples find none that will do."""

_GRID = 32
"""Side of the grid on which candidates are judged."""

_logger = logging.getLogger(__name__)


@dataclass
class Counts:
    """How the lights that were lent turned out; tensors, so that counting does not wait for the device."""

    samples: int = 0
    refused: Tensor | int = 0
    unchanged: Tensor | int = 0

    def tell(self) -> str:
        """Say the shares in a line; empty before the first sample."""
        refused, unchanged = self.shares()
        if not self.samples:
            return ""
        return f"{refused:.3f} lights refused a picture, {unchanged:.2%} of {self.samples:,} pictures left unchanged"

    def shares(self) -> tuple[float, float]:
        """Return the candidates refused a sample, and the share of samples left unchanged."""
        count = max(self.samples, 1)
        return float(self.refused) / count, float(self.unchanged) / count


@dataclass(frozen=True)
class _Drawn:
    """What chance gives one sample: its crop, the row of its own light, those of the candidates and of a whole's.

    A candidate is the light `lent`, or a mixture: the light `other` has that `share` of it.
    """

    crop: crops.Crop
    own: int
    lent: Int64
    other: Int64
    share: Float32
    whole: int | None


@dataclass
class LitPhotos(Samples):
    """Photos of a training set under lights that change every epoch.

    Attributes
    ----------
    memory
        The photos, on the device where batches are made.
    lights
        The lights that are lent, on the same device.
    seed
        Seed of crops and lights.
    relit
        Share of the photos that are lit as a whole.
    mixed
        Share of the lent lights that are a mixture of two: T'_b = (1 - s) T'_b1 + s T'_b2, s uniform in [0, 1].
    """

    memory: PhotoMemory
    lights: Lights
    seed: int
    relit: float = 0.0
    mixed: float = 0.0
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._own = lights.nearest(self.lights, self.memory.means)  # (photos, NEAREST)

    def __len__(self) -> int:
        return len(self.memory)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return photos under the lights of that epoch, cropped and flipped, size x size pixels."""
        draws = [self._draw(epoch, index, size) for index in indices]
        photo, mask = self.memory.cut(indices, [draw.crop for draw in draws], size)
        own = send(np.array([draw.own for draw in draws]), photo.device)  # (B,)
        chosen, suitable = self._choose(photo, mask, own, self._lend(draws))
        lit = relight.relight(photo, self.lights.to_standard[own], chosen)
        real = self._light_whole(photo, own, draws) if self.relit else photo
        share = torch.where(suitable[:, None, None, None], mask, torch.zeros_like(mask))
        return Batch(relight.paste(real, lit, share), mask, real, tuple(self.memory.ids[index] for index in indices))

    def tell(self) -> str:
        """Say in a line how the lights that were lent turned out."""
        return self.counts.tell()

    def _draw(self, epoch: int, index: int, size: int) -> _Drawn:
        random = crops.generator(self.seed, epoch, index)
        crop = crops.draw_crop_of(random, self.memory.mask(index), size)
        own = int(random.choice(self._own[index]))
        lent = random.choice(len(self.lights) - 1, min(CANDIDATES, len(self.lights) - 1), replace=False)
        whole = int(random.integers(len(self.lights))) if random.random() < self.relit else None
        other = random.integers(len(self.lights), size=len(lent))
        share = random.random(len(lent), np.float32) * (random.random(len(lent)) < self.mixed)
        return _Drawn(crop, own, lent + (lent >= own), other, share, whole)

    def _lend(self, draws: Sequence[_Drawn]) -> Tensor:
        """Return the matrices T'_b of the lights that are offered, (B, CANDIDATES, 3, 11)."""
        matrices = self.lights.from_standard
        lent = matrices[send(np.array([draw.lent for draw in draws]), matrices.device)]
        if not self.mixed:
            return lent
        other = matrices[send(np.array([draw.other for draw in draws]), matrices.device)]
        share = send(np.array([draw.share for draw in draws]), matrices.device)  # (B, CANDIDATES)
        return torch.lerp(lent, other, share[:, :, None, None])

    def _light_whole(self, photo: Tensor, own: Tensor, draws: Sequence[_Drawn]) -> Tensor:
        """Light the photos whose draw says so as a whole, where that clips little; the others stay as they are."""
        rows = [row for row, draw in enumerate(draws) if draw.whole is not None]
        if not rows:
            return photo
        places = send(np.array(rows), photo.device)  # (K,)
        whole = send(np.array([draws[row].whole for row in rows]), photo.device)
        before = photo[places]
        after = relight.relight(before, self.lights.to_standard[own[places]], self.lights.from_standard[whole])
        clipped, _ = relight.judge(before, after, torch.ones_like(before[:, :1]))
        fits = (clipped <= relight.MOST_CLIPPED)[:, None, None, None]
        return photo.index_copy(0, places, torch.where(fits, (after.clamp(0, 1) * 255).round() / 255, before))

    def _choose(self, photo: Tensor, mask: Tensor, own: Tensor, offered: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first light of those `offered` that will do, (B, 3, 11), and whether there is one, (B,)."""
        step = max(photo.shape[-1] // _GRID, 1)
        count, tries = offered.shape[:2]
        coarse = photo[..., ::step, ::step].repeat_interleave(tries, dim=0)  # (B·tries, 3, g, g)
        inside = mask[..., ::step, ::step].repeat_interleave(tries, dim=0)
        to_standard = self.lights.to_standard[own].repeat_interleave(tries, dim=0)
        figures = relight.judge(coarse, relight.relight(coarse, to_standard, offered.flatten(0, 1)), inside)
        good = relight.acceptable(*figures).view(count, tries)
        empty = (inside <= 0.5).flatten(1).all(dim=1).view(count, tries)[:, 0]
        first = good.int().argmax(dim=1)
        suitable = good.any(dim=1)
        self.counts.samples += count
        self.counts.refused += torch.where(suitable, first, tries).masked_fill(empty, 0).sum()
        self.counts.unchanged += (~suitable & ~empty).sum()
        return offered[torch.arange(count, device=first.device), first], suitable
