"""Whatever stands where an input should be, every command says so in one line at once, and no name moves the terminal.

The commands and their inputs are those of `every_command`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .every_command import CASES, call, fill, obey_permissions

UGLY = "a\nb\x07\udcff"
"""A line break, a bell and a byte that is no text."""


def _pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path, _: Path) -> None:
    path.symlink_to("/dev/zero")


def _empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def _other_kind(path: Path, sound: Path) -> None:
    if sound.is_dir():
        path.write_bytes(b"a file")
    else:
        path.mkdir()


def _absent(_path: Path, _sound: Path) -> None:
    pass


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "a named pipe": _pipe,
    "a link to /dev/zero": _endless,
    "an empty file": _empty,
    "a folder for a file or a file for a folder": _other_kind,
    "nothing": _absent,
}


def inputs(name: str, world: Path) -> list[int]:
    """Return the places of the words of a case that name inputs."""
    return [place for place, word in enumerate(CASES[name].words.split()) if (world / word).exists()]


def printed_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was printed, which moves no terminal."""
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).split("\n")
    assert all(line.isprintable() for line in lines), lines
    assert not any("Traceback" in line for line in lines), lines
    return [line for line in printed.err.split("\n") if line]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_an_input_that_is_none_is_refused_in_one_line(
    name: str,
    kind: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    for place in inputs(name, world):
        words = fill(name, tmp_path / f"out{place}")
        place -= len(CASES[name].words.split())  # from the end: the command's name stands before
        sound = Path(words[place])
        hostile = tmp_path / f"{UGLY}{place}{sound.suffix}"
        KINDS[kind](hostile, sound)
        words[place] = str(hostile)
        code = call(name.split()[0], words)
        lines = printed_lines(capsys)
        assert code in (1, 2), (code, words, lines)
        assert lines[-1].lower().startswith("error: "), lines


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.code == 0])
def test_an_input_of_an_ugly_name_is_read_or_refused_by_a_name_that_can_be_printed(
    name: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    for place in inputs(name, world):
        words = fill(name, tmp_path / f"out{place}")
        place -= len(CASES[name].words.split())
        sound = Path(words[place])
        hostile = tmp_path / f"{UGLY}{place}{sound.suffix}"
        (shutil.copytree if sound.is_dir() else shutil.copy)(sound, hostile)
        words[place] = str(hostile)
        assert call(name.split()[0], words) in (0, 1), words
        printed_lines(capsys)


@pytest.mark.parametrize(
    ("name", "word", "folder"),
    [
        ("ccharmony build", "data", "folder"),
        ("ccharmony verify", "built", "masks"),
        ("harmonize evaluate", "pairs", "masks"),
    ],
)
def test_a_folder_without_permission_is_said_without_a_traceback(
    name: str, word: str, folder: str, world: Path, tmp_path: Path
) -> None:
    copy, package = tmp_path / word, name.split()[0]
    shutil.copytree(world / word, copy)
    words = [str(copy) if part == word else part for part in fill(name, tmp_path / "out")]
    closed = copy / folder
    closed.chmod(0)
    done = subprocess.run(
        [sys.executable, "-m", package, *words],
        capture_output=True,
        text=True,
        preexec_fn=obey_permissions,
        check=False,
        cwd=world,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    closed.chmod(0o700)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert f"{closed}" in done.stdout + done.stderr
