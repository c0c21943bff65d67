from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccharmony.arrays import Float64
from ccharmony.build import donors, settings
from ccharmony.color import transfer
from ccharmony.errors import SettingsError
from ccharmony.records import Photo

IDENTITY = np.eye(3, 11)


def foreground() -> transfer.Foreground:
    image = np.random.default_rng(0).integers(60, 120, (20, 20, 3), np.uint8)
    return transfer.standardize(image, np.ones((20, 20), np.float32), IDENTITY)


def lights(count: int) -> dict[str, Float64]:
    """Lights that darken more and more, none of which clips."""
    return {f"photo{number:02}": IDENTITY * (0.8 - 0.02 * number) for number in range(count)}


def test_donors_are_drawn_without_repetition() -> None:
    choice = donors.select_donors("x_a", foreground(), lights(12), 10)
    assert len(set(choice.donors)) == 10
    assert len(choice.delta_e) == 10


@given(st.permutations(sorted(lights(12))))
def test_draw_does_not_depend_on_the_order_of_candidates(order: list[str]) -> None:
    shuffled = {name: lights(12)[name] for name in order}
    assert list(donors.order_candidates("x_a", shuffled, 0)) == list(donors.order_candidates("x_a", lights(12), 0))


def test_draw_depends_on_the_foreground_and_on_the_seed() -> None:
    first = donors.select_donors("x_a", foreground(), lights(12), 5)
    assert first.donors != donors.select_donors("x_b", foreground(), lights(12), 5).donors
    assert first.donors != donors.select_donors("x_a", foreground(), lights(12), 5, seed=1).donors


def test_a_new_photo_moves_no_other_in_the_draw() -> None:
    before = list(donors.order_candidates("x_a", lights(11), 0))
    after = list(donors.order_candidates("x_a", lights(12), 0))
    assert [name for name in after if name in before] == before


def test_donor_that_clips_is_passed_over_and_counted() -> None:
    candidates = {**lights(3), "bright": 4 * IDENTITY}
    choice = donors.select_donors("x_a", foreground(), candidates, 10)
    assert "bright" not in choice.donors
    assert (choice.passed_clipped, choice.passed_unchanged) == (1, 0)


def test_donor_that_hardly_changes_anything_is_passed_over_and_counted() -> None:
    candidates = {**lights(3), "same": 1.001 * IDENTITY}
    choice = donors.select_donors("x_a", foreground(), candidates, 10)
    assert sorted(choice.donors) == ["photo00", "photo01", "photo02"]
    assert (choice.passed_clipped, choice.passed_unchanged) == (0, 1)


def test_open_limits_accept_everything() -> None:
    candidates = {"bright": 4 * IDENTITY, "same": IDENTITY}
    choice = donors.select_donors("x_a", foreground(), candidates, 10, limits=settings.Limits(1, 0))
    assert set(choice.donors) == {"bright", "same"}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((-0.1, 0), "largest clipped share -0.1, wanted 0 to 1"),
        ((1.1, 0), "largest clipped share 1.1, wanted 0 to 1"),
        ((float("nan"), 0), "largest clipped share nan, wanted 0 to 1"),
        ((0.2, -1), "smallest change -1, wanted a ΔE of 0 or more"),
        ((0.2, float("nan")), "smallest change nan, wanted a ΔE of 0 or more"),
    ],
)
def test_limits_out_of_range_are_refused(limits: tuple[float, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings.Limits(*limits)


def photos(count: int, **given_values: str) -> list[Photo]:
    return [Photo(f"p{number}", "s", "c", Path("x"), **given_values) for number in range(count)]  # type: ignore[arg-type]


def test_split_sends_the_share_asked_for_to_test() -> None:
    assert list(donors.assign_splits(photos(350)).values()).count("test") == 100


def test_split_does_not_depend_on_the_order() -> None:
    assert donors.assign_splits(photos(20)) == donors.assign_splits(photos(20)[::-1])


def test_split_keeps_what_the_source_gives() -> None:
    assert set(donors.assign_splits(photos(5, split="train")).values()) == {"train"}


def test_split_keeps_a_group_together() -> None:
    groups = [Photo(f"p{n}", "s", "c", Path("x"), group=f"g{n // 4}") for n in range(40)]
    splits = donors.assign_splits(groups, 0.5)
    for group in range(10):
        assert len({splits[f"p{n}"] for n in range(4 * group, 4 * group + 4)}) == 1
    assert list(splits.values()).count("test") == 20


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_split_refuses_a_share_out_of_range(share: float) -> None:
    with pytest.raises(SettingsError, match="test share"):
        donors.assign_splits(photos(3), share)
