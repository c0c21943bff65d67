"""Pairs to train with: photos whose foregrounds are relit by donor lights, chosen again in each epoch.

Every photo gets one of its ten nearest lights as its own (a) and any other light as the donor (b). Four candidates
for b are tried on a coarse grid of the foreground, and the first that clips at most 20 % and changes enough is
selected. If none does, the foreground stays as it is: a picture that needs no change. Rejected candidates and unchanged
pictures are counted.

A share of the photos may be relit as a whole (c) before that: the picture to reach is then one that no camera took, so
that a network that sees the same few thousand photos many times cannot memorize their colors. And a share of the donor
lights may be mixtures of two, so that there are more than the few hundred that were recorded.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ccharmony.arrays import Float32, Float64, Int64
from harmonize.data import crops, kinds, lights, mismatch, relight, varied
from harmonize.data.batches import Batch
from harmonize.data.kind_settings import KindSettings
from harmonize.data.lights import Lights
from harmonize.data.mismatch import Statistics
from harmonize.data.photos import PhotoMemory
from harmonize.data.samples import Samples
from harmonize.devices import send

CANDIDATES = 4
"""Donor lights tried for one sample; with the release's lights all are rejected for fewer than 1 % of the samples."""

_GRID = 32
"""Side of the grid of pixels on which candidates and the colors of foregrounds are measured."""

_MEASURED = 256
"""Photos whose colors are measured at a time."""

_logger = logging.getLogger(__name__)


@dataclass
class Counts:
    """Rejected candidates and unchanged samples; tensors, so that counting does not wait for the device."""

    samples: int = 0
    refused: Tensor | int = 0
    unchanged: Tensor | int = 0

    def summarize(self) -> str:
        """Return the shares as a line; empty before the first sample."""
        refused, unchanged = self.shares()
        if not self.samples:
            return ""
        left = f"{unchanged:.2%} of {self.samples:,} pictures left unchanged"
        return f"{refused:.3f} lights refused for a picture in the mean, {left}"

    def shares(self) -> tuple[float, float]:
        """Return the mean number of candidates rejected for a sample, and the share of samples left unchanged."""
        count = max(self.samples, 1)
        return float(self.refused) / count, float(self.unchanged) / count


@dataclass(frozen=True)
class _Choices:
    """Random choices for one sample: crop, own light, candidate lights, light for the whole photo.

    Lights and photos are given by their row. A candidate is the light in `donors`, or a mixture: the light in `other`
    has that `share` of it. `whole` is None for a photo that is not relit as a whole, `backdrop`, a photo and its crop,
    for a foreground that stays on its own.
    """

    photo: int
    crop: crops.Crop
    own: int
    donors: Int64
    other: Int64
    share: Float32
    whole: int | None
    kind: kinds.Choice
    backdrop: tuple[int, crops.Crop] | None


@dataclass
class LitPhotos(Samples):
    """Photos of a training set under donor lights that change every epoch.

    Attributes
    ----------
    memory
        The photos, on the device where batches are made.
    lights
        The donor lights, on the same device.
    seed
        Seed of crops and lights.
    relit
        Share of the photos that are relit as a whole, in [0, 1].
    mixed
        Share of the donor lights that are a mixture of two, in [0, 1]: T'_b = (1 - s) T'_b1 + s T'_b2, s uniform in
        [0, 1].
    kinds
        Shares of other kinds of mismatch, and of hidden seams.
    balanced
        Whether a sample is a random photo, each source in proportion to the square root of its number of photos,
        instead of the photo of that index. Evenly drawn sources would show the 60 frames of one as often as the 1,567
        photos of another.
    """

    memory: PhotoMemory
    lights: Lights
    seed: int
    relit: float = 0.0
    mixed: float = 0.0
    kinds: KindSettings = field(default_factory=KindSettings)
    balanced: bool = False
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._kinds_differ = self.kinds != KindSettings()
        self._own = lights.nearest(self.lights, self.memory.means)  # (photos, NEAREST)
        self._masked = np.ones(len(self.memory), bool)  # without regions an empty mask stays empty
        if self.kinds.regions:
            self._masked = np.array([bool(self.memory.mask(row).any()) for row in range(len(self.memory))])
        self._chances = _balance(self.memory.sources) if self.balanced else None
        self._statistics: Statistics | None = _measure(self.memory) if self.kinds.statistics else None
        self._looks: Float32 | None = None
        if self.kinds.pasted:
            self._looks = _measure(self.memory, background=True).lab.flatten(1).cpu().numpy()  # (photos, 6)

    def __len__(self) -> int:
        return len(self.memory)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return photos under the lights of that epoch, cropped and flipped, size x size pixels."""
        choices = [self._choose_randomly(epoch, index, size) for index in indices]
        rows, chosen = [choice.photo for choice in choices], [choice.kind for choice in choices]
        photo, mask = self.memory.cut(rows, [choice.crop for choice in choices], size)
        mask = varied.cut_foregrounds(photo, mask, chosen, masked=self._masked[rows])
        photo, background = varied.leave_traces(photo, self._backgrounds(photo, choices), chosen)
        own = send(np.array([choice.own for choice in choices]), photo.device)  # (B,)
        lit, suitable = self._relight_foregrounds(photo, mask, own, choices)
        opacity = varied.soften(mask, chosen)
        real = photo if background is photo else relight.paste(background, photo, opacity)
        real = self._relight_photos(real, own, choices)
        composite = relight.paste(real, lit, torch.where(suitable[:, None, None, None], opacity, 0.0))
        composite, mask, real = varied.hide_seams(composite, mask, real, chosen)
        return Batch(composite, mask, real, tuple(self.memory.ids[row] for row in rows))

    def summarize(self) -> str:
        """Return a line on the donor lights so far: rejected candidates and unchanged pictures."""
        return self.counts.summarize()

    def _choose_randomly(self, epoch: int, index: int, size: int) -> _Choices:
        random = crops.generator(self.seed, epoch, index)
        photo = index if self._chances is None else int(random.choice(len(self.memory), p=self._chances))
        crop = crops.random_crop_of(random, self.memory.mask(photo), size)
        own = int(random.choice(self._own[photo]))
        donors = random.choice(len(self.lights) - 1, min(CANDIDATES, len(self.lights) - 1), replace=False)
        whole = int(random.integers(len(self.lights))) if random.random() < self.relit else None
        other = random.integers(len(self.lights), size=len(donors))
        share = random.random(len(donors), np.float32) * (random.random(len(donors)) < self.mixed)
        kind = kinds.choose(random, self.kinds, len(self.memory), size) if self._kinds_differ else kinds.PLAIN
        backdrop = self._choose_backdrop(random, photo, kind.backdrops) if kind.backdrops else None
        return _Choices(photo, crop, own, donors + (donors >= own), other, share, whole, kind, backdrop)

    def _choose_backdrop(
        self, random: np.random.Generator, photo: int, offered: Sequence[int]
    ) -> tuple[int, crops.Crop]:
        """Return the photo whose background looks most like that of another, and a crop of it."""
        assert self._looks is not None  # kinds.pasted is above 0
        apart = np.linalg.norm(self._looks[list(offered)] - self._looks[photo], axis=1)
        best = offered[int(apart.argmin())]
        return best, crops.random_crop(random, *map(int, self.memory.shapes[best]))

    def _backgrounds(self, photo: Tensor, choices: Sequence[_Choices]) -> Tensor:
        """Return what the foregrounds stand on: the photos, (B, 3, H, W), or others where choices say so."""
        found = [(row, *choice.backdrop) for row, choice in enumerate(choices) if choice.backdrop is not None]
        if not found:
            return photo
        at, rows, parts = zip(*found, strict=True)
        backdrops, _ = self.memory.cut(rows, parts, photo.shape[-1])
        return photo.index_copy(0, send(np.array(at), photo.device), backdrops)

    def _relight_foregrounds(
        self, photo: Tensor, mask: Tensor, own: Tensor, choices: Sequence[_Choices]
    ) -> tuple[Tensor, Tensor]:
        """Return photos changed by the kinds of their samples, (B, 3, H, W), and where they may be pasted, (B,)."""
        offered, to_standard = self._candidates(choices), self.lights.to_standard[own]
        donors, suitable = self._choose(photo, mask, own, offered)
        lit = relight.relight(photo, to_standard, donors)

        def second() -> Tensor:
            return relight.relight(photo, to_standard, offered[:, -1])

        chosen = [choice.kind for choice in choices]
        return varied.change_foregrounds(photo, mask, (lit, second), suitable, self._statistics_of, chosen)

    def _statistics_of(self, photos: Sequence[int]) -> Statistics:
        """Return the colors of the foregrounds of some photos."""
        assert self._statistics is not None  # kinds.statistics is above 0
        return self._statistics.select(send(np.array(photos), self._statistics.mean.device))

    def _candidates(self, choices: Sequence[_Choices]) -> Tensor:
        """Return the matrices T'_b of the candidate lights, (B, CANDIDATES, 3, 11)."""
        matrices = self.lights.from_standard
        donors = matrices[send(np.array([choice.donors for choice in choices]), matrices.device)]
        if not self.mixed:
            return donors
        other = matrices[send(np.array([choice.other for choice in choices]), matrices.device)]
        share = send(np.array([choice.share for choice in choices]), matrices.device)  # (B, CANDIDATES)
        return torch.lerp(donors, other, share[:, :, None, None])

    def _relight_photos(self, photo: Tensor, own: Tensor, choices: Sequence[_Choices]) -> Tensor:
        """Relight photos as a whole where a choice says so and it clips little; the others stay as they are."""
        rows = [row for row, choice in enumerate(choices) if choice.whole is not None]
        if not rows:
            return photo
        selected = send(np.array(rows), photo.device)  # (K,)
        whole = send(np.array([choices[row].whole for row in rows]), photo.device)
        before = photo[selected]
        after = relight.relight(before, self.lights.to_standard[own[selected]], self.lights.from_standard[whole])
        clipped, _ = relight.measure_change(before, after, torch.ones_like(before[:, :1]))
        fits = (clipped <= relight.MOST_CLIPPED)[:, None, None, None]
        return photo.index_copy(0, selected, torch.where(fits, (after.clamp(0, 1) * 255).round() / 255, before))

    def _choose(self, photo: Tensor, mask: Tensor, own: Tensor, offered: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first suitable matrix of those `offered`, (B, 3, 11), and whether one is suitable, (B,)."""
        step = max(photo.shape[-1] // _GRID, 1)
        count, tries = offered.shape[:2]
        coarse = photo[..., ::step, ::step].repeat_interleave(tries, dim=0)  # (B·tries, 3, g, g)
        inside = mask[..., ::step, ::step].repeat_interleave(tries, dim=0)
        to_standard = self.lights.to_standard[own].repeat_interleave(tries, dim=0)
        figures = relight.measure_change(coarse, relight.relight(coarse, to_standard, offered.flatten(0, 1)), inside)
        good = relight.acceptable(*figures).view(count, tries)
        empty = (inside <= 0.5).flatten(1).all(dim=1).view(count, tries)[:, 0]
        first = good.int().argmax(dim=1)
        suitable = good.any(dim=1)
        self.counts.samples += count
        self.counts.refused += torch.where(suitable, first, tries).masked_fill(empty, 0).sum()
        self.counts.unchanged += (~suitable & ~empty).sum()
        return offered[torch.arange(count, device=first.device), first], suitable


def _balance(sources: Sequence[str]) -> Float64:
    """Return the chance of each photo, (photos,): a source as a whole has the square root of its number of photos."""
    count = Counter(sources)
    chances = np.array([count[source] ** -0.5 for source in sources])
    return np.asarray(chances / chances.sum(), np.float64)


def _measure(memory: PhotoMemory, *, background: bool = False) -> Statistics:
    """Return the colors of all foregrounds, or of all backgrounds, each over a grid of its whole picture."""
    parts = []
    for start in range(0, len(memory), _MEASURED):
        rows = range(start, min(start + _MEASURED, len(memory)))
        wholes = [crops.whole(*(int(side) for side in memory.shapes[row])) for row in rows]
        photo, mask = memory.cut(rows, wholes, _GRID)
        weight = 1 - mask if background else mask
        empty = weight.sum((1, 2, 3), keepdim=True) == 0  # no mask, or nothing around it: the whole picture counts
        parts.append(mismatch.measure(photo, torch.where(empty, 1.0, weight)))
    columns = ([getattr(part, name) for part in parts] for name in ("lab", "mean", "covariance"))
    return Statistics(*(torch.cat(column) for column in columns))
