"""The order in which an epoch visits pairs that lie in the shards of an object store.

There, neighbors come with one request, and a pair anywhere else takes another one. So shards are read front to back, as
many of them at a time as a batch has pictures: each place in the batch is a reader with its own part of all shards, and
a buffer that it shuffles. Nothing is held in memory for that: the order is a function of seed, epoch and
shards, so that a resumed run goes on as an unbroken one, and each of several processes reads its own places of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccharmony.arrays import Int64

BUFFER = 16
"""Pairs that a reader shuffles at a time; those of a shard were shuffled when it was packed. A buffer that is refilled
pair by pair keeps some long after their neighbors: with a cache of 150 MB it fetched 802 MB of 359, this one 388."""


def order_by_shards(shards: Sequence[Sequence[int]], readers: int, random: np.random.Generator) -> Int64:
    """Return the order of an epoch.

    Parameters
    ----------
    shards
        Of each shard, the indices of its samples in the order of their bytes.
    readers
        Pictures of a batch.
    random
        Of this seed and epoch.

    Returns
    -------
    Int64
        Every index once: each `readers` of them are a batch, and the one at place n of a batch is the nth reader's. The
        rest at the end, which is no whole batch, is another one in each epoch.
    """
    sequence = np.concatenate([np.asarray(shards[number], np.int64) for number in random.permutation(len(shards))])
    sequence = np.roll(sequence, random.integers(len(sequence)))  # also where there is one shard, the rest differs
    whole = len(sequence) // readers * readers
    parts = sequence[:whole].reshape(readers, -1)  # (readers, steps)
    mixed = np.stack([shuffle_along(part, random) for part in parts], axis=1)  # (steps, readers)
    return np.concatenate([mixed.ravel(), sequence[whole:]])


def shuffle_along(part: Int64, random: np.random.Generator) -> Int64:
    """Return indices shuffled, `BUFFER` of them after the other."""
    shuffled = part.copy()
    for start in range(0, len(part), BUFFER):
        random.shuffle(shuffled[start : start + BUFFER])
    return shuffled


def interleave(orders: Sequence[Int64], random: np.random.Generator) -> Int64:
    """Return several orders as one that takes from each at random and keeps the order of each.

    Examples
    --------
    >>> mixed = interleave([np.arange(3), np.arange(10, 14)], np.random.default_rng(0))
    >>> sorted(mixed.tolist()), mixed[mixed < 10].tolist()
    ([0, 1, 2, 10, 11, 12, 13], [0, 1, 2])
    """
    owners = random.permutation(np.repeat(np.arange(len(orders)), [len(part) for part in orders]))
    mixed = np.empty(len(owners), np.int64)
    for owner, part in enumerate(orders):
        mixed[owners == owner] = part
    return mixed
