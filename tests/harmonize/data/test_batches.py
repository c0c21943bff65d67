import logging
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import ImageError, SettingsError
from ccharmony.images import pixels
from harmonize.data import batches
from harmonize.data.batches import BatchRequest, Joined
from harmonize.data.crops import random_crop, random_crop_of
from harmonize.data.stored_pairs import StoredPairs


@pytest.fixture(scope="module")
def root(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tiny.write_pairs(tmp_path_factory.mktemp("set") / "tiny")
    return root


def find(root: Path, split: Split = "train") -> list[PairPaths]:
    return find_pairs(root, split)[0]


def equal(one: batches.Batch, other: batches.Batch) -> bool:
    same = [torch.equal(getattr(one, part), getattr(other, part)) for part in ("composite", "mask", "real")]
    return all(same) and one.names == other.names


def test_whole_pairs_are_resized_as_opencv_does(root: Path) -> None:
    pairs = find(root, "test")
    batch = StoredPairs(pairs).batch(0, [1], 32)
    stored = pixels.read_image(pairs[1].composite)
    wanted = cv2.resize(stored, (32, 32), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal((batch.composite[0] * 255).round().numpy().transpose(1, 2, 0), wanted)
    mask = cv2.resize(pixels.read_mask(pairs[1].mask), (32, 32), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(batch.mask[0, 0].numpy(), mask)
    assert batch.names == ("tiny/p_13_a_1.png",)


def test_composite_mask_and_real_are_cut_alike(root: Path) -> None:
    batch = StoredPairs(find(root), seed=3).batch(2, range(12), 32)
    difference = (batch.composite - batch.real).abs().amax(dim=1, keepdim=True)
    # Resizing a hard mask and two pictures keeps them equal, to a level of rounding, wherever the mask is 0.
    assert float(difference[batch.mask == 0].max()) <= 1.01 / 255
    assert float(difference[batch.mask == 1].median()) > 10 / 255


def test_a_sample_depends_on_seed_epoch_and_index_alone(root: Path) -> None:
    pairs = find(root)
    one, other = StoredPairs(pairs, seed=5, threads=1), StoredPairs(pairs, seed=5, threads=4)
    assert equal(one.batch(1, [4, 9, 2], 32), other.batch(1, [4, 9, 2], 32))
    assert equal(one.batch(1, [4, 9, 2], 32).select([2]), other.batch(1, [2], 32))
    assert not equal(one.batch(1, [4], 32), one.batch(2, [4], 32))
    assert not equal(one.batch(1, [4], 32), StoredPairs(pairs, seed=6).batch(1, [4], 32))


def test_crops_keep_half_the_area_and_stay_inside() -> None:
    random = np.random.default_rng(0)
    crops = [random_crop(random, 300, 400) for _ in range(500)]
    areas = np.array([crop.height * crop.width for crop in crops]) / (300 * 400)
    ratios = np.array([crop.width / crop.height for crop in crops])
    assert 0.49 < areas.min() < 0.55
    assert areas.max() <= 1
    assert ratios.min() > 0.74
    assert ratios.max() < 1.35
    assert all(crop.top + crop.height <= 300 and crop.left + crop.width <= 400 for crop in crops)
    assert 0.4 < np.mean([crop.flip for crop in crops]) < 0.6


def test_a_picture_too_long_for_any_crop_gets_the_longest_one() -> None:
    crop = random_crop(np.random.default_rng(0), 10, 100)
    assert (crop.height, crop.width) == (10, 13)


def test_one_crop_in_twenty_may_miss_the_foreground() -> None:
    mask = np.zeros((100, 100), np.float32)
    mask[:4, :4] = 1  # a corner, which most crops miss
    random = np.random.default_rng(1)
    crops = [random_crop_of(random, mask, 100) for _ in range(1000)]
    missed = np.mean([mask[c.top : c.top + c.height, c.left : c.left + c.width].sum() <= 1 for c in crops])
    assert 0.05 < missed < 0.45  # drawn blindly it would be most of them
    blind = [random_crop(random, 100, 100) for _ in range(1000)]
    assert np.mean([mask[c.top : c.top + c.height, c.left : c.left + c.width].sum() <= 1 for c in blind]) > 2 * missed


def test_an_empty_mask_does_not_hang_the_loader() -> None:
    crop = random_crop_of(np.random.default_rng(0), np.zeros((50, 50), np.float32), 32)
    assert crop.height * crop.width >= 0.49 * 50 * 50


def test_every_epoch_visits_each_sample_once() -> None:
    steps = batches.schedule_epoch(seed=1, epoch=3, source=12, batch=4)
    assert sorted(index for step in steps for index in step) == list(range(12))
    assert steps != batches.schedule_epoch(seed=1, epoch=4, source=12, batch=4)
    assert steps == batches.schedule_epoch(seed=1, epoch=3, source=12, batch=4)


def test_processes_share_each_batch() -> None:
    whole = batches.schedule_epoch(0, 0, 13, 4)
    halves = [batches.schedule_epoch(0, 0, 13, 4, rank=rank, processes=2) for rank in (0, 1)]
    assert [left + right for left, right in zip(*halves, strict=True)] == whole
    assert len(whole) == 3


@pytest.mark.parametrize(("batch", "processes"), [(13, 1), (3, 2)])
def test_a_batch_that_does_not_fit_is_refused(batch: int, processes: int) -> None:
    with pytest.raises(SettingsError, match=f"batch {batch} "):
        batches.schedule_epoch(0, 0, 12, batch, processes=processes)


def test_reading_ahead_keeps_the_order(root: Path) -> None:
    source = StoredPairs(find(root), seed=0)
    draws = [BatchRequest(0, step, 32) for step in batches.schedule_epoch(0, 0, 12, 2)]
    ahead = list(batches.read_ahead(source, draws, 2))
    assert [draw for draw, _ in ahead] == draws
    for (_, one), (_, other) in zip(ahead, batches.read_ahead(source, draws, 0), strict=True):
        assert equal(one, other)


def test_joined_sources_keep_the_order_of_the_indices(root: Path) -> None:
    pairs = find(root)
    whole, parts = StoredPairs(pairs, seed=0), Joined([StoredPairs(pairs[:5]), StoredPairs(pairs[5:])])
    batch = parts.batch(0, [7, 1, 11, 4], 32)
    assert len(parts) == 12
    assert batch.names == whole.batch(0, [7, 1, 11, 4], 32).names
    assert equal(batch.select([0]), StoredPairs(pairs[5:]).batch(0, [2], 32))


@pytest.fixture
def broken(tiny: SimpleNamespace, tmp_path: Path) -> list[PairPaths]:
    pairs = find(tiny.write_pairs(tmp_path / "tiny", train=3, test=1))
    pairs[1].composite.write_bytes(pairs[1].composite.read_bytes()[:200])
    return pairs


def test_a_broken_pair_is_named_once_and_replaced_by_the_next(
    broken: list[PairPaths], caplog: pytest.LogCaptureFixture
) -> None:
    source = StoredPairs(broken, seed=0)
    with caplog.at_level(logging.WARNING):
        batch = source.batch(0, [0, 1, 2], 32)
        source.batch(1, [1], 32)
    assert batch.names == ("tiny/p_0_a_1.png", "tiny/p_2_a_1.png", "tiny/p_2_a_1.png")
    assert [record.message for record in caplog.records if "p_1_a_1.png" in record.message] == [caplog.messages[0]]


def test_a_broken_pair_is_fatal_where_asked(broken: list[PairPaths]) -> None:
    with pytest.raises(ImageError, match="p_1_a_1"):
        StoredPairs(broken, strict=True).batch(0, [1], 32)


def test_an_error_while_reading_ahead_reaches_the_loop(broken: list[PairPaths]) -> None:
    draws = [BatchRequest(0, [index], 32) for index in range(3)]
    steps = batches.read_ahead(StoredPairs(broken, strict=True), draws, 2)
    assert next(steps)[0] == draws[0]
    with pytest.raises(ImageError, match="p_1_a_1"):
        next(steps)


def test_a_mask_of_another_size_is_named(tiny: SimpleNamespace, tmp_path: Path) -> None:
    pairs = find(tiny.write_pairs(tmp_path / "tiny", train=1, test=1))
    pixels.write_mask(pairs[0].mask, tiny.draw_mask(0, 20, 20))
    with pytest.raises(ImageError, match="20x20, its photo is 48x40"):
        StoredPairs(pairs, strict=True).batch(0, [0], 32)


def test_a_composite_of_another_size_is_named(tiny: SimpleNamespace, tmp_path: Path) -> None:
    pairs = find(tiny.write_pairs(tmp_path / "tiny", train=1, test=1))
    pixels.write_image(pairs[0].composite, tiny.draw_photo(0, 20, 20))
    with pytest.raises(ImageError, match="20x20, its real picture is 48x40"):
        StoredPairs(pairs, strict=True).batch(0, [0], 32)


def test_a_set_without_one_whole_pair_is_an_error(broken: list[PairPaths]) -> None:
    with pytest.raises(ImageError, match="no pair of 1 can be read"):
        StoredPairs(broken[1:2]).batch(0, [0], 32)
