"""The page in a real browser: its pixels against Python's, handles, keys, dragging, drawing, downloads."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccharmony.arrays import Float32, UInt8
from ccharmony.images import pixels
from harmonize.inference import adjustment
from harmonize.inference.image import harmonize_image

RESULT = (
    "const c = document.getElementById('after');"
    "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = '';"
    "for (let i = 0; i < d.length; i += 8192) s += String.fromCharCode(...d.subarray(i, i + 8192));"
    "return [c.width, c.height, btoa(s)]"
)


@pytest.fixture(scope="module")
def page(browser: Any, serve_once: str) -> Any:
    """The page, in a window of its own."""
    browser.set_window_size(1300, 900)
    browser.link = serve_once
    return browser


@pytest.fixture
def opened(page: Any) -> Any:
    """The page without any picture."""
    has_begun = "return document.getElementById('weights')?.options.length > 0"
    page.get(page.link)
    wait(lambda: page.execute_script(has_begun))
    page.execute_script("sessionStorage.clear()")
    page.get("about:blank")
    page.get(page.link)
    page.get_log("browser")
    wait(lambda: page.execute_script(has_begun))
    return page


@pytest.fixture
def loaded(opened: Any, pictures: Path) -> Any:
    """The page with a composite and its mask, under the weights of PIH."""
    drop(opened, pictures / "composite.png", pictures / "mask.png")
    choose_weights(opened, "pih")
    return opened


def find(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def wait(holds: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def settle(page: Any) -> None:
    """Wait until the server has answered and the picture is drawn, the whole that may follow a draft, too."""
    wait(lambda: page.execute_script("return document.getElementById('busy').hidden"))
    page.execute_async_script(
        "const d = arguments[0]; requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => d()), 250))"
    )


def drop(page: Any, *files: Path, ready: bool = True) -> None:
    page.execute_script("document.getElementById('picker').click = () => {}")
    find(page, "#open").click()
    find(page, "#picker").send_keys("\n".join(map(str, files)))
    wait(lambda: find(page, "#download").is_enabled() == ready)
    settle(page)


def choose_weights(page: Any, name: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(find(page, "#weights")).select_by_visible_text(name)
    settle(page)


def result(page: Any) -> UInt8:
    width, height, text = page.execute_script(RESULT)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def set_range(page: Any, name: str, value: float) -> None:
    page.execute_script(
        "const r = document.getElementById(arguments[0]); r.value = arguments[1]; r.dispatchEvent(new Event('input'))",
        name,
        value,
    )


def take(page: Any, button: str, suffix: str) -> Path:
    """Press a button and return the file that it saved."""
    for path in page.downloads.iterdir():
        path.unlink()
    find(page, button).click()
    wait(lambda: any(path.suffix == suffix for path in page.downloads.iterdir()))
    return next(path for path in page.downloads.iterdir() if path.suffix == suffix)


def difference(a: UInt8, b: UInt8) -> int:
    return int(np.abs(a.astype(np.int16) - b).max())


def test_the_browser_draws_what_python_does(loaded: Any, composite: UInt8, mask: Float32) -> None:
    levels = np.rint(255 * mask) / np.float32(255)
    for strength in (100, 37):
        set_range(loaded, "strength", strength)
        settle(loaded)
        wanted = harmonize_image(composite, levels, "pih", strength=strength / 100)
        assert difference(wanted, composite) > 10
        assert difference(result(loaded), wanted) <= 1
    choose_weights(loaded, "giftnet_w16")
    assert difference(result(loaded), harmonize_image(composite, levels, "giftnet_w16", strength=0.37)) <= 1
    assert np.array_equal(result(loaded)[mask == 0], composite[mask == 0])
    assert [entry for entry in loaded.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_draft_computes_every_other_row_and_keeps_the_background(opened: Any) -> None:
    whole, draft = opened.execute_async_script(
        """
        const done = arguments[0], [width, height] = [4, 6];
        import("/page/render.js").then(({ Renderer }) => {
          const isInside = (pixel) => pixel % width > 0 && pixel >= width;
          const levels = Uint8Array.from({ length: width * height }, (_, pixel) => (isInside(pixel) ? 255 : 0));
          const bytes = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 < 3 ? 2 * i : 255));
          const drawn = [false, true].map((isDraft) => {
            const renderer = new Renderer(new ImageData(bytes.slice(), width));
            renderer.setMask(levels);
            renderer.adjust([[0, 0.5], [0, 0.5], [0, 0.5]], [[0, 0], [0, 0]], 1, isDraft);
            return Array.from(renderer.result.data);
          });
          done(drawn);
        });
        """
    )
    whole, draft = (np.array(data, np.uint8).reshape(6, 4, 4)[..., :3] for data in (whole, draft))
    assert np.array_equal(draft[::2], whole[::2])
    composite = 2 * np.arange(96, dtype=np.uint8).reshape(6, 4, 4)[..., :3]
    assert np.array_equal(draft[1], composite[1])  # no foreground above it: as it was
    assert np.array_equal(draft[3::2, 1:], whole[2:5:2, 1:])
    assert np.array_equal(draft[:, 0], whole[:, 0])
    assert not np.array_equal(draft, whole)


def test_a_slow_picture_is_drafted_while_it_moves_and_drawn_whole_at_rest(opened: Any) -> None:
    painted = opened.execute_async_script(
        """
        const done = arguments[0], painted = [];
        import("/page/pace.js").then(async ({ Pace }) => {
          const pace = new Pace((isDraft) => {
            painted.push(isDraft);
            for (const began = performance.now(); performance.now() - began < (isDraft ? 5 : 60); );
          });
          const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
          for (let move = 0; move < 3; move++) {
            pace.draw();
            pace.draw();
            await new Promise(requestAnimationFrame);
          }
          await wait(400);
          done(painted);
        });
        """
    )
    assert painted == [False, True, True, False]


def test_handles_under_other_weights_keep_what_curves_miss(loaded: Any, composite: UInt8, mask: Float32) -> None:
    from selenium.webdriver.common.keys import Keys

    assert not find(loaded, "#missed").is_displayed()
    choose_weights(loaded, "giftnet_w16")
    levels = np.rint(255 * mask) / np.float32(255)
    assert difference(result(loaded), harmonize_image(composite, levels, "giftnet_w16")) <= 1
    assert "levels they miss" in find(loaded, "#missed").text
    loaded.find_elements("css selector", "#graph circle")[2].send_keys(Keys.ARROW_UP * 12)
    find(loaded, "#lights").click()
    find(loaded, ".light:nth-child(13)").send_keys(Keys.ARROW_DOWN * 15)
    settle(loaded)
    turned = pixels.read_image(take(loaded, "#download", ".png"))
    assert difference(turned, harmonize_image(composite, levels, "giftnet_w16")) > 20
    assert difference(result(loaded), turned) <= 1


def test_handles_of_curves_and_shading_change_picture_and_download(
    loaded: Any, composite: UInt8, mask: Float32
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    before = result(loaded)
    loaded.execute_script("document.querySelector('#channels [value=blue]').click()")
    handle = loaded.find_elements("css selector", "#graph circle")[2]
    ActionChains(loaded).drag_and_drop_by_offset(handle, 0, -40).perform()
    settle(loaded)
    blue = result(loaded)
    assert difference(blue[..., :2], before[..., :2]) == 0
    assert (blue[..., 2].astype(np.int16) - before[..., 2])[mask == 1].max() > 15
    find(loaded, "#lights").click()
    find(loaded, ".light:nth-child(13)").send_keys(Keys.ARROW_DOWN * 15)
    settle(loaded)
    assert find(loaded, ".light:nth-child(13)").get_attribute("aria-valuenow") == "-26"
    assert result(loaded)[60, 80].sum() < 0.9 * blue[60, 80].sum()
    turned = adjustment.read_json(take(loaded, "#get-json", ".json"))
    wanted = adjustment.apply(turned, composite, np.rint(255 * mask) / np.float32(255))
    assert difference(result(loaded), wanted) <= 1
    assert difference(pixels.read_image(take(loaded, "#download", ".png")), result(loaded)) <= 1
    for button in ("#reset-curves", "#reset-shading"):
        find(loaded, button).click()
    settle(loaded)
    assert difference(result(loaded), before) == 0


def test_views_and_keys_show_composite_and_result(loaded: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    clip = "return getComputedStyle(document.getElementById('before')).clipPath"
    shown = "return getComputedStyle(document.getElementById('before')).visibility"
    assert "50%" in loaded.execute_script(clip)
    find(loaded, "#split").send_keys(Keys.END)
    assert "inset(0px" in loaded.execute_script(clip)
    assert find(loaded, "#split").get_attribute("aria-valuetext") == "100 % composite"
    find(loaded, "body").send_keys("3")
    assert loaded.execute_script(shown) == "hidden"
    ActionChains(loaded).key_down("h").perform()
    assert loaded.execute_script(shown) == "visible"
    ActionChains(loaded).key_up("h").perform()
    assert loaded.execute_script(shown) == "hidden"
    ActionChains(loaded).click_and_hold(find(loaded, "#layer")).perform()
    assert loaded.execute_script(shown) == "visible"
    ActionChains(loaded).release().perform()
    find(loaded, "body").send_keys("2")
    width = "return document.getElementById(arguments[0]).getBoundingClientRect().width"
    assert loaded.execute_script(width, "before") == pytest.approx(loaded.execute_script(width, "after"), abs=1)
    find(loaded, "body").send_keys("m")
    assert loaded.execute_script("return getComputedStyle(document.getElementById('tint')).visibility") == "visible"


def test_the_picture_stays_when_the_page_is_loaded_again(loaded: Any) -> None:
    loaded.refresh()
    wait(lambda: find(loaded, "#download").is_enabled())
    settle(loaded)
    assert "composite.png" in find(loaded, "#files").text
    assert loaded.execute_script("return document.getElementById('after').width") == 160


def test_a_cutout_is_dragged_and_its_place_is_that_of_the_result(opened: Any, pictures: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    drop(opened, pictures / "background.jpg", pictures / "cutout.png")
    scale = 160 / opened.execute_script("return document.getElementById('layer').clientWidth")
    background = pixels.read_image(pictures / "background.jpg")
    ActionChains(opened).drag_and_drop_by_offset(find(opened, ".cutout"), round(-30 / scale), 0).perform()
    time.sleep(0.3)  # the page waits for the end of a move
    wait(lambda: "moving" not in find(opened, ".cutout").get_attribute("class"))
    settle(opened)
    changed = np.flatnonzero((np.abs(result(opened).astype(np.int16) - background).max(axis=2) > 8).any(axis=0))
    assert changed[0] == pytest.approx(20, abs=3)
    find(opened, ".cutout").send_keys(Keys.ARROW_RIGHT * 10)
    find(opened, ".cutout").send_keys("-")
    time.sleep(0.3)
    wait(lambda: "moving" not in find(opened, ".cutout").get_attribute("class"))
    settle(opened)
    moved = np.flatnonzero((np.abs(result(opened).astype(np.int16) - background).max(axis=2) > 8).any(axis=0))
    assert moved[0] == pytest.approx(changed[0] + 10, abs=3)
    saved = pixels.read_image(take(opened, "#download", ".jpg"))
    assert np.abs(saved.astype(np.int16) - result(opened)).mean() < 2


def test_a_mask_is_drawn_by_a_box(opened: Any, pictures: Path, composite: UInt8, mask: Float32) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    drop(opened, pictures / "composite.png", ready=False)
    assert "draw a mask" in find(opened, "#message").text
    find(opened, "#draw").click()
    canvas = find(opened, ".marks")
    width, height = canvas.size["width"], canvas.size["height"]
    right, down = round(0.3 * width), round(0.4 * height)
    ActionChains(opened).move_to_element_with_offset(canvas, -right, -down).click_and_hold().move_by_offset(
        2 * right, 2 * down
    ).release().perform()
    wait(lambda: find(opened, "#download").is_enabled())
    settle(opened)
    changed = np.abs(result(opened).astype(np.int16) - composite).max(axis=2) > 4
    assert (changed & (mask > 0.5)).sum() / (changed | (mask > 0.5)).sum() > 0.9


def test_a_file_that_is_no_picture_is_refused_in_a_line(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_bytes(b"no picture")
    drop(opened, tmp_path / "notes.png", ready=False)
    wait(lambda: "notes.png: not a picture that can be read" in find(opened, "#message").text)
    assert find(opened, "#message").get_attribute("role") == "status"


def test_everything_that_can_be_moved_has_a_name_and_the_focus(loaded: Any) -> None:
    nameless = loaded.execute_script(
        "return [...document.querySelectorAll('button, input, select, [role=slider], canvas[role]')]"
        ".filter((e) => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length || e.hidden))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []
    sliders = loaded.find_elements("css selector", "[role=slider]")
    assert [slider.get_attribute("tabindex") for slider in sliders] == ["0"] * len(sliders)
