"""No command deletes, empties or overwrites a file that is not its own.

Every command of both packages runs in a small world of precious files, which are hashed before and after.

The commands, their options and the hostile places for their outputs are generated from the command lines themselves: a
new command without a case, or a new option that takes a path without a word on it, fails here.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from .every_command import CASES, READ, call, command_of, commands, fill, hashes


def inputs_of(name: str, world: Path) -> list[Path]:
    return [world / word for word in CASES[name].words.split() if not word.startswith("-") and (world / word).exists()]


def hostile_files(name: str, world: Path, out: Path) -> Iterator[Path]:
    """Paths of files that no command may write."""
    yield world / "mine" / "deep" / "picture.png"
    inputs = [path for path in inputs_of(name, world) if path.is_file()] or [world / "built" / "fits.h5"]
    for number, path in enumerate(inputs):
        yield path
        yield path.parent / ".." / path.parent.name / path.name
        for link in (os.link, os.symlink):
            linked = out / f"{link.__name__}_{number}{path.suffix}"
            link(path, linked)
            yield linked
    dangling = out / "dangling.png"
    dangling.symlink_to(world / "mine" / "not there yet.png")
    yield dangling


def hostile_folders(name: str, world: Path, out: Path) -> Iterator[Path]:
    """Folders that no command may write into."""
    yield world / "mine"
    yield world / "mine" / "diary.txt"
    yield world
    yield world / ".." / world.name
    linked = out / "linked"
    linked.symlink_to(world / "mine")
    yield linked
    for path in (path for path in inputs_of(name, world) if path.is_dir()):
        yield path
        yield (path / "folder" if path.name == "data" else path) / "inside"


def cases(kind: str) -> list[tuple[str, str]]:
    return [(name, option) for name, case in CASES.items() for option in getattr(case, kind)]


def test_every_command_has_a_case_and_every_path_that_it_takes_is_read_or_written() -> None:
    found = dict(commands())
    assert {command_of(name) for name in CASES} == set(found) == set(READ)
    for name, command in found.items():
        written = {
            option
            for case, value in CASES.items()
            if command_of(case) == name
            for option in (*value.files, *value.folders)
        }
        for parameter in command.params:
            is_path = isinstance(parameter.type, click.Path)
            is_written = bool(written.intersection(parameter.opts))
            assert is_written or is_path == (parameter.name in READ[name]), (name, parameter.name)


@pytest.mark.parametrize("name", CASES)
def test_a_command_that_works_changes_nothing_but_its_outputs_also_when_it_is_called_again(
    name: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    before, beside = hashes(world), tmp_path / "beside"
    (tmp_path / "out").mkdir()
    beside.write_text("not an output")
    first = call(name.split()[0], fill(name, tmp_path / "out"))
    assert first == CASES[name].code
    call(name.split()[0], fill(name, tmp_path / "out"))
    assert hashes(world) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "out"]
    assert beside.read_text() == "not an output"


@pytest.mark.parametrize(("name", "option"), cases("files") + cases("folders"))
def test_an_output_that_is_an_input_or_somebody_elses_is_refused_in_one_line_before_any_work(
    name: str,
    option: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    (tmp_path / "out").mkdir()
    is_file = option in CASES[name].files
    for path in (hostile_files if is_file else hostile_folders)(name, world, tmp_path):
        before, outside = hashes(world), hashes(tmp_path)
        words = fill(name, tmp_path / "out")
        words[words.index(option) + 1] = str(path)
        code, printed = call(name.split()[0], words), capsys.readouterr()
        assert code in (1, 2), (path, printed)
        assert (printed.err.lower().splitlines()[-1][:7], printed.out) == ("error: ", ""), (path, printed)
        assert hashes(world) == before, path
        assert hashes(tmp_path) == outside, path
