import re

import numpy as np
import pytest
from PIL import Image

from ccharmony import console
from harmonize import cli
from harmonize.inspection import changes, page
from harmonize.inspection.page import Review, write_page


def draw(levels: tuple[int, int, int], height: int = 40, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), levels, np.uint8)


def test_the_figures_are_those_of_the_foreground_alone():
    composite, mask = draw((100, 100, 100)), np.zeros((40, 60), np.float32)
    mask[:, :15] = 1
    result = composite.copy()
    result[:, :15] = (120, 100, 90)
    found = changes.measure("a", composite, result, mask, 100_000)
    assert found.share == 0.25
    assert found.shift == pytest.approx((20, 0, -10), abs=1e-6)
    assert found.levels == pytest.approx(10, abs=1e-6)  # the mean of 20, 0 and 10


def test_pictures_are_shown_most_changed_first_and_those_left_out_are_named(tmp_path):
    review = Review("shots", "giftnet_w16", 3, ["c.png: no mask of that name"])
    mask = np.ones((40, 60), np.float32)
    for name, level in (("little", 103), ("<b>much</b>", 160), ("some", 120)):
        review.add(name, draw((100, 100, 100)), draw((level, level, level)), mask)
    write_page(tmp_path / "page.html", review)
    text = (tmp_path / "page.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", text) == ["&lt;b&gt;much&lt;/b&gt;", "some", "little"]
    assert re.findall(r"changed by <b>(.*?)</b>", text) == ["60.0", "20.0", "3.0"]
    assert "c.png: no mask of that name" in text
    assert text.count("<img ") == 9
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_a_page_of_many_pictures_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE_BYTES", 60_000)
    monkeypatch.setattr(page, "MOST", 10)
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
    review = Review("shots", "giftnet_w16", 12)
    for number in range(12):
        review.add(f"{number:02}", noise, np.roll(noise, number), np.ones((400, 600), np.float32))
    write_page(tmp_path / "page.html", review)
    assert (tmp_path / "page.html").stat().st_size < 60_000 * 4 / 3 + 12_000
    assert "the first 10 are shown" in (tmp_path / "page.html").read_text()


def test_the_command_writes_a_page_of_a_folder_alone(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(draw((90, 120, 150))).save(tmp_path / "in" / f"{name}.png")
    for name in ("a", "b"):
        mask = np.zeros((40, 60), np.uint8)
        mask[10:30, 10:30] = 255
        Image.fromarray(mask).save(tmp_path / "in" / f"{name}_mask.png")
    words = ["apply", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--device", "cpu", "--report"]
    assert run([*words, str(tmp_path / "page.html")]) == 1
    text = (tmp_path / "page.html").read_text()
    assert sorted(re.findall("<h2>(.*?)</h2>", text)) == ["a.png", "b.png"]
    assert "c.png: no mask" in text
    capsys.readouterr()
    assert run([*words, str(tmp_path / "page.html")]) == 1
    assert "page.html: exists already" in capsys.readouterr().err


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        console.run(cli.group, words)
    assert isinstance(stop.value.code, int)
    return stop.value.code
