"""Training for real, a few steps of a tiny network."""

import os

import pytest

from benchmarks.table3 import hidden, plan, results, schedule, trial
from benchmarks.table3.plan import TEACHER, Trial
from benchmarks.table3.schedule import Pace, Schedule
from benchmarks.table3.study import open_study
from ccharmony.errors import SettingsError
from harmonize.evaluation import compare
from harmonize.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def trained(places, budget, tmp_path_factory):
    """A study with its teacher and row 8, each in one go."""
    study = open_study(tmp_path_factory.mktemp("trained") / "study", budget, places)
    assert trial.run_trial(study, None, device="cpu")
    assert trial.run_trial(study, Trial(8, 0), device="cpu")
    return study


def test_a_finished_run_leaves_settings_log_and_scores(trained):
    folder = trained.folder("row8_seed0")
    names = {path.name for path in folder.iterdir()}
    assert {"settings.json", "log.csv", "scores.csv", "images.csv", "last.safetensors", "state.pt"} <= names
    assert trained.finished("row8_seed0")
    assert len(compare.read_table(folder / "images.csv").scores) == 3


def test_all_runs_share_one_teacher(trained):
    own = RunFolder(trained.folder("row8_seed0")).read_teacher(trained.settings(Trial(8, 0)))
    shared = RunFolder(trained.folder(TEACHER)).read_teacher(trained.settings(Trial(8, 0)))
    weights = zip(own.state_dict().values(), shared.state_dict().values(), strict=True)
    assert all(bool((a == b).all()) for a, b in weights)


def test_a_run_left_again_and_again_ends_as_an_unbroken_one(trained, study):
    study.teacher.parent.mkdir(parents=True)
    study.teacher.write_bytes(trained.teacher.read_bytes())
    pieces = 0
    while not trial.run_trial(study, Trial(8, 0), minutes=0, device="cpu"):
        pieces += 1
        assert not study.finished("row8_seed0")
        assert pieces < 20
        if pieces == study.budget.steps:  # trained; with no minute left it is never scored
            break
    assert trial.run_trial(study, Trial(8, 0), device="cpu")
    broken, whole = (s.folder("row8_seed0") / "images.csv" for s in (study, trained))
    assert broken.read_bytes() == whole.read_bytes()


def test_a_folder_with_another_run_is_refused(trained, study):
    source, target = trained.folder("row8_seed0"), study.folder("row5_seed0")
    target.mkdir(parents=True)
    (target / "state.pt").write_bytes((source / "state.pt").read_bytes())
    with pytest.raises(SettingsError, match="a run with other settings"):
        trial.run_trial(study, Trial(5, 0), device="cpu")


def test_the_teacher_comes_before_the_first_that_needs_it(study, trained):
    trials = plan.list_trials("l1", rows=(1, 5, 8), seeds=1, varied=())
    assert schedule.with_teacher(study, trials) == ["row1_seed0", "row5_seed0", TEACHER, "row8_seed0"]
    assert schedule.with_teacher(trained, trials) == ["row1_seed0", "row5_seed0"]


def test_a_failed_run_is_told_and_the_others_go_on(study):
    broken = study.folder("row1_seed0")
    broken.mkdir(parents=True)
    (broken / "state.pt").write_bytes(b"not a state")
    lines = []
    work = Schedule(study, Pace(jobs=2, device="cpu"), lines.append)
    assert not work.run([Trial(1, 0), Trial(2, 0)])
    assert work.failed == ["row1_seed0"]
    assert study.finished("row2_seed0")
    told = next(line for line in lines if "failed" in line)
    assert "state.pt: damaged (" in told


def test_two_schedules_do_not_share_a_study(study):
    with schedule._locked(study.path), pytest.raises(SettingsError, match="another process works on this study"):
        Schedule(study, Pace(), print).run([Trial(1, 0)])


def test_without_minutes_nothing_is_begun(study):
    assert not Schedule(study, Pace(minutes=0), print).run([Trial(1, 0)])
    assert not os.path.exists(study.folder("row1_seed0"))  # noqa: PTH110


def test_pauses_do_not_slow_the_pace(tmp_path):
    rows = ["harmonize,1,10,1", "harmonize,2,20,2", "harmonize,3,30,500", "harmonize,4,40,501"]
    (tmp_path / "log.csv").write_text("\n".join(["stage,step,pictures,seconds", "reconstruct,9,9,90", *rows]))
    assert results.read_pace(tmp_path) == 10


def test_finished_runs_are_scored_with_the_seams_hidden(trained):
    table = hidden.report(trained, "cpu")
    folder = trained.folder("row8_seed0")
    plain, closed = (compare.read_table(folder / name).scores for name in ("images.csv", "images_hidden.csv"))
    assert len(plain) == len(closed) == 3
    assert plain != closed
    assert table.splitlines()[2].split()[1:4] == ["8", "|", "1"]
    before = (folder / "images_hidden.csv").stat().st_mtime_ns
    assert hidden.report(trained, "cpu") == table
    assert (folder / "images_hidden.csv").stat().st_mtime_ns == before
