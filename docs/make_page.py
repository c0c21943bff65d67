"""Draw docs/page.webp, the picture of the page of `harmonize serve`, from a built demo.

    ccharmony build --src demo --out out/demo
    python docs/make_page.py out/demo

Needs chromium, chromedriver and selenium.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from ccharmony.dataset import manifest
from ccharmony.images import pixels

CHOSEN = "nursery_D60_a_7"
SIZE = (1280, 960)
QUALITY = 80


def main(dataset: Path) -> None:
    """Serve the page, put the composite on it, and write what it looks like."""
    pair = next(
        pair for pair in manifest.read_manifest(dataset / "manifest.csv") if Path(pair.composite).stem == CHOSEN
    )
    command = [sys.executable, "-m", "harmonize", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            shot = _take(server.stdout.readline().split()[0], [dataset / pair.composite, dataset / pair.mask])
        finally:
            server.terminate()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        path.write_bytes(shot)
        pixels.write_image(Path(__file__).with_name("page.webp"), pixels.read_image(path), QUALITY)


def _take(link: str, files: list[Path]) -> bytes:
    """Return the page with a composite and its mask as PNG."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={SIZE[0]},{SIZE[1]}"):
        options.add_argument(flag)
    with webdriver.Chrome(options=options) as browser:
        browser.get(link)
        waiting = WebDriverWait(browser, 60)
        waiting.until(lambda page: page.find_elements("css selector", "#weights option"))
        browser.execute_script("document.getElementById('picker').click = () => {}")
        browser.find_element("id", "open").click()
        browser.find_element("id", "picker").send_keys("\n".join(str(path.resolve()) for path in files))
        waiting.until(lambda page: page.find_element("id", "missed").is_displayed())
        browser.find_element("id", "lights").click()
        border = "const s = document.getElementById('split'); s.value = 245; s.dispatchEvent(new Event('input'))"
        browser.execute_script(border)
        browser.execute_script("document.activeElement.blur(); document.querySelector('aside').scrollTop = 0")
        time.sleep(1)
        return bytes(browser.get_screenshot_as_png())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
