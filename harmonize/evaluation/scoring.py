"""Scores of a network, or of pictures that another method made, pair by pair.

Pairs are decoded ahead in threads, go through the network in batches, and are scored in threads; at no time are more
than a few batches in memory, however long the list.

-   :class:`Rules`: the protocol, the size, and whether the background is pasted back.
-   :func:`score_pairs`: a :class:`ScoredPair` for each pair, in order; for a broken pair a line of text instead.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import nn

from ccharmony.arrays import Float32, UInt8
from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.errors import ImageError, SettingsError
from ccharmony.images import pixels
from harmonize import devices
from harmonize.evaluation import protocols
from harmonize.evaluation.metrics import Scores
from harmonize.evaluation.predictions import Predictions
from harmonize.evaluation.protocols import Protocol
from harmonize.evaluation.ring import Ring, hide_ring
from harmonize.inference import image, network
from harmonize.models.settings import SIDE

Levels = UInt8 | Float32

Item = TypeVar("Item")
Result = TypeVar("Result")

GPU_BATCH = 32
"""Pictures of 256x256 that a GPU takes at a time; a CPU takes one, which is no slower there and needs less memory."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How pictures are scored.

    Attributes
    ----------
    protocol
        The evaluation code that is followed, one of `protocols.PROTOCOLS`.
    full
        Whether pictures are scored at full resolution instead of 256x256. A network's change is then carried there as
        `harmonize apply` does it, and the background is pasted back.
    paste
        Whether the composite's background replaces the prediction's; papers score the raw output.
    network_size
        What the network sees at full resolution, as in `harmonize.inference.image.harmonize_image`.
    ring
        Background that is inpainted before the network sees the composite; None leaves it as it is. The foreground's
        scores compare as without it; the picture's count the ring as an error.

    Raises
    ------
    SettingsError
        The protocol has no full size, or the network's size is no multiple of 32.
    """

    protocol: Protocol
    full: bool = False
    paste: bool = False
    network_size: image.Size = SIDE
    ring: Ring | None = None

    def __post_init__(self) -> None:
        if self.full and not self.protocol.full_size:
            able = " or ".join(name for name, protocol in protocols.PROTOCOLS.items() if protocol.full_size)
            raise SettingsError(
                f"protocol {self.protocol.name}: scores at {SIDE}x{SIDE} only, full size goes with {able}"
            )
        image.check_size(self.network_size)

    @property
    def title(self) -> str:
        """The protocol and the ring, in words; equal titles can be compared."""
        return f"{self.protocol.name}, {self.ring} hidden" if self.ring else self.protocol.name

    def pastes(self, method: nn.Module | Predictions) -> bool:
        """Return whether a method is scored with the composite's own background pasted back."""
        return self.paste or (self.full and not isinstance(method, Predictions))


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Scores of one pair.

    Attributes
    ----------
    set, name
        Sub-dataset and file name of the composite.
    share
        Part of the picture that is foreground, in [0, 1]: mask above 0.5 at 256x256.
    composite, harmonized
        Scores of the composite, and of what the method made of it.
    photo
        Id of the photo that the pair is of; empty where it is not known.
    """

    set: str
    name: str
    share: float
    composite: Scores
    harmonized: Scores
    photo: str = ""


@dataclass(frozen=True, slots=True)
class _Sample:
    """A pair at the size at which it is scored, and the prediction where another method made it."""

    pair: PairPaths
    composite: UInt8
    mask: Float32
    real: UInt8
    share: float
    prediction: Levels | None


def score_pairs(
    pairs: Sequence[PairPaths],
    rules: Rules,
    method: nn.Module | Predictions,
    *,
    threads: int | None = None,
    batch: int | None = None,
) -> Generator[ScoredPair | str, None, None]:
    """Score pairs one after the other.

    Parameters
    ----------
    pairs
        Pairs, as `ccharmony.dataset.find_pairs.find_pairs` returns them.
    rules
        How they are scored.
    method
        A network in evaluation mode, on its device, or pictures that another method made.
    threads
        How many pairs are decoded and scored at a time; by default one a core, at most 16.
    batch
        Pictures that go through the network at a time; by default 32 on a GPU and 1 on a CPU, 1 at full size.

    Yields
    ------
    ScoredPair | str
        Scores of the pair, or one line that says why it has none: a file that cannot be read, sizes that differ, a
        missing prediction, a mask without foreground.
    """
    threads = threads or min(os.cpu_count() or 1, 16)
    if rules.ring is not None and isinstance(method, Predictions):
        raise SettingsError(f"{method.folder}: pictures that are made already, wanted a network to hide a ring from")
    if rules.full or isinstance(method, Predictions):
        batch = 1
    elif batch is None:
        batch = 1 if devices.device_of(method).type == "cpu" else GPU_BATCH
    predictions = method if isinstance(method, Predictions) else None
    load = functools.partial(_try_load, rules=rules, predictions=predictions)
    score = functools.partial(_score, rules=rules)
    with ThreadPoolExecutor(threads, thread_name_prefix="pairs") as pool:
        loaded = _ahead(pool, load, pairs, threads + batch)
        yield from _ahead(pool, score, _predict(loaded, rules, method, batch), threads)


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], depth: int
) -> Iterator[Result]:
    """Map in order over a stream, at most `depth` items ahead of the reader."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _try_load(pair: PairPaths, rules: Rules, predictions: Predictions | None) -> _Sample | str:
    try:
        return _load(pair, rules, predictions)
    except ImageError as error:
        return str(error)


def _load(pair: PairPaths, rules: Rules, predictions: Predictions | None) -> _Sample:
    """Decode a pair and bring it to the size at which it is scored; raises ImageError."""
    composite, real = pixels.read_image(pair.composite), pixels.read_image(pair.real)
    if composite.shape != real.shape:
        sides = " and ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in (composite, real))
        raise ImageError(f"{pair.composite} and {pair.real.name}: {sides}, wanted the same size")
    shape = (composite.shape[0], composite.shape[1])
    mask = pixels.read_mask(pair.mask, shape=shape)
    size = shape if rules.full else (SIDE, SIDE)
    small = protocols.resize_mask(mask, rules.protocol, size)
    if not protocols.foreground(small, rules.protocol).any():
        raise ImageError(f"{pair.mask}: no foreground at {size[1]}x{size[0]}, nothing to score")
    share = float((protocols.resize_mask(mask, protocols.PROTOCOLS["issam"]) > 0.5).mean())
    prediction = None
    if predictions is not None:
        prediction = predictions.read(pair, shape, size)
        prediction = protocols.resize_picture(prediction, rules.protocol, size)
    before, truth = (protocols.resize_picture(picture, rules.protocol, size) for picture in (composite, real))
    if rules.ring is not None:
        before = hide_ring(before, small, rules.ring)
    return _Sample(pair, before, small, truth, share, prediction)


def _predict(
    samples: Iterable[_Sample | str], rules: Rules, method: nn.Module | Predictions, batch: int
) -> Iterator[tuple[_Sample, Levels] | str]:
    """Pair each sample with its prediction, a batch at a time; lines about broken pairs pass through."""
    stream = iter(samples)
    while group := list(itertools.islice(stream, batch)):
        readable = [sample for sample in group if not isinstance(sample, str)]
        found = iter(_run(readable, rules, method)) if readable else iter(())
        for sample in group:
            yield sample if isinstance(sample, str) else (sample, next(found))


def _run(samples: list[_Sample], rules: Rules, method: nn.Module | Predictions) -> list[Levels]:
    if isinstance(method, Predictions):
        return [sample.prediction for sample in samples if sample.prediction is not None]
    if rules.full:
        size = rules.network_size
        return [image.harmonize_levels(sample.composite, sample.mask, method, size=size) for sample in samples]
    composites, masks = (np.stack([getattr(sample, part) for sample in samples]) for part in ("composite", "mask"))
    return list(network.infer(method, composites, masks))


def _score(predicted: tuple[_Sample, Levels] | str, rules: Rules) -> ScoredPair | str:
    if isinstance(predicted, str):
        return predicted
    sample, prediction = predicted
    if rules.paste:
        weights = sample.mask[..., None]
        prediction = sample.composite * (1 - weights) + prediction * weights
    rate = functools.partial(protocols.score, rules.protocol, real=sample.real, mask=sample.mask)
    pair = sample.pair
    return ScoredPair(pair.set, pair.name, sample.share, rate(sample.composite), rate(prediction), pair.photo)
