import math

import numpy as np
import pytest

from benchmarks.table3 import claims, results
from benchmarks.table3.claims import FAILS, HOLDS, OPEN, WAITING, Claim, Part
from benchmarks.table3.results import Spread

PHOTOS = 200


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def hard(random):
    """How hard each photo is: what rows have in common."""
    return random.gamma(2, 200, PHOTOS)


def test_a_contrast_is_the_weighted_sum_of_means(study, finish):
    for row, fmse in ((1, [100, 300]), (2, [90, 260]), (5, [80, 250])):
        finish(study, f"row{row}_seed0", fmse)
    found = results.contrast(results.read_results(study), {1: 1, 2: -2, 5: 1})
    assert found.value == pytest.approx(200 - 2 * 175 + 165)
    assert found.seeds == (0,)


def test_only_seeds_that_all_rows_have_are_compared(study, finish):
    finish(study, "row1_seed0", [100, 200])
    finish(study, "row1_seed1", [500, 900])
    finish(study, "row2_seed0", [90, 180])
    assert results.contrast(results.read_results(study), {1: 1, 2: -1}).value == pytest.approx(15)


def test_rows_without_a_common_seed_have_no_contrast(study, finish):
    finish(study, "row1_seed0", [100, 200])
    finish(study, "row2_seed1", [90, 180])
    assert results.contrast(results.read_results(study), {1: 1, 2: -1}) is None


def test_variations_do_not_count_as_their_row(study, finish):
    finish(study, "row8_seed0", [100, 200])
    finish(study, "row8_gamma=0.1_seed0", [900, 900])
    assert results.contrast(results.read_results(study), {8: 1}).value == pytest.approx(150)


def test_the_spread_pools_all_rows_with_several_seeds(study, finish):
    for name, mean in (
        ("row1_seed0", 10),
        ("row1_seed1", 14),
        ("row5_seed0", 20),
        ("row5_seed1", 26),
        ("row2_seed0", 9),
    ):
        finish(study, name, [mean, mean])
    found = results.spread(results.read_results(study))
    assert found.freedom == 2
    assert found.deviation == pytest.approx(math.sqrt((8 + 18) / 2))


def test_chance_of_seeds_follows_student():
    # Student's t, two degrees of freedom, 97.5 %: 4.3027 (any table); two rows of two seeds
    assert Spread(3.0, 2).least({1: 1, 8: -1}, 2) == pytest.approx(4.3027 * 3.0, rel=1e-4)
    assert Spread(math.nan, 0).least({1: 1}, 1) == 0.0


def test_a_difference_beyond_photos_but_within_seeds_is_no_finding(study, finish, hard):
    finish(study, "row1_seed0", hard)
    finish(study, "row1_seed1", hard + 60)
    finish(study, "row8_seed0", hard - 20)
    found = results.contrast(results.read_results(study), {1: 1, 8: -1})
    assert found.low > 0
    assert found.sign == 0
    assert "within that of seeds" in claims.sentence(claims.judge(claims.CLAIMS[0], results.read_results(study)))


@pytest.mark.parametrize(("gain", "expected"), [(30, HOLDS), (-30, FAILS), (0, OPEN)])
def test_the_interval_decides(study, finish, hard, random, gain, expected):
    finish(study, "row1_seed0", hard)
    finish(study, "row8_seed0", hard - gain + random.normal(0, 60, PHOTOS))
    finding = claims.judge(Claim("Row 8 helps", (Part("gains", {1: 1, 8: -1}),)), results.read_results(study))
    assert finding.verdict == expected


def test_a_claim_waits_for_its_runs(study, finish, hard):
    finish(study, "row1_seed0", hard)
    assert {claims.judge(claim, results.read_results(study)).verdict for claim in claims.CLAIMS} == {WAITING}


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ([("+", 1), ("not +", 0)], HOLDS),
        ([("+", 1), ("not +", -1)], HOLDS),
        ([("+", 0), ("not +", 0)], OPEN),
        ([("+", 1), ("not +", 1)], FAILS),
        ([("+", -1), ("+", 1)], FAILS),
        ([("+", 1), ("+", None)], WAITING),
    ],
)
def test_every_part_of_a_claim_counts(signs, expected):
    assert claims.verdict(signs) == expected


def test_claims_are_true_of_the_paper_s_own_table():
    """The readings of the findings are right: with no chance at all the published numbers fulfill each."""
    assert {part.wanted for claim in claims.CLAIMS for part in claim.parts} == {"+", "not +", ""}
    for claim in claims.CLAIMS:
        for part in claim.parts:
            value = results.of_published(lambda row: claims.IHARMONY4[row].fmse, part.weights)
            assert part.wanted != "+" or value > 0, part
            assert part.wanted != "not +" or value < 2, part  # "only comparable", "no obvious improvement"
