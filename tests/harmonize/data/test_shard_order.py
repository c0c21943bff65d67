"""Pairs in an object store are visited shard by shard, mixed, each once, and the same way every time."""

from collections.abc import Sequence

import numpy as np
import pytest

from ccharmony.dataset.formats.pair_files import Archive, Member, PairPaths, group_by_object
from ccharmony.stores.objects import StoredObject
from harmonize.data import batches, shard_order
from harmonize.data.batches import Batch, Joined
from harmonize.data.stored_pairs import StoredPairs

SIZES = (100, 40, 300, 7)
COUNT = sum(SIZES)


def pair(shard: int, offset: int, *, stored: bool = True) -> PairPaths:
    path = f"s3://b/shard-{shard}.tar"
    archive = StoredObject(path, 10**6, "") if stored else Archive(path, 10**6, 0)
    parts = [Member(archive, "x.png", offset + step, 1) for step in range(3)]
    return PairPaths("set", f"{shard}_{offset}.png", *parts, "train", "p")


def make_source() -> StoredPairs:
    """Pairs whose order in the lists has nothing to do with where they lie."""
    pairs = [pair(shard, 10 * row) for shard, size in enumerate(SIZES) for row in range(size)]
    return StoredPairs([pairs[index] for index in np.random.default_rng(5).permutation(COUNT)], threads=1)


def shard_of(source: StoredPairs, index: int) -> int:
    return int(source.pairs[index].name.split("_")[0])


def test_pairs_are_grouped_by_their_object_in_the_order_of_their_bytes() -> None:
    pairs = [pair(1, 30), pair(0, 50), pair(1, 10), pair(0, 20)]
    assert group_by_object(pairs) == [[3, 1], [2, 0]]
    assert group_by_object([*pairs, pair(0, 0, stored=False)]) == []
    assert group_by_object([]) == []


@pytest.mark.parametrize("batch", [1, 4, 16, 64])
def test_every_epoch_visits_each_pair_once_in_another_order(batch: int) -> None:
    source, orders = make_source(), list[list[int]]()
    for epoch in (0, 1):
        steps = batches.schedule_epoch(3, epoch, source, batch)
        assert len(steps) == COUNT // batch
        visited = [index for step in steps for index in step]
        assert len(set(visited)) == len(visited) == COUNT // batch * batch
        orders.append(visited)
    assert orders[0] != orders[1]
    assert set(orders[0]) != set(orders[1]) or batch == 1  # another rest is left out
    again = batches.schedule_epoch(3, 1, make_source(), batch)
    assert [index for step in again for index in step] == orders[1]


def test_processes_read_their_own_places_of_the_batches_of_one_process() -> None:
    source = make_source()
    whole = batches.schedule_epoch(0, 0, source, 4)
    halves = [batches.schedule_epoch(0, 0, source, 4, rank=rank, processes=2) for rank in (0, 1)]
    assert [left + right for left, right in zip(*halves, strict=True)] == whole
    left, right = ({index for step in half for index in step} for half in halves)
    assert left.isdisjoint(right)


def test_a_reader_goes_through_its_shards_front_to_back_but_for_its_buffer() -> None:
    source = StoredPairs([pair(0, row) for row in range(960)], threads=1)
    steps = batches.schedule_epoch(0, 0, source, 2)
    for reader in range(2):
        places = np.array([step[reader] for step in steps]).reshape(-1, 16)
        starts = places[0].min() + np.arange(0, 480, 16)  # from a random place on, around the end
        own = (starts[:, None] + np.arange(16)) % 960
        assert (np.sort(places) == np.sort(own)).all()
        assert (places != own).mean() > 0.5


def test_a_source_smaller_than_a_batch_and_one_that_ends_within_a_buffer_are_whole() -> None:
    for count, readers in ((3, 4), (4, 4), (17, 1), (33, 2)):
        order = shard_order.order_by_shards([range(count)], readers, np.random.default_rng(0))
        assert sorted(order.tolist()) == list(range(count))


def test_few_parts_are_fetched_for_many_pairs() -> None:
    """Parts of 50 pairs, of which a cache holds 10 of 120."""
    source = StoredPairs([pair(row // 500, row % 500) for row in range(6000)], threads=1)

    def fetched(steps: Sequence[Sequence[int]]) -> int:
        held: list[tuple[int, int]] = []
        count = 0
        for index in (index for step in steps for index in step):
            name = source.pairs[index].name.removesuffix(".png").split("_")
            part = int(name[0]), int(name[1]) // 50
            count += part not in held
            held = [*[other for other in held if other != part], part][-10:]
        return count

    assert fetched(batches.schedule_epoch(0, 0, source, 4)) < 130
    assert fetched(batches.schedule_epoch(0, 0, len(source), 4)) > 4500


class _Plain:
    """A source of ten samples that lie nowhere."""

    def __len__(self) -> int:
        return 10

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        raise NotImplementedError


def test_sources_of_both_kinds_are_mixed_and_each_keeps_its_own_order() -> None:
    source = make_source()
    joined = Joined([_Plain(), source])
    found = batches.order(1, 2, joined, 4)
    assert sorted(found.tolist()) == list(range(COUNT + 10))
    own = source.stream_order(1, 2, 4)
    assert own is not None
    assert (found[found >= 10] - 10).tolist() == own.tolist()
    assert len(batches.schedule_epoch(1, 2, joined, 4)) == (COUNT + 10) // 4


def test_pairs_on_a_disk_are_visited_as_before() -> None:
    source = StoredPairs([pair(0, row, stored=False) for row in range(12)], threads=1)
    assert batches.order(1, 2, source, 4).tolist() == np.random.default_rng((1, 2)).permutation(12).tolist()
    assert Joined([_Plain(), source]).stream_order(1, 2, 4) is None
