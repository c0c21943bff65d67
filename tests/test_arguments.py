"""Numbers and paths that no command can use are wrong usage, whichever option takes them."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from ccharmony.arguments import LARGEST, Number, WholeNumber

from .every_command import call, commands, fill

PARAMETERS = [(name, parameter) for name, command in commands() for parameter in command.params]


def numbers(kind: type[click.ParamType]) -> list[click.ParamType]:
    return [parameter.type for _, parameter in PARAMETERS if isinstance(parameter.type, kind)]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "9" * 400])
def test_no_option_takes_a_number_that_is_not_finite(text: str) -> None:
    for kind in numbers(click.types.FloatParamType):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)


@pytest.mark.parametrize("text", ["9" * 19, "9" * 400, "-" + "9" * 20])
def test_no_option_takes_a_whole_number_that_json_does_not_hold(text: str) -> None:
    for kind in numbers(click.types.IntParamType):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)


def test_the_largest_whole_number_is_taken() -> None:
    assert WholeNumber().convert(str(LARGEST), None, None) == 2**63 - 1
    assert WholeNumber()._describe_range() == Number()._describe_range() == ""
    assert WholeNumber(1)._describe_range() == "x>=1"


def test_no_option_takes_an_empty_path() -> None:
    paths = [parameter.type for _, parameter in PARAMETERS if isinstance(parameter.type, click.Path)]
    assert len(paths) > 40
    for kind in paths:
        with pytest.raises(click.BadParameter, match="an empty text, wanted a path"):
            kind.convert("", None, None)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("harmonize apply", "--weights"),
        ("harmonize apply", "--out"),
        ("harmonize evaluate", "--weights"),
        ("harmonize export", "--weights"),
        ("harmonize train", "--from"),
        ("harmonize train", "--reconstruction"),
    ],
)
def test_an_empty_name_is_not_the_default(
    name: str, option: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    assert call(name.split()[0], [*fill(name, tmp_path / "out"), option, ""]) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", ["²", "9" * 20, "9" * 5000, "15", "-16", "nan"])
def test_a_size_that_is_none_is_wrong_usage(size: str, tmp_path: Path) -> None:
    assert call("ccharmony", ["build", "--src", "demo", "--out", str(tmp_path / "out"), "--size", size]) == 2
    assert not (tmp_path / "out").exists()


def test_more_jobs_than_there_are_photos_are_no_error(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    assert call("ccharmony", [*fill("ccharmony build", tmp_path), "--jobs", str(LARGEST)]) == 0


def test_a_thousand_folders_in_one_another_are_one_line(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    words = fill("harmonize apply defringe", tmp_path)
    words[words.index("--out") + 1] = f"{tmp_path}/{'a/' * 1990}x.png"
    assert call("harmonize", words) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("folders in one another")


def test_a_result_may_have_the_longest_name_that_a_file_can_have(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    words = fill("harmonize apply defringe", tmp_path)
    for name in ("x" * 251, "é" * 125):
        words[words.index("--out") + 1] = f"{tmp_path}/{name}.png"
        assert call("harmonize", words) == 0
    assert sorted(len(path.name.encode()) for path in tmp_path.iterdir()) == [254, 255]


@pytest.mark.parametrize("words", [["verify", "LONG"], ["inspect", "LONG"], ["stats", "LONG"]])
def test_a_name_that_is_too_long_for_a_file_is_one_line(words: list[str]) -> None:
    given = [word.replace("LONG", "x" * 300) for word in words]
    done = subprocess.run([sys.executable, "-m", "ccharmony", *given], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("error: ")


def test_a_seed_that_numpy_refuses_is_wrong_usage(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world)
    seeds = [name for name, parameter in PARAMETERS if parameter.name == "seed" and name != "harmonize train"]
    assert len(seeds) == 6
    for name in seeds:
        code = 0 if name == "ccharmony build" else 2  # a build's seed is hashed as a text
        assert call(name.split()[0], [*fill(name, tmp_path / "out"), "--seed", "-1"]) == code, name


def test_more_lights_than_a_file_holds_are_wrong_usage(tmp_path: Path) -> None:
    words = ["lights", "sample", "built/fits.h5", "--out", str(tmp_path / "x.h5"), "--count", "500001"]
    assert call("ccharmony", words) == 2
