"""A command that is interrupted or killed says so in one line, leaves nothing half-written, and can be called again.

One that writes into a folder is refused while another one does.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from ccharmony import files
from ccharmony.outputs import LOCK

from .every_command import CASES, call, fill

INTERRUPTED = (
    "harmonize evaluate",
    "harmonize apply folders",
    "harmonize apply frames",
    "harmonize apply video",
    "harmonize apply",
    "harmonize make-pairs",
    "harmonize export",
    "harmonize study make",
)
FILLING = [name for name, case in CASES.items() if case.folders and not name.startswith("ccharmony pack")]
"""Packing fills a folder beside its result: see its own tests."""


@pytest.mark.parametrize("way", ["", "--kill"])
def test_commands_that_end_at_any_moment_can_be_called_again(way: str) -> None:
    command = [sys.executable, "-m", "tests.interrupts", "--times", "1", *way.split(), *INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FILLING)
def test_a_folder_into_which_another_command_writes_is_refused_and_stays_as_it_is(
    name: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    words = fill(name, tmp_path)
    (option,) = CASES[name].folders
    folder = Path(words[words.index(option) + 1])
    with files.locked(folder / LOCK, "busy"):
        assert call(name.split()[0], words) == 1
        assert [path.name for path in folder.rglob("*")] == [LOCK]
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"error: {folder}: another job is writing here"), last


def test_what_a_killed_command_was_just_writing_is_removed_by_the_next_one(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    words = fill("harmonize apply folders", tmp_path)
    assert call("harmonize", words) == 0
    half = tmp_path / "new" / "deep" / ".p.png.0123abcd.part"
    half.parent.mkdir()
    for path in (half, half.with_name("mine.part")):
        path.write_bytes(b"half")
    assert call("harmonize", [*words, "--force"]) == 0
    assert [path.name for path in half.parent.iterdir()] == ["mine.part"]
