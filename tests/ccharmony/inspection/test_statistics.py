"""The figures of a dataset against its own files, read by other means."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ccharmony import cli
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import PairSettings
from ccharmony.errors import ManifestError
from ccharmony.inspection.statistics import compare, measure_dataset
from ccharmony.inspection.statistics_text import _histogram
from ccharmony.inspection.target import read_target

from .. import kill_loop


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos of one scene, two a split: train and test look alike."""
    folder = tmp_path_factory.mktemp("statistics")
    settings = kill_loop.write_source(folder / "data", 4)
    build_dataset(replace(settings, pair=PairSettings(composites=1, suffix=".png")), folder / "set")
    return folder / "set"


def rows_of(root: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((root / "manifest.csv").read_text(encoding="utf-8"))))


def test_shares_changes_and_donors_are_those_of_the_files(built: Path) -> None:
    found, rows = measure_dataset(built), rows_of(built)
    shares = []
    for name in sorted({row["mask"] for row in rows}):
        with Image.open(built / name) as mask:
            shares.append(np.asarray(mask, bool).mean())
    np.testing.assert_allclose(found.figures["share"], shares, atol=1e-6)
    assert found.figures["delta_e"].tolist() == [float(row["delta_e"]) for row in rows]
    assert dict(found.lent) == Counter(row["donor"] for row in rows)
    assert len(found.figures["cct"]) == 4


def test_pictures_of_train_and_test_that_look_alike_are_named(built: Path) -> None:
    splits = {row["real"]: row["split"] for row in rows_of(built)}
    found = measure_dataset(built).duplicates
    assert found
    assert all((splits[train], splits[test]) == ("train", "test") and bits <= 6 for train, test, bits in found)


def test_a_dataset_does_not_drift_from_itself_and_one_figure_that_moved_is_first(built: Path) -> None:
    found = measure_dataset(built)
    assert {drift.distance for drift in compare(found, found)} == {0.0}
    moved = replace(found, figures={**found.figures, "delta_e": found.figures["delta_e"] + 1000})
    first = compare(found, moved)[0]
    assert (first.figure, first.distance) == ("delta_e", 1.0)


def test_the_command_prints_tables_and_writes_a_page_again(built: Path, tmp_path: Path) -> None:
    words = ["stats", str(built), "--against", str(built), "--html", str(tmp_path / "page.html")]
    done = CliRunner().invoke(cli.group, words)
    assert done.exit_code == 0, done.output
    for line in ("Splits", "  train  2       2            2", "Drift against the other dataset"):
        assert line in done.output
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 6
    assert "<script" not in page


def test_the_histogram_of_a_share_that_is_always_0_shows_no_negative_shares() -> None:
    drawn = _histogram([np.zeros(9)]).decode()
    assert ">0.0<" in drawn
    assert ">\u22120." not in drawn


def test_a_picture_that_cannot_be_read_is_named_and_left_out(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "set")
    name = rows_of(built)[0]["mask"]
    (tmp_path / "set" / name).write_bytes(b"no picture")
    done = CliRunner().invoke(cli.group, ["stats", str(tmp_path / "set")])
    assert done.exit_code == 1
    assert f"problem: {tmp_path / 'set' / name}" in done.output
    assert len(measure_dataset(tmp_path / "set").figures["share"]) == 3


def test_what_is_no_folder_of_a_build_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{}")
    (tmp_path / "data.zip").write_bytes(b"PK")
    for path, reason in ((tmp_path, "packed"), (tmp_path / "data.h5", "packed"), (tmp_path / "data.zip", "an archive")):
        with pytest.raises(ManifestError, match=f"{path.name}: {reason}"):
            measure_dataset(path)
    with pytest.raises(ManifestError, match=f"{tmp_path.name}: packed"):
        read_target(tmp_path)
