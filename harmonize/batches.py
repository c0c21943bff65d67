"""From pairs on disk to batches: what a training step is fed.

A source gives the same batch for the same epoch and indices, whichever process or thread asks: all randomness comes from
`augment.generator`. So a resumed run and a run on several processes see what an unbroken run on one sees.

Threads read ahead, not processes: decoding and resizing leave Python's lock, and nothing has to be copied between
processes or forked under a running network.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ccharmony import pixels
from ccharmony.errors import ImageError, SettingsError
from ccharmony.layout import PairPaths
from harmonize import augment

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Composites, their masks and the real pictures.

    Attributes
    ----------
    composite, real
        Pictures (B, 3, H, W), RGB, sRGB-encoded, in [0, 1], float32.
    mask
        Foreground (B, 1, H, W), in [0, 1], float32.
    names
        One name a picture, for lines that speak of it.
    """

    composite: Tensor
    mask: Tensor
    real: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch on another device."""
        tensors = (tensor.to(device, non_blocking=True) for tensor in (self.composite, self.mask, self.real))
        return Batch(*tensors, self.names)

    def take(self, rows: Sequence[int]) -> Batch:
        """Return the pictures of these rows, in this order."""
        tensors = (tensor[list(rows)] for tensor in (self.composite, self.mask, self.real))
        return Batch(*tensors, tuple(self.names[row] for row in rows))


@dataclass(frozen=True)
class Draw:
    """What one step asks of a source: samples of an epoch, as squares of `size` pixels."""

    epoch: int
    indices: Sequence[int]
    size: int


def join(batches: Sequence[Batch]) -> Batch:
    """Return several batches of one picture size as one."""
    tensors = (torch.cat([getattr(batch, part) for batch in batches]) for part in ("composite", "mask", "real"))
    return Batch(*tensors, sum((batch.names for batch in batches), ()))


class Source(Protocol):
    """Where batches come from: a fixed number of samples, each drawn anew every epoch."""

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        ...

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return the samples of these indices as they are in that epoch, size x size pixels."""
        ...


class StoredPairs:
    """Pairs on disk in iHarmony4's layout.

    Parameters
    ----------
    pairs
        What `ccharmony.layout.find_pairs` found.
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
        self._pool = ThreadPoolExecutor(max(threads, 1), thread_name_prefix="pairs")

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return stored pairs, cropped and flipped for that epoch, size x size pixels; raises ImageError."""
        samples = list(self._pool.map(lambda index: self._sample(epoch, index, size), indices))
        composites, masks, reals, names = zip(*samples, strict=True)
        composite, mask, real = (torch.from_numpy(np.stack(part)) for part in (composites, masks, reals))
        return Batch(to_unit(composite), mask[:, None], to_unit(real), names)

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
                if self.broken.setdefault(candidate, str(error)) == str(error):
                    _logger.warning("left out: %s", error)
        raise ImageError(f"{self.pairs[index].name}: no pair of {len(self)} can be read")

    def _read(self, epoch: int, index: int, size: int) -> tuple[UInt8, Float32, UInt8, str]:
        pair = self.pairs[index]
        composite, mask, real = read_pair(pair)
        if self.seed is None:
            crop = augment.whole(*mask.shape)
        else:
            crop = augment.draw_crop_of(augment.generator(self.seed, epoch, index), mask, size)
        return cut(composite, crop, size), cut(mask, crop, size), cut(real, crop, size), f"{pair.set}/{pair.name}"


class Joined:
    """Several sources as one; the indices run through the first, then the second, and so on."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self._starts = np.cumsum([0, *map(len, sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return the samples in the order of their indices, whichever source each is from."""
        owners = np.searchsorted(self._starts, indices, side="right") - 1
        parts: list[Batch] = []
        order: list[int] = []
        for owner, source in enumerate(self.sources):
            rows = np.flatnonzero(owners == owner)
            if len(rows):
                parts.append(source.batch(epoch, [int(indices[row] - self._starts[owner]) for row in rows], size))
                order.extend(rows.tolist())
        return join(parts).take(np.argsort(order).tolist())


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


def cut(picture: npt.NDArray[np.generic], crop: augment.Crop, size: int) -> npt.NDArray[np.generic]:
    """Return a crop of a picture or mask at size x size pixels, bilinear without antialiasing, as the field does."""
    part = picture[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    resized = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(resized[:, ::-1]) if crop.flip else resized


def order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """Return the order in which an epoch visits `count` samples."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def plan(seed: int, epoch: int, count: int, batch: int, *, rank: int = 0, processes: int = 1) -> list[list[int]]:
    """Return which samples each step of an epoch takes.

    Parameters
    ----------
    seed, epoch, count
        As in `order`.
    batch
        Pictures a step, over all processes; what is left at the end of the epoch is not used.
    rank, processes
        Which part of each batch is this process's, of how many.

    Raises
    ------
    SettingsError
        The batch is larger than the set, or cannot be shared evenly.
    """
    if batch > count:
        raise SettingsError(f"batch {batch} is larger than the set: {count} samples")
    if batch % processes:
        raise SettingsError(
            f"batch {batch} cannot be shared by {processes} processes, wanted a multiple of {processes}"
        )
    visits = order(seed, epoch, count)[: count // batch * batch].reshape(-1, batch)  # (steps, batch)
    share = batch // processes
    return [row.tolist() for row in visits[:, rank * share : (rank + 1) * share]]


def read_ahead(source: Source, draws: Iterable[Draw], ahead: int) -> Iterator[tuple[Draw, Batch]]:
    """Give draws and their batches in order, up to `ahead` of them prepared in a thread while one is used.

    With `ahead` 0 each is prepared when it is asked for, which is right where preparing needs the network's device.
    """
    if ahead == 0:
        yield from ((draw, source.batch(draw.epoch, draw.indices, draw.size)) for draw in draws)
        return
    waiting: deque[tuple[Draw, Future[Batch]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        try:
            for draw in draws:
                waiting.append((draw, pool.submit(source.batch, draw.epoch, draw.indices, draw.size)))
                if len(waiting) > ahead:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def to_unit(images: Tensor) -> Tensor:
    """Return 8-bit images (B, H, W, 3) as a tensor (B, 3, H, W) of floats in [0, 1]."""
    return images.permute(0, 3, 1, 2).contiguous().float().div_(255)
