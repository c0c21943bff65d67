import doctest

import pytest

from benchmarks import page
from benchmarks.table3 import claims, plan, report, results
from benchmarks.table3.plan import Trial
from ccharmony.errors import SettingsError


@pytest.mark.parametrize("module", [plan, page, claims, results, report])
def test_examples_hold(module):
    assert doctest.testmod(module).failed == 0


def test_rows_that_answer_most_come_first():
    names = [trial.name for trial in plan.list_trials("l1")]
    first = ["row1_seed0", "row5_seed0", "row8_seed0", "row1_seed1", "row5_seed1", "row8_seed1"]
    assert names[:6] == first
    assert names[6:13] == [f"row{row}_seed0" for row in (2, 3, 6, 7, 4, 9, 10)]
    assert all(name.startswith("row8_") for name in names[13:])


def test_more_seeds_can_be_asked_for():
    trials = plan.list_trials("l1", rows=(1, 2), seeds=3, other_seeds=2)
    assert [(trial.row, trial.seed) for trial in trials] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]


def test_the_other_loss_is_tried():
    varied = [trial for trial in plan.list_trials("foreground", rows=(8,)) if trial.loss]
    assert [trial.loss for trial in varied] == ["l1"]


def test_one_thing_is_varied_and_the_rest_stays():
    distill = Trial(8, 0, ("gamma=0.1",)).distill
    assert (distill.kind, distill.sites, distill.gamma, distill.weight) == ("relation", ("E",), 0.1, 0.001)
    both = Trial(8, 0, ("lambda=10", "region=background")).distill
    assert (both.gamma, both.weight, both.region) == (0.01, 10, "background")


def test_rows_without_distillation_need_no_teacher():
    assert [row for row in range(1, 11) if Trial(row, 0).taught] == [8, 9, 10]


@pytest.mark.parametrize("name", [trial.name for trial in plan.list_trials("l1")])
def test_a_name_tells_the_run(name):
    assert plan.parse_name(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("row8", "row8: no name of a run"),
        ("row8_seed", "row8_seed: no name of a run"),
        ("seed0_row8", "seed0_row8: no name of a run"),
        ("teacher", "teacher: no name of a run"),
        ("row8_depth=3_seed0", "depth=3: cannot be varied"),
        ("row11_seed0", "row 11: not in Table 3, wanted 1 to 10"),
    ],
)
def test_a_name_of_no_run_is_refused(name, message):
    with pytest.raises(SettingsError, match=message):
        plan.parse_name(name)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("gamma=much", "gamma=much: a number wanted"),
        ("lambda=-1", "weight: -1.0 found, a finite number of at least 0 wanted"),
        ("region=sky", "region: 'sky' found, one of all, background wanted"),
        ("loss=l2", "loss: 'l2' found, one of l1, foreground wanted"),
        ("width=8", "width=8: cannot be varied"),
        ("gamma", "gamma: cannot be varied"),
    ],
)
def test_what_cannot_be_varied_is_refused(item, message):
    with pytest.raises(SettingsError, match=message):
        plan.list_trials("l1", varied=[item])
