"""Lights of the release and of the collections' small files, together."""

import dataclasses
from pathlib import Path

import click.testing
import numpy as np
import pytest

from ccharmony.build import public_lights
from ccharmony.build.public_lights import measure_difference, record_public_lights
from ccharmony.checker.chart import STANDARD
from ccharmony.cli import group
from ccharmony.dataset.fits import read_fits
from ccharmony.errors import SourceError
from ccharmony.records import FitRecord, Photo
from ccharmony.sources.found import Found


def photo(name: str, gain: float = 0.8) -> Photo:
    return Photo(name, "gehler", "Canon5D", Path(), patches=gain * STANDARD)


def light(name: str, gain: float = 0.8) -> FitRecord:
    return public_lights.record_known_lights([photo(name, gain)], "ridge")[0][0]


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A release of two photos, and small files of two: one photo is in both, one of the files' has no colors."""
    released = [dataclasses.replace(light(name), split=split) for name, split in (("a", "train"), ("b", "test"))]
    counted = [photo("b", 0.7), photo("c", 0.7), dataclasses.replace(photo("d"), patches=np.full((24, 3), np.nan))]
    monkeypatch.setattr(public_lights, "record_release_lights", lambda *_: (released, []))
    monkeypatch.setattr(public_lights, "find_counts", lambda *_: Found(counted, [], ["gehler: 3 of 568"]))
    return tmp_path


def test_the_releases_light_is_taken_where_both_have_a_photo(sources: Path) -> None:
    lights = record_public_lights(sources, sources)
    assert [(record.id, record.origin, record.split) for record in lights.records] == [
        ("a", "release", "train"), ("b", "release", "test"), ("c", "counts", "train"),
    ]  # fmt: skip
    assert len(lights.problems) == 1
    assert lights.problems[0].startswith("d: 0 usable patches (not measured)")
    assert lights.found[0] == "gehler: 3 of 568"
    assert lights.found[1].startswith(
        "release: 2 lights; small files: 2, of which 1 are not in the release; the 1 others"
    )


def test_without_a_release_nothing_is_known_of_splits(sources: Path) -> None:
    lights = record_public_lights(None, sources)
    assert [(record.id, record.origin, record.split) for record in lights.records] == [
        ("b", "counts", ""), ("c", "counts", ""),
    ]  # fmt: skip


def test_two_lights_differ_by_the_colors_that_they_give_the_chart() -> None:
    assert measure_difference(light("a"), light("a")) == 0
    assert 5 < measure_difference(light("a", 0.8), light("a", 0.6)) < 20


def test_the_command_writes_the_origin(sources: Path) -> None:
    out = sources / "fits.h5"
    (sources / "data").mkdir()
    done = click.testing.CliRunner().invoke(group, ["fits", "--data", str(sources / "data"), "--out", str(out)])
    assert done.exit_code == 1
    assert f"{out}: 2 photos (2 without a split), 1 problems" in done.output
    assert [record.origin for record in read_fits(out)] == ["counts", "counts"]


def test_the_command_wants_something_to_read(tmp_path: Path) -> None:
    done = click.testing.CliRunner().invoke(group, ["fits", "--out", str(tmp_path / "fits.h5")])
    assert done.exit_code == 2
    assert "wanted --release, --data or both" in done.output


def test_a_folder_without_colors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nus").mkdir()
    with pytest.raises(SourceError, match="no patch colors; nus: patch colors of 0 of 1853 photos"):
        record_public_lights(None, tmp_path)
