import shutil

import pytest

from benchmarks.table3.plan import Trial
from benchmarks.table3.study import open_study
from ccharmony.errors import SettingsError
from harmonize.training.data_paths import DataPaths


def test_a_study_is_taken_over_without_options(study):
    assert open_study(study.path) == study


def test_other_settings_are_refused_in_one_line(study):
    with pytest.raises(SettingsError, match=r"a study with width 4, 8 given; wanted the same or another --out$"):
        open_study(study.path, {"width": 8})


def test_other_data_are_refused(study, places, tmp_path):
    other = tmp_path / "photos"
    shutil.copytree(places.photos[0], other)
    assert open_study(study.path, {}, DataPaths(photos=(other,), lights=places.lights)).places.photos == (other,)
    lines = (other / "index.csv").read_text().splitlines()
    (other / "index.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(SettingsError, match="other data, photos differs"):
        open_study(study.path, {}, DataPaths(photos=(other,), lights=places.lights))


def test_a_study_needs_data_to_begin(budget, tmp_path):
    with pytest.raises(SettingsError, match="wanted --photos with --lights"):
        open_study(tmp_path / "none", budget)


def test_a_budget_that_no_run_could_have_is_refused(places, budget, tmp_path):
    with pytest.raises(SettingsError, match="multiple of 32"):
        open_study(tmp_path / "odd", {**budget, "size": 50}, places)
    assert not (tmp_path / "odd").exists()


def test_all_rows_share_budget_and_start_at_random(study):
    for row in range(1, 11):
        settings = study.settings(Trial(row, 1))
        assert (settings.steps, settings.batch, settings.size, settings.seed) == (6, 2, 32, 1)
        assert settings.network.width == 4
        assert not settings.warm_start


def test_a_study_grows_and_is_scored_at_the_largest_side(places, budget, tmp_path):
    begun = open_study(tmp_path / "grown", {**budget, "grow": ((0.5, 64),)}, places)
    taken = open_study(begun.path, {"grow": ((0.5, 64),)})
    assert taken == begun
    assert [taken.settings(Trial(8, 0)).size_at(step, 6) for step in range(6)] == [32, 32, 32, 64, 64, 64]
    assert taken.budget.scored_at == 64
    with pytest.raises(SettingsError, match="a study with grow"):
        open_study(begun.path, {"grow": ((0.4, 64),)})


def test_the_loss_of_one_run_can_differ(study):
    assert study.settings(Trial(8, 0)).loss == "l1"
    assert study.settings(Trial(8, 0, ("loss=foreground",))).loss == "foreground"


def test_the_teacher_is_trained_by_a_run_that_distills(study):
    settings = study.settings(None)
    assert settings.stages == ("reconstruct", "harmonize")
    assert (settings.reconstruct_steps, settings.steps) == (2, 1)
