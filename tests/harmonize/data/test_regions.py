"""Regions: their size, their place, and what they keep to."""

from __future__ import annotations

import numpy as np
import torch

from harmonize.data.regions import Region, choose_region, cut_regions

HALVES = torch.zeros(1, 3, 60, 80)
"""Left half red, right half blue."""
HALVES[:, 0, :, :40], HALVES[:, 2, :, 40:] = 0.8, 0.8


def test_a_region_covers_the_share_that_is_asked_for() -> None:
    random = np.random.default_rng(3)
    photo = torch.from_numpy(random.random((12, 3, 64, 64), np.float32))
    regions = [choose_region(random) for _ in range(12)]
    found = cut_regions(photo, regions).mean((1, 2, 3))
    np.testing.assert_allclose(found, [region.area for region in regions], atol=0.002)


def test_a_region_keeps_to_its_surface_where_color_counts() -> None:
    found = cut_regions(HALVES, [Region(0.5, 0.4, 0.4, 20.0)])[0, 0]
    assert float(found[:, :38].sum()) == float(found.sum())
    assert found[30, 32] == 1


def test_a_region_is_a_disk_where_place_counts() -> None:
    found = cut_regions(HALVES, [Region(0.5, 0.45, 0.1, 1e4)])[0, 0]
    assert float(found[:, 40:].sum()) > 0
    rows, columns = np.nonzero(found.numpy())
    assert abs(np.ptp(rows) / 60 - np.ptp(columns) / 80) < 0.03
    assert abs(rows.mean() / 60 - 0.5) < 0.02


def test_regions_of_a_batch_are_those_of_each_photo_alone() -> None:
    photo = torch.cat([HALVES, HALVES.flip(3)])
    regions = [Region(0.2, 0.1, 0.2, 50.0), Region(0.7, 0.8, 0.3, 100.0)]
    together = cut_regions(photo, regions)
    for row in range(2):
        np.testing.assert_array_equal(cut_regions(photo[row : row + 1], [regions[row]])[0], together[row])
