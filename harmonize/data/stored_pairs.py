"""Pairs on disk, in iHarmony4's layout or packed, to batches.

Threads read, not processes: decoding and resizing leave Python's lock, and nothing has to be copied between processes
or forked under a running network.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ccharmony.arrays import Float32, Int64, UInt8
from ccharmony.dataset.formats.pair_files import PairPaths, group_by_object
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from harmonize.data import batches, crops, shard_order
from harmonize.data.batches import Batch
from harmonize.data.samples import Samples

_STREAM = 2
"""Third number of the seed of an order by shards, so that it is none of another random choice."""

_logger = logging.getLogger(__name__)


class StoredPairs(Samples):
    """Pairs on disk, in iHarmony4's layout or packed: the same pairs give the same batches, wherever they lie.

    Parameters
    ----------
    pairs
        What `ccharmony.dataset.find_pairs.find_pairs` found.
    seed
        Seed of the crops; None gives each picture whole, resized to the square, as it is scored.
    strict
        Whether a picture that cannot be read ends the run; otherwise it is reported once by name, and the next
        pair that can be read takes its place.
    threads
        How many pairs are decoded at a time.
    """

    def __init__(
        self, pairs: Sequence[PairPaths], *, seed: int | None = None, strict: bool = False, threads: int = 2
    ) -> None:
        self.pairs = list(pairs)
        self.seed = seed
        self.strict = strict
        self.broken: dict[int, str] = {}
        self._shards = group_by_object(self.pairs)
        self._pool = ThreadPoolExecutor(max(threads, 1), thread_name_prefix="pairs")

    def __len__(self) -> int:
        return len(self.pairs)

    def stream_order(self, seed: int, epoch: int, batch: int) -> Int64 | None:
        """Return the order of an epoch where the pairs lie in an object store; None where any order is as good."""
        random = np.random.default_rng((seed, epoch, _STREAM))
        return shard_order.order_by_shards(self._shards, batch, random) if self._shards else None

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return stored pairs, cropped and flipped for that epoch, size x size pixels; raises ImageError."""
        # One by itself needs no thread; in a forked worker of DataLoader there is none.
        each = map if len(indices) == 1 else self._pool.map
        samples = list(each(lambda index: self._sample(epoch, index, size), indices))
        composites, masks, reals, names = zip(*samples, strict=True)
        composite, mask, real = (torch.from_numpy(np.stack(part)) for part in (composites, masks, reals))
        return Batch(batches.to_unit(composite), mask[:, None], batches.to_unit(real), names)

    def summarize(self) -> str:
        """Return a line on how many pairs could not be read; empty if none."""
        return f"{len(self.broken)} of {len(self)} pairs could not be read" if self.broken else ""

    def _sample(self, epoch: int, index: int, size: int) -> tuple[UInt8, Float32, UInt8, str]:
        """Return one pair; a broken one is replaced by the next, so that batches keep their size."""
        for step in range(len(self)):
            candidate = (index + step) % len(self)
            if candidate in self.broken:
                continue
            try:
                return self._read(epoch, candidate, size)
            except ImageError as error:
                if self.strict:
                    raise
                problem = str(error)
                if self.broken.setdefault(candidate, problem) is problem:  # another thread may have met it too
                    _logger.warning("left out: %s", problem)
        raise ImageError(f"{self.pairs[index].name}: no pair of {len(self)} can be read")

    def _read(self, epoch: int, index: int, size: int) -> tuple[UInt8, Float32, UInt8, str]:
        pair = self.pairs[index]
        composite, mask, real = read_pair(pair)
        if self.seed is None:
            crop = crops.whole(*mask.shape)
        else:
            crop = crops.random_crop_of(crops.generator(self.seed, epoch, index), mask, size)
        pictures = crops.cut(composite, crop, size), crops.cut(mask, crop, size), crops.cut(real, crop, size)
        return *pictures, f"{pair.set}/{pair.name}"


def read_pair(pair: PairPaths) -> tuple[UInt8, Float32, UInt8]:
    """Read composite (H, W, 3), mask (H, W) and real picture (H, W, 3).

    Raises
    ------
    ImageError
        A file cannot be read, or the three differ in size.
    """
    composite, real = pixels.read_image(pair.composite), pixels.read_image(pair.real)
    height, width = real.shape[:2]
    if composite.shape != real.shape:
        found = f"{composite.shape[1]}x{composite.shape[0]}"
        raise ImageError(f"{pair.composite}: {found}, its real picture is {width}x{height}")
    return composite, pixels.read_mask(pair.mask, shape=(height, width)), real
