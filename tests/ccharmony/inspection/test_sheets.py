"""Contact sheets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ccharmony.dataset import fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ImageError, OutputError
from ccharmony.images import headers, pixels
from ccharmony.inspection import contact_sheets, report
from ccharmony.inspection.report import FitReport


@pytest.fixture
def content(dataset: Path) -> FitReport:
    rows = read_manifest(dataset / "manifest.csv")
    return report.make_report("small $et", fits.read_fits(dataset / "fits.h5").records, rows)


def test_a_sheet_shows_real_outline_and_ten_composites_a_row(dataset: Path, content: FitReport, tmp_path: Path) -> None:
    paths = contact_sheets.write_sheets(tmp_path / "sheets", content, dataset)
    assert [path.name for path in paths] == ["sheet_001.png"]
    sheet = pixels.read_image(paths[0])
    # 24 margin, 30 title, 30 heading; cells every 188; the composite's foreground spans x 30..59, y 15..44 of 90x60.
    centers = [tuple(sheet[84 + 30, 24 + 188 * column + 45].tolist()) for column in range(12)]
    assert centers[:2] == [(120, 120, 120)] * 2
    assert centers[2:] == [(120, 120, 120 + 10 * number) for number in range(1, 11)]


def test_the_outline_is_on_the_second_picture_alone(dataset: Path, content: FitReport, tmp_path: Path) -> None:
    sheet = pixels.read_image(contact_sheets.write_sheets(tmp_path / "sheets", content, dataset)[0])
    real, outlined = (sheet[84:144, left : left + 90] for left in (24, 212))
    assert (real == 120).all()
    line = outlined[15, 35:55]
    assert line.min(axis=0).max() > 200


def test_an_eleventh_composite_goes_to_a_row_of_its_own(dataset: Path, content: FitReport, tmp_path: Path) -> None:
    sheet = pixels.read_image(contact_sheets.write_sheets(tmp_path / "sheets", content, dataset)[0])
    assert sheet[84 + 201 + 30, 24 + 188 * 2 + 45].tolist() == [120, 120, 230]
    assert sheet.shape == (2 * 24 + 30 + 4 * 201, 2 * 24 + 12 * 188 - 8, 3)


def test_rows_beyond_eight_go_to_the_next_sheet(dataset: Path, content: FitReport, tmp_path: Path) -> None:
    photo = content.photos[-1] if content.photos[-1].pairs else next(one for one in content.photos if one.pairs)
    copies = tuple(replace(photo, pairs=photo.pairs[:2]) for _ in range(9))
    paths = contact_sheets.write_sheets(tmp_path / "sheets", FitReport("x", copies), dataset)
    assert len(paths) == 2
    assert headers.image_size(paths[1])[0] == 2 * 24 + 30 + 201


def test_captions_are_written_in_light_ink_and_are_no_formulas(
    dataset: Path, content: FitReport, tmp_path: Path
) -> None:
    sheet = pixels.read_image(contact_sheets.write_sheets(tmp_path / "sheets", content, dataset)[0])
    title = sheet[:40, 24:400].astype(int)
    assert (title.min(axis=2) > 230).sum() > 50
    assert np.ptp(title, axis=2).max() < 3


def test_a_picture_that_is_gone_is_named(dataset: Path, content: FitReport, tmp_path: Path) -> None:
    (dataset / "real_images/day.png").unlink()
    with pytest.raises(ImageError, match=r"day\.png"):
        contact_sheets.write_sheets(tmp_path / "sheets", content, dataset)


def test_a_folder_that_cannot_be_made_is_named(dataset: Path, content: FitReport, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        contact_sheets.write_sheets(tmp_path / "file", content, dataset)
