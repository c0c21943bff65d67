"""The report as lines of text."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from ccharmony.inspection import report, terminal
from ccharmony.records import FitRecord


def no_swatch(_color: tuple[int, int, int]) -> str:
    return ""


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def test_the_table_is_cut_and_says_so(records: list[FitRecord]) -> None:
    lines = list(terminal.worst_first(report.make_report("x", records), 2))
    assert lines[0] == "x: 4 photos, 2 flagged; worst first"
    assert lines[3].startswith("noisy")
    assert lines[5] == "... and 2 more (--top 0 shows all)"
    lines = list(terminal.worst_first(report.make_report("x", records), 1))
    assert lines[4] == "... and 3 more, 1 of them flagged (--top 0 shows all)"
    assert not any("more" in line for line in terminal.worst_first(report.make_report("x", records), 0))


def test_reasons_stand_at_the_end_of_the_row(records: list[FitRecord]) -> None:
    lines = list(terminal.worst_first(report.make_report("x", records), 0))
    assert "levels on the patches (limit 10)" in lines[3]
    assert next(line for line in lines if "onerror" in line).endswith("1 patch left out")


def test_numbers_end_in_one_column_whatever_the_letters(records: list[FitRecord]) -> None:
    lines = list(terminal.worst_first(report.make_report("x", records), 0))
    end = columns(lines[2].partition("there+back")[0]) + len("there+back")
    for line, photo in zip(lines[3:7], report.make_report("x", records).photos, strict=True):
        score = f"{photo.there_and_back:.2f}"
        assert columns(line.partition(score)[0]) + len(score) == end


def test_reasons_are_wrapped_into_the_terminal(records: list[FitRecord]) -> None:
    content = report.make_report("x", records[:3])
    lines = list(terminal.worst_first(content, 1, width=150))
    start = columns(lines[2].partition("why")[0])
    rows = lines[3 : lines.index("... and 2 more (--top 0 shows all)")]
    assert len(rows) > 1
    assert all(columns(row) <= 150 for row in rows)
    assert all(row[:start].strip() == "" for row in rows[1:])
    joined = " ".join([rows[0], *(row.strip() for row in rows[1:])])
    assert joined.endswith("; ".join(content.photos[0].reasons))


def test_reasons_stand_below_their_row_in_a_narrow_terminal(records: list[FitRecord]) -> None:
    content = report.make_report("x", records[:3])
    lines = list(terminal.worst_first(content, 1, width=100))
    assert all(columns(line) <= 100 for line in lines)
    assert lines[2].endswith("folds")
    rows = lines[4 : lines.index("... and 2 more (--top 0 shows all)")]
    assert all(row.startswith("    ") for row in rows)
    assert " ".join(row.strip() for row in rows) == "; ".join(content.photos[0].reasons)


def test_a_name_cannot_steer_the_terminal(records: list[FitRecord]) -> None:
    evil = replace(records[0], id="a\x1b[2Jb\r\nc", camera="\x9b2J", notes=("\x1b[2Jnote",) * 24)
    text = "\n".join(terminal.worst_first(report.make_report("x", [evil]), 0))
    assert r"a\x1b[2Jb\r\nc" in text
    assert "\x1b" not in text
    detail = "\n".join(terminal.detail(report.PhotoReport(evil), no_swatch))
    assert r"\x1b[2Jnote" in detail
    assert not {"\x1b", "\x9b"} & set(text + detail)


def test_detail_shows_every_patch_in_both_directions_in_levels(records: list[FitRecord]) -> None:
    lines = list(terminal.detail(report.PhotoReport(records[1]), no_swatch))
    assert sum(line.startswith("dark skin ") for line in lines) == 2
    assert next(line for line in lines if line.startswith("cyan")).split()[-6:-3] == ["0", "136", "170"]


def test_a_patch_that_was_left_out_says_why(records: list[FitRecord]) -> None:
    rows = [line for line in terminal.detail(report.PhotoReport(records[3]), no_swatch) if line.startswith("green ")]
    assert [row.split()[-2:] for row in rows] == [["not", "measured"]] * 2


def test_swatches_do_not_move_the_columns(records: list[FitRecord]) -> None:
    def swatch(color: tuple[int, int, int]) -> str:
        return f"\x1b[48;2;{color[0]};{color[1]};{color[2]}m  \x1b[0m "

    def strip(line: str) -> str:
        return line.replace("\x1b[0m", "").split("m  ")[-1]

    plain = list(terminal.detail(report.PhotoReport(records[0]), no_swatch))
    colored = list(terminal.detail(report.PhotoReport(records[0]), swatch))
    rows = [(a, b) for a, b in zip(plain, colored, strict=True) if "\x1b" in b]
    assert len(rows) == 48
    assert all(strip(b)[-30:] == a[-30:] for a, b in rows)


def test_kinds_are_compared_on_the_photos_that_every_kind_fits(records: list[FitRecord]) -> None:
    few = replace(records[0], id="few", notes=("uneven",) * 14 + ("",) * 10)
    lines = list(terminal.comparison(report.make_report("x", [*records, few])))
    assert lines[0] == "fit kinds over 4 photos, median / 95th percentile (1 more have too few patches for some kind)"
    assert [line.split()[0] for line in lines[2:5]] == ["published", "affine", "ridge"]
    assert sum(int(line.split()[-1]) for line in lines[2:5]) == 4


def test_a_comparison_of_nothing_is_empty() -> None:
    lines = list(terminal.comparison(report.make_report("x", [])))
    assert lines[0].startswith("fit kinds over 0 photos")
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.123, "share", "12%"), (3.0, "count", "3"), (1234.5, "ratio", "1.23e+03"), (2.345, "levels", "2.35")],
)
def test_figures_are_shown_in_the_digits_of_their_unit(value: float, unit: str, text: str) -> None:
    assert terminal.show_figure(value, unit) == text
    assert terminal.show_figure(float("nan"), unit) == "-"
