"""The page in a real browser: it opens, sorts, filters, shows a photo, keeps marks and saves them for `build`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccharmony import names
from ccharmony.dataset import fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.inspection import marks, page, report, thumbnails
from ccharmony.records import FitRecord

NAMES = "return [...document.querySelectorAll('#table tbody tr:not([hidden]) th button')].map(b => b.textContent)"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    rows = read_manifest(built / "manifest.csv")
    content = report.make_report("small $et", fits.read_fits(built / "fits.h5").records, rows, ["<b>dusk</b>: gone"])
    path = tmp_path_factory.mktemp("page") / "report.html"
    page.write_page(path, content, thumbnails.collect_pictures(content, thumbnails.PictureSources(built)))
    return path


@pytest.fixture
def opened(browser: Any, places: Path) -> Any:
    """The page, freshly opened without marks, in a wide window."""
    resize(browser, 1440)
    browser.get(places.as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get("about:blank")
    browser.get(places.as_uri())
    browser.get_log("browser")
    return browser


def resize(browser: Any, width: int, *, dark: bool = False) -> None:
    view = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def press(browser: Any, keys: str) -> None:
    find(browser, "body").send_keys(keys)


def choose(browser: Any, selector: str, value: str) -> None:
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))"
    browser.execute_script(script, find(browser, selector), value)


def click(browser: Any, selector: str) -> None:
    """Click as a person does, in the middle of the window, clear of the bar at its bottom."""
    button = find(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", button)
    button.click()


def open_photo(browser: Any, name: str) -> None:
    """Click the row of a photo."""
    click(browser, f"#table tbody tr:nth-child({shown(browser).index(name) + 1})")


def shown(browser: Any) -> list[str]:
    return list(browser.execute_script(NAMES))


def panel_title(browser: Any) -> str:
    titles = browser.find_elements("css selector", "#panel:not([hidden]) #panel-title")
    return titles[0].text if titles else ""


def wait_for(test: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not test():
        assert time.monotonic() < end, "nothing within 10 seconds"
        time.sleep(0.05)


def saved(browser: Any) -> Path:
    path = Path(browser.downloads) / "marks.csv"
    path.unlink(missing_ok=True)
    click(browser, "#export")
    wait_for(path.is_file)
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 800, 1440, 1900])
def test_it_opens_without_a_word_on_the_console(browser: Any, places: Path, width: int, dark: bool) -> None:
    resize(browser, width, dark=dark)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(f"{places.as_uri()}#day")
    assert browser.get_log("browser") == []
    assert panel_title(browser) == "day"
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(22, 22, 22)" if dark else "rgb(244, 244, 244)")


def test_a_hostile_name_is_text(opened: Any, records: list[FitRecord]) -> None:
    name = next(record.id for record in records if "onerror" in record.id)
    assert name in shown(opened)
    assert opened.title == "Checker fits: small $et"
    assert opened.execute_script("return document.querySelectorAll('img').length") == 0
    open_photo(opened, name)
    assert panel_title(opened) == name
    assert opened.title == "Checker fits: small $et"
    assert find(opened, "#problems summary").text == "1 problem"
    assert opened.get_log("browser") == []


def test_a_column_sorts_both_ways(opened: Any) -> None:
    first = shown(opened)
    assert first[0].startswith("noisy")
    assert find(opened, "th[data-key=score]").get_attribute("aria-sort") == "descending"
    click(opened, "th[data-key=score] button")
    assert shown(opened) == first[::-1]
    click(opened, "th[data-key=id] button")
    assert shown(opened)[1:] == ["day", "lamp", first[0]]
    assert find(opened, "th[data-key=id]").get_attribute("aria-sort") == "ascending"


def test_photos_are_filtered_by_words_and_by_reason(opened: Any) -> None:
    find(opened, "#find").send_keys("LEVELS on")
    assert [name[:5] for name in shown(opened)] == ["noisy"]
    assert find(opened, "#shown").text == "1 of 4 photos."
    click(opened, "#reset")
    assert len(shown(opened)) == 4
    choose(opened, "#by-cause", "unused_patches")
    assert ["onerror" in name for name in shown(opened)] == [True]
    choose(opened, "#by-cause", "fine")
    assert sorted(shown(opened)) == ["day", "lamp"]


def test_the_plots_follow_the_filter(opened: Any) -> None:
    casts = "return document.querySelectorAll('#casts circle').length"
    assert opened.execute_script(casts) == 4
    choose(opened, "#by-cause", "fine")
    assert opened.execute_script(casts) == 2
    assert find(opened, "#cameras td.count").text == "2"
    assert "over 2 photos" in find(opened, "#kinds-table caption").text


def test_a_row_opens_its_photo_and_escape_closes_it(opened: Any) -> None:
    open_photo(opened, "lamp")
    assert panel_title(opened) == "lamp"
    assert opened.execute_script("return document.querySelectorAll('#panel .board svg > g').length") == 48
    assert opened.execute_script("return document.querySelectorAll('#panel .strip img').length") == 12
    assert "day" in find(opened, "#panel .strip li:nth-child(3) figcaption").text
    assert find(opened, "#panel section:not(.direction) table.figures tbody tr").text.startswith("published")
    press(opened, "\ue00c")
    assert panel_title(opened) == ""
    assert opened.switch_to.active_element.text == "lamp"


def test_every_picture_of_a_panel_can_be_decoded(opened: Any) -> None:
    open_photo(opened, "day")
    widths = "return [...document.querySelectorAll('#panel img')].map(i => i.complete ? i.naturalWidth : 0)"
    wait_for(lambda: 0 not in opened.execute_script(widths))
    assert opened.execute_script(widths) == [90] * 13


def test_keys_step_through_the_photos_shown(opened: Any) -> None:
    order = shown(opened)
    press(opened, "j")
    assert panel_title(opened) == order[0]
    press(opened, "j")
    press(opened, "\ue014")
    assert panel_title(opened) == order[2]
    press(opened, "k")
    press(opened, "\ue012")
    press(opened, "\ue012")
    assert panel_title(opened) == order[0]


def test_a_photo_can_be_named_in_the_address(opened: Any) -> None:
    press(opened, "jj")
    title = panel_title(opened)
    opened.refresh()
    assert panel_title(opened) == title


def test_letters_typed_into_the_search_are_no_commands(opened: Any) -> None:
    press(opened, "/")
    opened.switch_to.active_element.send_keys("lamp bg")
    assert find(opened, "#find").get_attribute("value") == "lamp bg"
    assert find(opened, "#marked").text == "0 good, 0 bad"


def test_marks_are_saved_as_the_csv_that_build_reads(opened: Any) -> None:
    order = shown(opened)
    press(opened, "jb")
    press(opened, "jg")
    choose(opened, "#refit", "affine")
    press(opened, "j")
    choose(opened, "#refit", "published")
    assert find(opened, "#marked").text == "1 good, 1 bad, 2 with another fit"
    path = saved(opened)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "photo,mark,fit"
    assert marks.read_excluded(path) == {order[0]}
    assert marks.read_overrides(path) == {order[1]: "affine", order[2]: "published"}


def test_names_with_commas_and_quotes_survive_the_csv(opened: Any, records: list[FitRecord]) -> None:
    for _ in records:
        press(opened, "jb")
    assert marks.read_excluded(saved(opened)) == {record.id for record in records}


@pytest.mark.parametrize("name", ["=1+2", "'=1", "+1", "-1", "@x", "'a"])
def test_names_in_the_csv_are_no_formulas_and_come_back(opened: Any, tmp_path: Path, name: str) -> None:
    script = """const marks = new Marks("x", () => {});
        marks.known.set(arguments[0], { mark: "bad", fit: "" });
        return marks.csv([arguments[0]]);"""
    text = opened.execute_script(script, name)
    assert text == f"photo,mark,fit\n{names.to_cell(name)},bad,\n"
    (tmp_path / "marks.csv").write_text(text, encoding="utf-8")
    assert marks.read_excluded(tmp_path / "marks.csv") == {name}


def test_marks_last_until_they_are_taken_back(opened: Any) -> None:
    press(opened, "jb")
    opened.refresh()
    assert find(opened, "#marked").text == "0 good, 1 bad"
    assert find(opened, "#table tbody tr .mark").text == "✕ bad"
    choose(opened, "#by-mark", "bad")
    assert len(shown(opened)) == 1
    press(opened, "u")
    assert find(opened, "#marked").text == "0 good, 0 bad"


def test_a_button_marks_and_a_second_press_unmarks(opened: Any) -> None:
    press(opened, "j")
    click(opened, "[data-mark=good]")
    assert find(opened, "[data-mark=good]").get_attribute("aria-pressed") == "true"
    click(opened, "[data-mark=good]")
    assert find(opened, "#marked").text == "0 good, 0 bad"


def test_a_donor_s_name_opens_the_donor(opened: Any) -> None:
    open_photo(opened, "day")
    click(opened, "#panel .strip li:nth-child(3) button")
    assert panel_title(opened) == "lamp"


def test_an_empty_report_opens(browser: Any, tmp_path: Path) -> None:
    page.write_page(tmp_path / "empty.html", report.make_report("nothing", []), {})
    browser.get_log("browser")
    browser.get((tmp_path / "empty.html").as_uri())
    assert browser.get_log("browser") == []
    assert find(browser, "#counts").text.startswith("0 photos")
