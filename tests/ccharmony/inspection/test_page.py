"""The page as text: whole in itself, nothing in it is parsed that should be read, and its numbers are right."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import color

from ccharmony.checker.chart import RELEASE_TO_CHART, STANDARD
from ccharmony.color.polynomial import apply_polynomial
from ccharmony.dataset import fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import OutputError
from ccharmony.inspection import page, report, thumbnails
from ccharmony.inspection.report import FitReport
from ccharmony.records import FitRecord


class Parsed(HTMLParser):
    """Every element of a page, and the text of its script and style elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        self.inside = named.get("id") or tag

    def handle_endtag(self, _tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        self.texts[self.inside] = self.texts.get(self.inside, "") + data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def json_of(text: str, block: str = "data") -> Any:
    return json.loads(Parsed(text).texts[block], parse_constant=refuse)


@pytest.fixture(scope="module")
def content(records: list[FitRecord]) -> FitReport:
    return report.make_report("four fits", records, problems=["dusk: <b>truncated</b>"])


@pytest.fixture(scope="module")
def text(content: FitReport) -> str:
    return page.render(content, {})


def test_the_page_loads_nothing(text: str) -> None:
    for tag, attributes in Parsed(text).elements:
        links = [attributes.get(name) for name in ("src", "href", "action", "data", "poster", "srcset")]
        assert all(link is None or link.startswith(("data:", "#")) for link in links), tag
    assert "@import" not in text
    assert not re.search(r"url\(", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|importScripts|WebSocket|sendBeacon)\b", text)


def test_the_policy_names_the_page_s_own_script_and_style(text: str) -> None:
    parsed = Parsed(text)
    policy = next(attributes["content"] for tag, attributes in parsed.elements if "http-equiv" in attributes)
    assert policy is not None
    for element in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(parsed.texts[element].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_hostile_name_stays_a_name(text: str, content: FitReport) -> None:
    parsed = Parsed(text)
    assert parsed.count("img") == 0
    assert parsed.count("script") == 3
    assert '<img src=x onerror="document.title=1">' in {photo["id"] for photo in json_of(text)["photos"]}
    assert len(content.photos) == 4


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028", "a&amp;b'"])
def test_no_name_breaks_out_of_the_data(records: list[FitRecord], name: str) -> None:
    text = page.render(report.make_report(name, [replace(records[0], id=name)]), {})
    assert Parsed(text).count("script") == 3
    assert json_of(text)["photos"][0]["id"] == name
    assert json_of(text)["title"] == name


def test_a_file_name_that_is_no_unicode_can_be_written(records: list[FitRecord], tmp_path: Path) -> None:
    content = report.make_report("a\udcff", [replace(records[0], id="b\udcff")])
    page.write_page(tmp_path / "page.html", content, {})
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert json_of(written)["photos"][0]["id"] == "b\udcff"


def test_a_page_that_cannot_be_written_is_an_error(content: FitReport, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"page\.html"):
        page.write_page(tmp_path / "absent" / "page.html", content, {})


def test_colors_stand_in_chart_order_and_in_levels(text: str) -> None:
    data = json_of(text)
    assert data["patches"][:2] == ["dark skin", "light skin"]
    assert data["standard"][:6] == [116, 81, 67, 199, 147, 129]
    assert data["standard"][-3:] == [49, 49, 51]


def test_color_differences_are_those_of_an_independent_library(content: FitReport, text: str) -> None:
    photo = next(photo for photo in json_of(text)["photos"] if photo["id"] == "lamp")
    record = next(photo.record for photo in content.photos if photo.record.id == "lamp")
    carried = np.clip(apply_polynomial(record.to_standard, record.patches), 0, 1)
    labs = [color.rgb2lab(colors[None])[0] for colors in (carried, STANDARD)]
    expected = color.deltaE_ciede2000(*labs)[RELEASE_TO_CHART]
    assert photo["forward"]["deltaE"] == pytest.approx(expected, abs=0.06)
    assert photo["forward"]["lab"] == pytest.approx(labs[0][RELEASE_TO_CHART].ravel(), abs=0.12)


def test_what_was_not_measured_is_null(text: str) -> None:
    photo = next(photo for photo in json_of(text)["photos"] if "onerror" in photo["id"])
    patch = json_of(text)["patches"].index("green")
    assert photo["measured"][3 * patch : 3 * patch + 3] == [None] * 3
    assert photo["forward"]["deltaE"][patch] is None
    assert photo["notes"][patch] == "not measured"


def test_the_gray_ramp_of_the_inverse_spans_all_levels(content: FitReport, text: str) -> None:
    photo = json_of(text)["photos"][0]
    record = content.photos[0].record
    curve = photo["inverse"]["curve"]
    assert (curve[0][0], curve[-1][0]) == (0, 255)
    assert curve[-1][1:] == pytest.approx(255 * record.from_standard.sum(axis=1), abs=0.06)


def test_the_gray_ramp_forward_starts_at_black_and_ends_at_white(content: FitReport, text: str) -> None:
    photo = json_of(text)["photos"][0]
    record = content.photos[0].record
    curve = photo["forward"]["curve"]
    assert (curve[0][0], curve[-1][0]) == (49.7, 244.3)
    white = apply_polynomial(record.to_standard, record.patches[0])
    assert curve[-1][1:] == pytest.approx(255 * white, abs=0.06)


def test_composites_name_their_donors(built: Path) -> None:
    rows = read_manifest(built / "manifest.csv")
    found = report.make_report("x", fits.read_fits(built / "fits.h5").records, rows)
    text = page.render(found, thumbnails.collect_pictures(found, thumbnails.PictureSources(built)))
    photo = next(photo for photo in json_of(text)["photos"] if photo["id"] == "day")
    strip = photo["foregrounds"]["a"]
    assert [row["donor"] for row in strip[:2]] == ['<img src=x onerror="document.title=1">', "lamp"]
    assert strip[3] == {"donor": "lamp", "deltaE": 6.0, "clipped": 0.04, "note": ""}
    shown = json_of(text, "pictures")["day"]
    assert len(shown["composites"]["a"]) == 11
    assert shown["reals"]["a"]["uri"].startswith("data:image/webp;base64,")


def test_an_empty_report_is_a_page_too() -> None:
    assert json_of(page.render(report.make_report("nothing", []), {}))["photos"] == []
