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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ccharmony import files
from ccharmony.images import pixels
from harmonize.data import batches, crops, lights
from harmonize.data.batches import Batch
from harmonize.data.lights import Lights
from harmonize.data.photos import PhotoMemory, PhotoPaths, read_photo, send

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

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
    lent: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]
    share: Float32
    whole: int | None


@dataclass
class LitPhotos:
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
        lit = lights.relight(photo, self.lights.to_standard[own], chosen)
        real = self._light_whole(photo, own, draws) if self.relit else photo
        share = torch.where(suitable[:, None, None, None], mask, torch.zeros_like(mask))
        return Batch(lights.paste(real, lit, share), mask, real, tuple(self.memory.ids[index] for index in indices))

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
        after = lights.relight(before, self.lights.to_standard[own[places]], self.lights.from_standard[whole])
        clipped, _ = lights.judge(before, after, torch.ones_like(before[:, :1]))
        fits = (clipped <= lights.MOST_CLIPPED)[:, None, None, None]
        return photo.index_copy(0, places, torch.where(fits, (after.clamp(0, 1) * 255).round() / 255, before))

    def _choose(self, photo: Tensor, mask: Tensor, own: Tensor, offered: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first light of those `offered` that will do, (B, 3, 11), and whether there is one, (B,)."""
        step = max(photo.shape[-1] // _GRID, 1)
        count, tries = offered.shape[:2]
        coarse = photo[..., ::step, ::step].repeat_interleave(tries, dim=0)  # (B·tries, 3, g, g)
        inside = mask[..., ::step, ::step].repeat_interleave(tries, dim=0)
        to_standard = self.lights.to_standard[own].repeat_interleave(tries, dim=0)
        figures = lights.judge(coarse, lights.relight(coarse, to_standard, offered.flatten(0, 1)), inside)
        good = lights.acceptable(*figures).view(count, tries)
        empty = (inside <= 0.5).flatten(1).all(dim=1).view(count, tries)[:, 0]
        first = good.int().argmax(dim=1)
        suitable = good.any(dim=1)
        self.counts.samples += count
        self.counts.refused += torch.where(suitable, first, tries).masked_fill(empty, 0).sum()
        self.counts.unchanged += (~suitable & ~empty).sum()
        return offered[torch.arange(count, device=first.device), first], suitable


@dataclass(frozen=True)
class HeldPair:
    """One composite that never changes: photo (H, W, 3), its mask (H, W), the composite (H, W, 3), all uint8."""

    name: str
    composite: UInt8
    mask: UInt8
    real: UInt8


class HeldPairs:
    """Validation pairs: photos under lights that training never sees, always the same ones.

    Attributes
    ----------
    pairs
        The composites at the photos' own resolution.
    without
        Photos that no held light suits; they are left out.
    """

    def __init__(self, photos: Sequence[PhotoPaths], held: Lights, *, each: int = 1, threads: int = 2) -> None:
        with ThreadPoolExecutor(max(threads, 1)) as pool:
            found = list(pool.map(lambda paths: list(_hold(paths, held, each)), photos))
        self.pairs = [pair for pairs in found for pair in pairs]
        self.without = [paths.id for paths, pairs in zip(photos, found, strict=True) if not pairs]
        if self.without:
            _logger.info("%d of %d photos find no suitable held light and are left out", len(self.without), len(photos))

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:  # noqa: ARG002 - the same every epoch
        """Return whole pairs, size x size pixels."""
        cut = [_cut_whole(self.pairs[index], size) for index in indices]
        composite, mask, real = (torch.from_numpy(np.stack(part)) for part in zip(*cut, strict=True))
        names = tuple(self.pairs[index].name for index in indices)
        return Batch(batches.to_unit(composite), mask[:, None], batches.to_unit(real), names)

    def write(self, root: Path, split: str = "test") -> None:
        """Write the pairs as PNG in iHarmony4's layout, with their list; raises OutputError."""
        for name in ("composite_images", "masks", "real_images"):
            files.make_folder(root / name)
        for pair in self.pairs:
            foreground, _, _ = pair.name.rpartition("_")
            pixels.write_image(root / "composite_images" / f"{pair.name}.png", pair.composite)
            pixels.write_mask(root / "masks" / f"{foreground}.png", pair.mask / np.float32(255))
            pixels.write_image(root / "real_images" / f"{foreground.rpartition('_')[0]}.png", pair.real)
        lines = "".join(f"{pair.name}.png\n" for pair in self.pairs)
        files.write_bytes(root / f"{root.name}_{split}.txt", lines.encode())


def _hold(paths: PhotoPaths, held: Lights, each: int) -> Iterator[HeldPair]:
    """Give the first `each` suitable composites of a photo, its lights ordered by a hash of both ids."""
    image, mask = read_photo(paths)
    photo, inside = batches.to_unit(torch.from_numpy(image)[None]), torch.from_numpy(mask)[None, None].float() / 255
    near = lights.nearest(held, photo.mean(dim=(2, 3)))[0]
    own = int(near[lights.hash_of(paths.id) % len(near)])
    order = sorted(range(len(held)), key=lambda row: lights.hash_of(f"{paths.id} {held.ids[row]}"))
    given = 0
    for row in order:
        if row == own or given == each:
            continue
        lit = lights.relight(photo, held.to_standard[[own]], held.from_standard[[row]])
        if lights.acceptable(*lights.judge(photo, lit, inside)).item():
            given += 1
            levels = (lights.paste(photo, lit, inside)[0] * 255).round().to(torch.uint8)
            yield HeldPair(f"{paths.id}_a_{given}", levels.permute(1, 2, 0).contiguous().numpy(), mask, image)


def _cut_whole(pair: HeldPair, size: int) -> tuple[UInt8, Float32, UInt8]:
    """Resize a pair as a stored one is: pictures in 8 bits, the mask in floats."""
    whole = crops.whole(*pair.mask.shape)
    mask = crops.cut(pair.mask.astype(np.float32) / np.float32(255), whole, size)
    return crops.cut(pair.composite, whole, size), mask, crops.cut(pair.real, whole, size)
