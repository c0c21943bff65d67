"""docs/exit_codes.md names every command, and the commands end as it says where a part of their input is broken."""

import re
import shutil
from pathlib import Path

import pytest

from .every_command import CASES, call, commands, fill

PAGE = Path(__file__).resolve().parents[1] / "docs" / "exit_codes.md"
PAIRS = "pairs/composite_images/p_5_a_1.png"
PARTLY = {
    "ccharmony build": "data/folder/photos/p0.png",
    "ccharmony inspect": "built/composite_images/p0_a_1.png",
    "ccharmony stats": "built/real_images/p0.png",
    "ccharmony verify": "built/composite_images/p0_a_1.png",
    "ccharmony pack": "built/composite_images/p0_a_1.png",
    "ccharmony pack parquet": "built/composite_images/p0_a_1.png",
    "ccharmony pack h5": "built/composite_images/p0_a_1.png",
    "harmonize evaluate": PAIRS,
    "harmonize apply folders": PAIRS,
    "harmonize study make": PAIRS,
}
"""One of several inputs of a command."""


def test_the_page_has_a_row_for_every_command() -> None:
    rows = re.findall(r"^\| `(\w+ [\w -]+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert sorted(rows) == sorted(name for name, _ in commands())


@pytest.mark.parametrize("name", dict(commands()))
def test_wrong_usage_is_2(name: str) -> None:
    package, *words = name.split()
    assert call(package, [*words, "--no-such-option"]) == 2


@pytest.mark.parametrize("name", PARTLY)
def test_where_one_of_several_inputs_is_empty_it_is_named_and_the_code_is_1(
    name: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert CASES[name].code == 0
    shutil.copytree(world, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    Path(PARTLY[name]).write_bytes(b"")
    words = fill(name, tmp_path)
    if "--sheet" in words:
        words = words[: words.index("--sheet")]
    assert call(name.split()[0], words) == 1
    printed = capsys.readouterr()
    assert Path(PARTLY[name]).stem in printed.out + printed.err + caplog.text


def test_a_photo_without_a_chart_among_others_is_1(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    assert call("ccharmony", ["detect", "data/folder/photos/p0.png", "data/folder/masks/p0_a.png"]) == 1
    assert "p0_a.png" in capsys.readouterr().err
