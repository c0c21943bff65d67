"""Pairs from photos and lent lights: drawn anew each epoch to train with, fixed by a hash to validate with.

Every photo gets one of its ten nearest lights as its own (a) and any other light as the lent one (b). Four candidates
for b are tried on a coarse grid of the foreground, and the first that clips at most 20 % and changes enough is taken;
where none does, the foreground stays as it is: a picture that needs no change. Both are counted.
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

from ccharmony import pixels
from harmonize import augment, batches, lights
from harmonize.batches import Batch
from harmonize.lights import Lights
from harmonize.photos import PhotoMemory, PhotoPaths, read_photo, send

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
    """

    memory: PhotoMemory
    lights: Lights
    seed: int
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._own = lights.nearest(self.lights, self.memory.means)  # (photos, NEAREST)

    def __len__(self) -> int:
        return len(self.memory)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return photos under the lights of that epoch, cropped and flipped, size x size pixels."""
        draws = [self._draw(epoch, index, size) for index in indices]
        photo, mask = self.memory.cut(indices, [crop for crop, _, _ in draws], size)
        own = send(np.array([row for _, row, _ in draws]), photo.device)  # (B,)
        lent = send(np.array([rows for _, _, rows in draws]), photo.device)  # (B, CANDIDATES)
        names = tuple(self.memory.ids[index] for index in indices)
        return Batch(self._light(photo, mask, own, lent), mask, photo, names)

    def tell(self) -> str:
        """Say in a line how the lights that were lent turned out."""
        return self.counts.tell()

    def _draw(self, epoch: int, index: int, size: int) -> tuple[augment.Crop, int, npt.NDArray[np.int64]]:
        """Draw the crop, the row of the photo's own light and the rows of the candidates."""
        random = augment.generator(self.seed, epoch, index)
        crop = augment.draw_crop_of(random, self.memory.mask(index), size)
        own = int(random.choice(self._own[index]))
        others = random.choice(len(self.lights) - 1, min(CANDIDATES, len(self.lights) - 1), replace=False)
        return crop, own, others + (others >= own)

    def _light(self, photo: Tensor, mask: Tensor, own: Tensor, lent: Tensor) -> Tensor:
        chosen, suitable = self._choose(photo, mask, own, lent)
        lit = lights.relight(photo, self.lights.to_standard[own], self.lights.from_standard[chosen])
        share = torch.where(suitable[:, None, None, None], mask, torch.zeros_like(mask))
        return lights.paste(photo, lit, share)

    def _choose(self, photo: Tensor, mask: Tensor, own: Tensor, lent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first candidate that will do, (B,), and whether there is one, (B,)."""
        step = max(photo.shape[-1] // _GRID, 1)
        count, tries = lent.shape
        coarse = photo[..., ::step, ::step].repeat_interleave(tries, dim=0)  # (B·tries, 3, g, g)
        inside = mask[..., ::step, ::step].repeat_interleave(tries, dim=0)
        forward, backward = (
            self.lights.to_standard[own.repeat_interleave(tries)],
            self.lights.from_standard[lent.flatten()],
        )
        figures = lights.judge(coarse, lights.relight(coarse, forward, backward), inside)
        good = lights.acceptable(*figures).view(count, tries)
        empty = (inside <= 0.5).flatten(1).all(dim=1).view(count, tries)[:, 0]
        first = good.int().argmax(dim=1)
        suitable = good.any(dim=1)
        self.counts.samples += count
        self.counts.refused += torch.where(suitable, first, tries).masked_fill(empty, 0).sum()
        self.counts.unchanged += (~suitable & ~empty).sum()
        return lent.gather(1, first[:, None])[:, 0], suitable


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
            pixels.make_folder(root / name)
        for pair in self.pairs:
            foreground, _, _ = pair.name.rpartition("_")
            pixels.write_image(root / "composite_images" / f"{pair.name}.png", pair.composite)
            pixels.write_mask(root / "masks" / f"{foreground}.png", pair.mask / np.float32(255))
            pixels.write_image(root / "real_images" / f"{foreground.rpartition('_')[0]}.png", pair.real)
        lines = "".join(f"{pair.name}.png\n" for pair in self.pairs)
        pixels.write_bytes(root / f"{root.name}_{split}.txt", lines.encode())


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
    whole = augment.whole(*pair.mask.shape)
    mask = augment.cut(pair.mask.astype(np.float32) / np.float32(255), whole, size)
    return augment.cut(pair.composite, whole, size), mask, augment.cut(pair.real, whole, size)
