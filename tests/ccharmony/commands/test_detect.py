import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccharmony import cli, console
from ccharmony.images import pixels

Paste = Callable[..., np.ndarray]

CORNERS = [(200.0, 120.0), (500.0, 135.0), (495.0, 335.0), (190.0, 320.0)]
BY_HAND = "photo,x1,y1,x2,y2,x3,y3,x4,y4\n"


@pytest.fixture
def with_chart(tmp_path: Path, paste_charts: Paste) -> Path:
    path = tmp_path / "an ä photo.png"
    pixels.write_image(path, paste_charts(CORNERS))
    return path


@pytest.fixture
def without_chart(tmp_path: Path, paste_charts: Paste) -> Path:
    path = tmp_path / "bare.png"
    pixels.write_image(path, paste_charts(size=(200, 300)))
    return path


def detect(*args: object) -> int:
    """Run the command; return the exit code."""
    with pytest.raises(SystemExit) as left:
        console.run(cli.group, ["detect", *map(str, args)])
    return int(left.value.code or 0)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_photo_is_one_line_with_corners_orientation_and_residual(
    with_chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect(with_chart) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{with_chart}: chart at ")
    assert "turned 0°" in line
    assert "24 of 24 patches usable" in line


def test_a_photo_without_chart_is_a_line_with_the_reason_and_no_failure(
    without_chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect(without_chart) == 0
    assert capsys.readouterr().out.startswith(f"{without_chart}: no chart")


def test_json_holds_one_object_a_photo(
    with_chart: Path, without_chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect("--json", with_chart, without_chart) == 0
    found, missed = objects(capsys.readouterr().out)
    assert found["photo"] == str(with_chart)
    np.testing.assert_allclose(found["corners"], CORNERS, atol=1)
    patches, flags = found["patches"], found["flags"]
    assert isinstance(patches, list)
    np.testing.assert_allclose(patches[0], [245, 245, 243], atol=1)  # white first
    np.testing.assert_allclose(patches[18], [116, 81, 67], atol=1)  # dark skin
    assert flags == [""] * 24
    assert (found["orientation"], found["reason"], found["others"]) == (0, "", [])
    row = str(found["row"]).split(",")
    assert row[0] == with_chart.stem
    np.testing.assert_allclose(np.array(row[1:], float), np.ravel(CORNERS), atol=1)
    assert missed["corners"] is None
    assert missed["patches"] is None
    assert missed["cost"] is None
    assert str(missed["reason"]).startswith("no chart")


def test_an_unreadable_photo_is_an_error_line_and_the_rest_goes_on(
    with_chart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "a broken.jpg"
    broken.write_bytes(b"")
    assert detect(broken, with_chart, tmp_path / "absent.png") == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{with_chart}: chart at")
    lines = err.splitlines()
    assert str(broken) in lines[0]
    assert "absent.png" in lines[1]
    assert lines[2] == "error: 2 of 3 photos failed"
    assert len(lines) == 3


def test_json_tells_of_an_unreadable_photo_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect("--json", tmp_path / "absent.png") == 1
    (gone,) = objects(capsys.readouterr().out)
    assert gone["corners"] is None
    assert "absent.png" in str(gone["reason"])


def test_a_folder_stands_for_its_photos(with_chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (with_chart.parent / "notes.txt").write_text("no photo")
    assert detect(with_chart.parent) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_files_of_a_folder_that_are_not_read_are_named(with_chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (with_chart.parent / "scan.psd").write_bytes(b"8BPS")
    assert detect(with_chart.parent) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {with_chart.parent / 'scan.psd'}: not read, wanted a camera raw file or ")
    assert last == "error: 0 of 1 photos failed, 1 files passed over"


def test_a_folder_without_photos_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect(tmp_path) == 1
    assert capsys.readouterr().err == f"error: no photo in {tmp_path}\n"


def test_the_overlay_shows_the_photo_with_its_chart_in_green(
    with_chart: Path, without_chart: Path, tmp_path: Path
) -> None:
    assert detect(with_chart, without_chart, "--overlay", tmp_path / "new" / "drawn") == 0
    drawn = pixels.read_image(tmp_path / "new" / "drawn" / "an ä photo.jpg")
    photo = pixels.read_image(with_chart)
    assert drawn.shape[0] > photo.shape[0]  # close-up, swatches and caption stand below
    top_edge = drawn[126:130, 340:352].reshape(-1, 3).astype(int)  # halfway along the first row
    assert (top_edge[:, 1] - top_edge[:, [0, 2]].max(axis=1)).max() > 100
    assert (tmp_path / "new" / "drawn" / "bare.jpg").is_file()


def test_photos_of_one_name_get_overlays_of_their_own(with_chart: Path, tmp_path: Path) -> None:
    twin = tmp_path / "other" / with_chart.name
    twin.parent.mkdir()
    twin.write_bytes(with_chart.read_bytes())
    assert detect(with_chart, twin, "--overlay", tmp_path / "drawn") == 0
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == [".made_by.json", "an ä photo.jpg", "an ä photo_2.jpg"]


def test_an_overlay_folder_that_is_a_file_stops_the_job(
    with_chart: Path, without_chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect(without_chart, "--overlay", with_chart) == 1
    assert capsys.readouterr().err.startswith(f"error: {with_chart}: not a folder")


def test_corners_by_hand_win_over_the_search(
    with_chart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "corners.csv"
    table.write_text(f"{BY_HAND}{with_chart.name},203,123,496,138,491,331,194,316\nsomebody else,1,2,3,4,5,6,7,8\n")
    assert detect("--json", with_chart, "--corners", table) == 0
    out, err = capsys.readouterr()
    (found,) = objects(out)
    assert found["corners"] == [[203, 123], [496, 138], [491, 331], [194, 316]]
    assert found["cost"] is None
    assert err == f"note: {table} line 3: no photo 'somebody else'\n"


def test_a_second_row_of_corners_is_another_chart(
    with_chart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "corners.csv"
    rows = (
        f"{with_chart.stem},{numbers}\n" for numbers in ("203,123,496,138,491,331,194,316", "20,20,90,20,90,60,20,60")
    )
    table.write_text(BY_HAND + "".join(rows))
    assert detect("--json", with_chart, "--corners", table) == 0
    (found,) = objects(capsys.readouterr().out)
    (other,) = found["others"]
    assert found["corners"] == [[203, 123], [496, 138], [491, 331], [194, 316]]
    assert other["corners"] == [[20, 20], [90, 20], [90, 60], [20, 60]]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ("600,300,900,300,900,500,600,500", "outside the photo of 720x480"),
        ("200,120,200,120,200,120,200,120", "enclose no convex area"),
        ("nan,120,500,120,500,320,200,320", "not finite"),
    ],
)
def test_impossible_corners_by_hand_fail_that_photo(
    with_chart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], numbers: str, said: str
) -> None:
    table = tmp_path / "corners.csv"
    table.write_text(f"{BY_HAND}{with_chart.stem},{numbers}\n")
    assert detect(with_chart, "--corners", table) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {with_chart}: ")
    assert said in first
    assert last == "error: 1 of 1 photos failed"


def test_a_missing_table_of_corners_is_an_error(
    with_chart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect(with_chart, "--corners", tmp_path / "none.csv") == 1
    assert "none.csv: no such file, wanted corners as photo,x1,y1" in capsys.readouterr().err


def test_no_photo_at_all_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert detect() == 2
    assert "Missing argument 'PHOTO…'" in capsys.readouterr().err
