import pytest

from benchmarks import complexity
from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.table3 import TABLE_3


def test_issam_has_the_flops_of_its_convolutions_counted_by_hand():
    full, half, quarter, eighth = (256 // 2**level for level in range(4))
    macs = 9 * full**2 * (4 * 32 + 32 * 32) + 9 * half**2 * (32 * 64 + 64 * 64)
    macs += 9 * quarter**2 * (64 * 128 + 128 * 128) + 9 * eighth**2 * (128 * 256 + 256 * 256)
    macs += 9 * quarter**2 * (256 * 128 + 256 * 128 + 128 * 128) + 9 * half**2 * (128 * 64 + 128 * 64 + 64 * 64)
    macs += 9 * full**2 * (64 * 32 + 64 * 32 + 32 * 32) + 9 * full**2 * (64 * 32 + 32 * 64)  # block, then attention
    macs += full**2 * (32 * 4 + 49) + 3 * (128 * 8 + 8 * 64)  # output, mask blur, gates
    assert complexity.count(ISSAM) == (2_185_340, 2 * macs)


@pytest.mark.parametrize(("row", "gmac"), [(2, 15.5), (3, 16.1), (5, 18.5), (8, 18.5)])
def test_gift_costs_what_was_measured_outside_the_project(row, gmac):
    assert round(complexity.count(TABLE_3[row][0]).flops / 2e9, 1) == gmac


def test_flops_grow_with_the_picture():
    small, large = (complexity.count(NetworkSettings(), size).flops for size in (128, 256))
    assert 3.99 < large / small < 4.0  # all but the perceptron


def test_table_has_the_ten_rows():
    lines = complexity.table().splitlines()
    assert len(lines) == 12
    assert lines[2] == "| 1 | none (iSSAM) |  | none | 2.19 M | 29.8 |"
    assert lines[9] == "| 8 | D2, D3, E | global | relation on E | 3.36 M | 37.0 |"
