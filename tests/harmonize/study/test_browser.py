"""The page in a real browser: keys, taps, going back, the outline, resuming, and votes while the server is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ccharmony.images import pixels
from harmonize.study.store import Store
from harmonize.study.study import Study


@pytest.fixture
def opened(study: Study, serve: Callable[..., Any], browser: Any) -> Any:
    """A rater's page, on real pictures."""
    for number, path in enumerate(sorted((study.folder / "pictures").iterdir())):
        path.write_bytes(pixels.encode(np.full((48, 64, 3), 5 * number, np.uint8), ".webp"))
    for name in study.outlines:
        pixels.write_image(study.folder / "outlines" / name, np.zeros((48, 64, 3), np.uint8))
    _, link = serve(study.folder)
    browser.get(link)
    browser.get_log("browser")
    find(browser, "#begin button").click()
    wait(lambda: "/rate/" in browser.current_url and count(browser) == "1 of 66" and visible(browser))
    return browser


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def count(browser: Any) -> str:
    return str(browser.execute_script("return document.getElementById('count')?.textContent"))


def visible(browser: Any) -> bool:
    return bool(browser.execute_script("return !document.getElementById('pair').hidden"))


def wait(holds: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def press(browser: Any, key: str) -> None:
    time.sleep(0.25)  # a person takes longer
    find(browser, "body").send_keys(key)


def test_keys_vote_and_lead_back(opened: Any, study: Study) -> None:
    from selenium.webdriver.common.keys import Keys

    for key in (Keys.ARROW_LEFT, Keys.ARROW_RIGHT, "="):
        press(opened, key)
    wait(lambda: count(opened) == "4 of 66")
    store = Store(study)
    wait(lambda: store.answers(0) == {0: "left", 1: "right", 2: "tie"})
    press(opened, Keys.BACKSPACE)
    wait(lambda: count(opened) == "3 of 66")
    assert "before" in find(opened, "#tie").get_attribute("class")
    press(opened, Keys.ARROW_LEFT)
    wait(lambda: store.answers(0)[2] == "left")
    link = opened.current_url
    opened.get("about:blank")
    opened.get(link)
    wait(lambda: count(opened) == "4 of 66")
    assert [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_next_question_shows_within_a_tenth_of_a_second(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    opened.execute_script(
        "window.took = []; const left = document.querySelector('#left img');"
        "addEventListener('keydown', () => { const start = performance.now(), before = left.src;"
        "  const look = () => left.src === before ? requestAnimationFrame(look) : took.push(performance.now() - start);"
        "  look(); }, true);"
    )
    for _ in range(8):
        press(opened, Keys.ARROW_LEFT)
    wait(lambda: len(opened.execute_script("return took")) == 8)
    assert float(np.median(opened.execute_script("return took"))) < 100


def test_taps_vote_and_the_outline_shows_while_it_is_held(opened: Any, study: Study) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    time.sleep(0.25)
    find(opened, "#right").click()
    wait(lambda: Store(study).answers(0) == {0: "right"})
    shown = "return getComputedStyle(document.querySelector('.outline')).visibility"
    ActionChains(opened).click_and_hold(find(opened, "#outline")).perform()
    assert opened.execute_script(shown) == "visible"
    ActionChains(opened).release().perform()
    assert opened.execute_script(shown) == "hidden"


def test_votes_wait_while_the_server_is_away(study: Study, opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    opened.execute_script("window.real = fetch; window.fetch = () => Promise.reject(new Error('away'))")
    press(opened, Keys.ARROW_LEFT)
    press(opened, Keys.ARROW_RIGHT)
    wait(lambda: "not saved yet" in find(opened, "#message").text)
    assert count(opened) == "3 of 66"
    assert Store(study).answers(0) == {}
    opened.execute_script("window.fetch = window.real")
    wait(lambda: Store(study).answers(0) == {0: "left", 1: "right"})
    wait(lambda: find(opened, "#message").text == "")
