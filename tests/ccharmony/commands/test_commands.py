"""The command line, on photos that these tests render and lay out as a person would."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ccharmony import cli, console
from ccharmony.build.settings import BuildSettings
from ccharmony.commands import build
from ccharmony.dataset.build_report import BuildReport
from ccharmony.errors import ManifestError
from ccharmony.images import pixels
from ccharmony.inspection import marks

from ..conftest import CORNERS, ball_mask, light, render


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.group, [str(arg) for arg in args])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """DATA/folder with four photos, masks, and the corners of their charts."""
    folder = tmp_path / "my data" / "folder"
    (folder / "photos").mkdir(parents=True)
    (folder / "masks").mkdir()
    lines = ["photo,x1,y1,x2,y2,x3,y3,x4,y4"]
    for number in range(4):
        name = f"bäll {number}"
        pixels.write_image(folder / "photos" / f"{name}.png", render(light(0.6 + 0.2 * number, 0.9 - 0.1 * number)))
        pixels.write_mask(folder / "masks" / f"{name}_a.png", ball_mask())
        lines.append(f"{name}," + ",".join(str(value) for value in CORNERS.ravel()))
    (folder / "checkers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder.parent


def test_build_verify_relight_and_merge_work_together(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built = run("build", "--src", "folder", "--data", data, "--out", out, "--test-share", 0, "--composites", 3)
    assert built.exit_code == 0, built.output
    assert "train  4 photos, 4 foregrounds, 12 pairs" in built.output
    verified = run("verify", out)
    assert verified.exit_code == 0
    assert "12 pairs of 4 photos, 0 problems" in verified.output
    photo, mask = data / "folder" / "photos" / "bäll 0.png", data / "folder" / "masks" / "bäll 0_a.png"
    fits, result = out / "fits.h5", tmp_path / "relit.png"
    relit = run("relight", photo, mask, "--fits", fits, "--from", "bäll 0", "--to", "bäll 3", "-o", result)
    assert relit.exit_code == 0, relit.output
    before, after = pixels.read_image(photo), pixels.read_image(result)
    background = ball_mask() == 0
    np.testing.assert_array_equal(after[background], before[background])
    # The scene exists in the other light: the ball there is the truth.
    truth = pixels.read_image(data / "folder" / "photos" / "bäll 3.png")
    assert np.abs(after[~background].astype(int) - truth[~background]).mean() < 3
    assert run("merge", out, out, "--out", tmp_path / "both").exit_code == 0
    assert run("verify", tmp_path / "both").exit_code == 0


def test_build_without_options_has_the_settings_that_python_has_without_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BuildSettings] = []
    monkeypatch.setattr(build, "build_dataset", lambda settings, *_, **__: asked.append(settings) or BuildReport())
    assert run("build", "--src", "demo", "--out", tmp_path / "out").exit_code == 0
    assert asked == [BuildSettings(src=("demo",), data=tmp_path / "out" / "source")]


def test_build_says_what_was_skipped_and_exits_1(data: Path, tmp_path: Path) -> None:
    broken = data / "folder" / "photos" / "bäll 2.png"
    broken.write_bytes(broken.read_bytes()[:900])
    built = run("build", "--src", "folder", "--data", data, "--out", tmp_path / "out", "--test-share", 0)
    assert built.exit_code == 1
    assert "1 skipped" in built.output
    assert "bäll 2.png: truncated PNG" in built.output
    assert run("verify", tmp_path / "out").exit_code == 0
    report = json.loads((tmp_path / "out" / "build.json").read_text(encoding="utf-8"))
    assert len(report["problems"]) == 1
    assert len(report["shortages"]) == 3  # two donors each, ten were asked for


def test_marks_exclude_photos_and_override_fits(data: Path, tmp_path: Path) -> None:
    table = tmp_path / "marks.csv"
    table.write_text("photo,mark,fit\nbäll 0,bad,\nbäll 1,good,affine\n", encoding="utf-8")
    options: list[Any] = ["--exclude", table, "--override", table, "--test-share", 0]
    built = run("build", "--src", "folder", "--data", data, "--out", tmp_path / "out", *options)
    assert built.exit_code == 0, built.output
    manifest = (tmp_path / "out" / "manifest.csv").read_text(encoding="utf-8")
    assert "bäll 0" not in manifest
    assert ",affine,ridge," in manifest


def test_broken_marks_are_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "marks.csv"
    table.write_text("photo,mark,fit\nx,perhaps,\n")
    args = ["build", "--src", "folder", "--data", str(data), "--out", str(tmp_path / "out"), "--exclude", str(table)]
    with pytest.raises(SystemExit) as stopped:
        console.run(cli.group, args)
    assert stopped.value.code == 1
    assert "line 2: mark 'perhaps', wanted good, bad or nothing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["bäll 0,bad,\n", "photo,fit\nbäll 0,affine\n", ""])
def test_marks_without_their_columns_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    table = tmp_path / "marks.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=r"no column (photo|mark) in its first line .* wanted photo,mark,fit$"):
        marks.read_excluded(table)


def test_marks_may_be_separated_by_semicolons(tmp_path: Path) -> None:
    table = tmp_path / "marks.csv"
    table.write_text("photo;mark\nbäll 0;bad\nbäll 1;good\n", encoding="utf-8")
    assert set(marks.read_excluded(table)) == {"bäll 0"}


def test_marks_of_photos_that_are_not_there_are_named_and_excluded_photos_counted(data: Path, tmp_path: Path) -> None:
    table = tmp_path / "marks.csv"
    table.write_text("photo,mark,fit\nbäll 0,bad,\nbäll 9,bad,\nball,,affine\n", encoding="utf-8")
    options: list[Any] = ["--exclude", table, "--override", table, "--test-share", 0]
    built = run("build", "--src", "folder", "--data", data, "--out", tmp_path / "out", *options)
    assert built.exit_code == 1
    report = json.loads((tmp_path / "out" / "build.json").read_text(encoding="utf-8"))
    assert "1 of 4 photos are excluded by marks" in report["found"]
    wanted = "marked, but folder has no photo of this id"
    assert report["problems"] == [f"ball: {wanted}", f"bäll 9: {wanted}"]


def test_photos_without_masks_stop_before_the_work_with_the_name_of_a_mask(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data / "folder" / "masks")
    with pytest.raises(SystemExit) as stopped:
        console.run(cli.group, ["build", "--src", "folder", "--data", str(data), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: 4 photos, 0 masks, 4 charts with known corners or patches")
    assert str(data / "folder" / "masks" / "bäll 0_a.png") in last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--src", "nus"], "no folder nus, wanted"),
        (["--src", "nowhere"], "source nowhere, wanted some of nus gehler"),
        (["--src", "folder", "--size", "8"], "8, wanted full or 16 and more"),
        (
            ["--src", "folder", "--test-share", "1.5"],
            "Invalid value for '--test-share': 1.5 is not in the range 0<=x<=1",
        ),
    ],
)
def test_build_that_cannot_start_says_why_and_leaves_no_folder(
    data: Path, tmp_path: Path, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        console.run(cli.group, ["build", *args, "--data", str(data), "--out", str(tmp_path / "out")])
    assert stopped.value.code in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
