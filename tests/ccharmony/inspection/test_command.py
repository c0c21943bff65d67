"""`ccharmony inspect` from the command line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ccharmony import cli
from ccharmony.errors import CcharmonyError, ManifestError, SourceError
from ccharmony.images import headers
from ccharmony.records import Photo


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.group, ["inspect", *map(str, args)])


@pytest.fixture
def own_photos(make_photo: Callable[..., Photo], tmp_path: Path) -> Path:
    """A folder of two photos of one's own, with the corners of their charts."""
    root = tmp_path / "own"
    (root / "photos").mkdir(parents=True)
    rows = ["photo,x1,y1,x2,y2,x3,y3,x4,y4"]
    for name, warmth in (("noon", 1.0), ("evening", 0.7)):
        shutil.copy(make_photo(name, warmth).path, root / "photos")
        rows.append(f"{name},128,10,196,10,196,56,128,56")
    (root / "checkers.csv").write_text("\n".join(rows))
    return root


def test_a_dataset_is_shown_worst_first_with_what_its_build_reported(built: Path) -> None:
    done = run(built)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "small $et: 4 photos, 2 flagged; worst first"
    assert done.stdout.splitlines()[3].startswith("noisy")
    assert done.stderr == "problem: dusk: truncated <b>JPEG</b>\n"


def test_fits_alone_are_shown_too(built: Path) -> None:
    done = run(built / "fits.h5", "--top", "1")
    assert done.stdout.splitlines()[0].startswith("fits.h5: 4 photos")
    assert "... and 3 more" in done.stdout


def test_one_photo_is_shown_patch_by_patch(built: Path) -> None:
    done = run(built, "--photo", "lamp")
    assert done.stdout.startswith("lamp: Canon600D, nus, ridge fit")
    assert done.stdout.count("bluish green") == 2
    assert "\x1b" not in done.stdout


def test_a_photo_without_a_fit_is_an_error(built: Path) -> None:
    done = run(built, "--photo", "moon")
    assert isinstance(done.exception, ManifestError)
    assert str(done.exception).startswith("moon: no fit of this photo among 4, wanted an id such as ")


def test_fit_kinds_are_compared(built: Path) -> None:
    assert run(built, "--compare").stdout.startswith("fit kinds over 4 photos")


def test_page_and_sheets_are_written(built: Path, tmp_path: Path) -> None:
    done = run(built, "--html", tmp_path / "page.html", "--sheet", tmp_path / "sheets")
    assert f"{tmp_path / 'page.html'}: " in done.stdout
    assert "4 photos" in done.stdout
    assert f"{tmp_path / 'sheets'}: 1 contact sheets of 22 composites" in done.stdout
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("data:image/webp") == 26
    assert headers.image_size(tmp_path / "sheets" / "sheet_001.png")[1] == 2296


def test_a_page_that_cannot_be_written_is_refused_before_the_work(built: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for page in (tmp_path, tmp_path / "file" / "page.html"):
        done = run(built, "--html", page)
        assert str(page) in str(done.exception)
        assert done.stdout == ""


def test_sheets_need_a_dataset(built: Path, tmp_path: Path) -> None:
    done = run(built / "fits.h5", "--sheet", tmp_path / "sheets")
    assert str(done.exception) == "fits.h5: no composites to make sheets of, wanted a built dataset"


def test_sources_are_fitted_and_shown_with_their_charts(own_photos: Path, tmp_path: Path) -> None:
    done = run("--src", "folder", "--data", own_photos, "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.exception
    assert done.stdout.startswith("folder: 2 photos, 0 flagged")
    # A photo and a close-up of its chart for each.
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("data:image/webp") == 4


def test_a_dataset_shows_the_photos_that_lie_in_it(own_photos: Path, dataset: Path, tmp_path: Path) -> None:
    (dataset / "build.json").write_text('{"settings": {"src": ["folder"]}, "problems": []}')
    shutil.copytree(own_photos, dataset / "source")
    (dataset / "source" / "photos" / "noon.png").rename(dataset / "source" / "photos" / "day.png")
    corners = dataset / "source" / "checkers.csv"
    corners.write_text(corners.read_text().replace("noon", "day"))
    run(dataset, "--html", tmp_path / "page.html")
    # As without photos, and a close-up of one chart.
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("data:image/webp") == 27


def test_a_data_folder_without_the_sources_is_an_error(built: Path, tmp_path: Path) -> None:
    done = run(built, "--data", tmp_path, "--html", tmp_path / "page.html")
    assert isinstance(done.exception, SourceError)


def test_a_photo_that_cannot_be_fitted_is_a_problem(own_photos: Path) -> None:
    (own_photos / "photos" / "night.png").write_bytes((own_photos / "photos" / "noon.png").read_bytes()[:2000])
    done = run("--src", "folder", "--data", own_photos)
    assert done.exit_code == 1, done.exception
    assert "problem: " in done.stderr
    assert "night" in done.stderr


def test_nothing_to_inspect_is_wrong_usage() -> None:
    done = run()
    assert done.exit_code == 2
    assert "wanted a dataset, a fits.h5, --src with --data, or --release" in done.stderr


def test_a_file_that_is_no_fits_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"no")
    for path, message in (
        (tmp_path / "x.h5", f"{tmp_path / 'x.h5'}: not a fits.h5 of version 1"),
        (tmp_path / "absent", f"{tmp_path / 'absent'}: no such file, wanted a fits.h5"),
        (tmp_path, f"{tmp_path / 'fits.h5'}: no such file, wanted a fits.h5"),
    ):
        with pytest.raises(CcharmonyError, match=re.escape(message)):
            CliRunner().invoke(cli.group, ["inspect", str(path)], catch_exceptions=False)


def test_a_dataset_whose_report_is_lost_can_be_inspected(dataset: Path) -> None:
    (dataset / "build.json").unlink()
    (dataset / "manifest.csv").unlink()
    done = run(dataset)
    assert done.exit_code == 0
    assert done.stderr == ""
