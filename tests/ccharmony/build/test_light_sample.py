"""Sampled lights lie between two recorded ones of their split, and none is one that a person should look at."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ccharmony import cli
from ccharmony.build.light import record_light
from ccharmony.build.light_sample import sample_lights
from ccharmony.checker.chart import STANDARD
from ccharmony.dataset.fits import read_fits, write_fits
from ccharmony.errors import FitError, SettingsError
from ccharmony.records import FitRecord, Photo


def recorded(name: str, tint: tuple[float, float, float], split: str = "train") -> FitRecord:
    patches = (0.02 + 0.9 * STANDARD) * np.array(tint)
    light = record_light(None, Photo(name, "test", "camera", Path(), patches=patches), "ridge").record
    return dataclasses.replace(light, split=split)


@pytest.fixture(scope="module")
def lights() -> list[FitRecord]:
    """Three warm lights in train, two cold ones in test."""
    warm = [recorded(f"warm {n}", (1.0, 0.9 - 0.05 * n, 0.7 - 0.1 * n)) for n in range(3)]
    return [*warm, *(recorded(f"cold {n}", (0.6 + 0.1 * n, 0.9, 1.0), "test") for n in range(2))]


def test_a_sample_is_a_mixture_of_two_lights_of_its_split_in_patches_and_in_its_matrix(lights: list[FitRecord]) -> None:
    found, _ = sample_lights(lights, 10)
    assert [light.split for light in found] == ["train"] * 6 + ["test"] * 4
    first, second = lights[3], lights[4]
    for light in found[6:]:
        share = (light.patches - second.patches)[0, 0] / (first.patches - second.patches)[0, 0]
        assert 0 <= share <= 1
        for name in ("patches", "from_standard"):
            mixed = share * getattr(first, name) + (1 - share) * getattr(second, name)
            np.testing.assert_allclose(getattr(light, name), mixed, atol=1e-8)


def test_no_sample_is_flagged_and_ids_differ(lights: list[FitRecord]) -> None:
    found, _ = sample_lights(lights, 20)
    assert not any(light.flags for light in found)
    assert len({light.id for light in found}) == 20


def test_a_seed_gives_the_same_lights_and_another_one_others(lights: list[FitRecord]) -> None:
    one, same, other = (sample_lights(lights, 4, seed=seed)[0][0].patches for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_patch_that_one_of_the_two_did_not_use_is_not_measured(lights: list[FitRecord]) -> None:
    notes = tuple("covered" if patch == 8 else "" for patch in range(24))
    found, _ = sample_lights([lights[0], dataclasses.replace(lights[1], notes=notes)], 2)
    assert all(np.flatnonzero(np.isnan(light.patches[:, 0])).tolist() == [8] for light in found)


def test_one_light_in_a_split_cannot_be_mixed(lights: list[FitRecord]) -> None:
    with pytest.raises(SettingsError, match="one light in train, wanted two or more to mix"):
        sample_lights(lights[:1], 3)


def test_lights_of_which_no_mixture_passes_end_in_one_line(lights: list[FitRecord]) -> None:
    turned = [dataclasses.replace(light, patches=light.patches[::-1].copy()) for light in lights[:2]]
    with pytest.raises(FitError, match="0 of 2 lights after 101 mixtures that were rejected"):
        sample_lights(turned, 2)


def test_the_command_writes_a_fits_h5_and_a_plot(lights: list[FitRecord], tmp_path: Path) -> None:
    write_fits(tmp_path / "recorded.h5", lights, STANDARD)
    words = [str(tmp_path / "recorded.h5"), "--count", "5", "--out", str(tmp_path / "more.h5")]
    done = CliRunner().invoke(cli.group, ["lights", "sample", *words, "--plot", str(tmp_path / "casts.png")])
    assert done.exit_code == 0, done.output
    assert len(read_fits(tmp_path / "more.h5")) == 5
    with Image.open(tmp_path / "casts.png") as plot:
        assert plot.size == (840, 540)
