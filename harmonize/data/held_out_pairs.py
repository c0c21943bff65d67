"""Pairs that only validation sees: photos that training does not see, relit by lights that training does not use."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ccharmony import files
from ccharmony.arrays import Float32, UInt8
from ccharmony.images import pixels
from harmonize.data import batches, crops, lights, relight, seam
from harmonize.data.batches import Batch
from harmonize.data.lights import Lights
from harmonize.data.photos import PhotoPaths, read_photo

SEAM = 2 / 256
"""Width of the seam that is hidden, as a share of the side: what the networks read of it lies within two pixels."""
FOLDERS = ("composite_images", "masks", "real_images")


@dataclass(frozen=True)
class HeldPair:
    """One composite that is the same in every epoch.

    Attributes
    ----------
    name
        Name of the photo, with a number for the donor light.
    composite, real
        Pictures (H, W, 3), RGB, sRGB-encoded, 8 bits.
    mask
        Foreground (H, W), 8 bits.
    """

    name: str
    composite: UInt8
    mask: UInt8
    real: UInt8


class HeldPairs:
    """Validation pairs: photos under donor lights that training does not use, the same in every epoch.

    Attributes
    ----------
    pairs
        The composites at the photos' own resolution.
    hidden
        Whether batches hide the seam, as training does where `kinds.hidden` says so: a ring of `SEAM` of the side
        next to the foreground is filled from farther out.
    without
        Photos for which every held-out light is rejected; they are left out.
    """

    def __init__(
        self, photos: Sequence[PhotoPaths], held: Lights, *, each: int = 1, threads: int = 2, hidden: bool = False
    ) -> None:
        self.hidden = hidden
        with ThreadPoolExecutor(max(threads, 1)) as pool:
            found = list(pool.map(lambda paths: list(_hold(paths, held, each)), photos))
        self.pairs = [pair for pairs in found for pair in pairs]
        self.without = [paths.id for paths, pairs in zip(photos, found, strict=True) if not pairs]
        if self.without:
            logging.getLogger(__name__).info(
                "%d of %d photos are left out: no held-out light is suitable for them", len(self.without), len(photos)
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:  # noqa: ARG002 - the same every epoch
        """Return uncropped pairs, size x size pixels."""
        cut = [_cut_whole(self.pairs[index], size) for index in indices]
        composite, mask, real = (torch.from_numpy(np.stack(part)) for part in zip(*cut, strict=True))
        names = tuple(self.pairs[index].name for index in indices)
        given, inside = batches.to_unit(composite), mask[:, None]
        if self.hidden:
            given = seam.fill_outside(given, inside, [max(round(SEAM * size), 1)] * len(cut))
        return Batch(given, inside, batches.to_unit(real), names)

    def write(self, root: Path, split: str = "test") -> None:
        """Write the pairs as PNG in iHarmony4's layout, with their list; raises OutputError."""
        for name in FOLDERS:
            files.make_folder(root / name)
        for pair in self.pairs:
            foreground, _, _ = pair.name.rpartition("_")
            pixels.write_image(root / "composite_images" / f"{pair.name}.png", pair.composite)
            pixels.write_mask(root / "masks" / f"{foreground}.png", pair.mask / np.float32(255))
            pixels.write_image(root / "real_images" / f"{foreground.rpartition('_')[0]}.png", pair.real)
        lines = "".join(f"{pair.name}.png\n" for pair in self.pairs)
        files.write_bytes(root / f"{root.name}_{split}.txt", lines.encode())


def _hold(paths: PhotoPaths, held: Lights, each: int) -> Iterator[HeldPair]:
    """Give the first `each` suitable composites of a photo, donor lights ordered by a hash of both ids."""
    image, mask = read_photo(paths)
    photo, inside = batches.to_unit(torch.from_numpy(image)[None]), torch.from_numpy(mask)[None, None].float() / 255
    near = lights.nearest(held, photo.mean(dim=(2, 3)))[0]
    own = int(near[lights.hash_of(paths.id) % len(near)])
    order = sorted(range(len(held)), key=lambda row: lights.hash_of(f"{paths.id} {held.ids[row]}"))
    given = 0
    for row in order:
        if row == own or given == each:
            continue
        lit = relight.relight(photo, held.to_standard[[own]], held.from_standard[[row]])
        if relight.acceptable(*relight.measure_change(photo, lit, inside)).item():
            given += 1
            levels = (relight.paste(photo, lit, inside)[0] * 255).round().to(torch.uint8)
            yield HeldPair(f"{paths.id}_a_{given}", levels.permute(1, 2, 0).contiguous().numpy(), mask, image)


def _cut_whole(pair: HeldPair, size: int) -> tuple[UInt8, Float32, UInt8]:
    """Resize a pair as a stored one is: pictures in 8 bits, the mask in floats."""
    whole = crops.whole(*pair.mask.shape)
    mask = crops.cut(pair.mask.astype(np.float32) / np.float32(255), whole, size)
    return crops.cut(pair.composite, whole, size), mask, crops.cut(pair.real, whole, size)
