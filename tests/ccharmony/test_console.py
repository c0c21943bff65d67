import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ccharmony import cli
from ccharmony.arguments import LocalPath, PlaceOfData
from ccharmony.command_classes import VariadicCommand


@click.command(cls=VariadicCommand, variadic=("--src",))
@click.option("--src", multiple=True)
@click.option("--jobs", type=int)
@click.argument("rest", nargs=-1)
def sample(src: tuple[str, ...], jobs: int | None, rest: tuple[str, ...]) -> None:
    click.echo(f"{src} {jobs} {rest}")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--src", "nus", "gehler"], "('nus', 'gehler') None ()"),
        (["--src", "nus", "gehler", "--jobs", "2"], "('nus', 'gehler') 2 ()"),
        (["--jobs", "2", "--src", "nus"], "('nus',) 2 ()"),
        (["--src", "nus", "--src", "gehler"], "('nus', 'gehler') None ()"),
        (["--src", "nus", "--", "gehler"], "('nus',) None ('gehler',)"),
        (["--jobs", "2", "x"], "() 2 ('x',)"),
    ],
)
def test_option_takes_every_value_up_to_the_next(
    args: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sample.main(args, standalone_mode=False)
    assert capsys.readouterr().out.strip() == expected


def run(*args: str) -> subprocess.CompletedProcess[str]:
    code = "from ccharmony.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)


COMMANDS = ["build", "fits", "lights", "inspect", "detect", "stats", "relight", "verify", "merge", "pack"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_named_can_be_loaded(name: str) -> None:
    command = cli.group.get_command(click.Context(cli.group), name)
    assert command is not None
    assert command.name == name
    shown = CliRunner().invoke(cli.group, [name, "--help"])
    assert shown.exit_code == 0
    assert f" {name} [OPTIONS]" in shown.output.splitlines()[0]


def test_failed_job_says_one_line_and_exits_1(tmp_path: Path) -> None:
    done = run("verify", str(tmp_path / "absent"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


def test_wrong_usage_exits_2() -> None:
    assert run("build", "--no-such-option").returncode == 2
    assert run("no-such-command").returncode == 2


def test_help_lists_the_commands_with_a_line_each() -> None:
    shown = CliRunner().invoke(cli.group, ["--help"], terminal_width=200)
    assert shown.exit_code == 0
    listed = [line.split(maxsplit=1) for line in shown.output.split("Commands:")[1].strip().splitlines()]
    assert [name for name, _ in listed] == COMMANDS
    assert dict(listed) == cli.group.lazy
    assert cli.group.lazy["verify"] == "Check a built dataset, file by file."


@pytest.mark.parametrize("url", ["s3://bucket/data", "gs://b", "https://example.org/a.tar", "memory://a", "file:///a"])
def test_url_is_refused_by_name_where_a_path_is_wanted(url: str) -> None:
    result = CliRunner().invoke(cli.group, ["stats", url])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == (
        f"Error: Invalid value for 'DATASET': {url}: a URL, wanted a path on this machine"
    )


@pytest.mark.parametrize("path", ["a//b", "./s3:/b", "s3:/b", "C://b", "://b", "a/s3://b"])
def test_path_that_only_resembles_a_url_is_a_path(path: str) -> None:
    assert LocalPath().convert(path, None, None) == Path(path)


def _commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command)
        else:
            yield command


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/data", "https://me@example.org/data"])
def test_url_with_a_name_or_a_password_is_refused_without_being_shown(url: str) -> None:
    result = CliRunner().invoke(cli.group, ["verify", url])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == (
        "Error: Invalid value for 'DATASET': a URL with a name or a password in it, wanted these in the store's own "
        "settings"
    )


@pytest.mark.parametrize("url", ["s3://", "memory:///"])
def test_url_without_a_name_is_wrong_usage(url: str) -> None:
    result = CliRunner().invoke(cli.group, ["verify", url])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].endswith(f"{url}: a URL without a name, wanted that of a folder in a store")


TAKE_URLS = {
    ("verify", "dataset"),
    ("pack", "out"),
    ("train", "data"),
    ("evaluate", "data"),
}
"""Commands and their parameters."""


def test_every_path_of_every_command_but_these_refuses_urls() -> None:
    pytest.importorskip("torch")
    harmonize = importlib.import_module("harmonize.cli").group
    types = [
        (command.name, parameter.name, type(parameter.type))
        for group in (cli.group, harmonize)
        for command in _commands(group)
        for parameter in command.params
        if isinstance(parameter.type, click.Path)
    ]
    assert len(types) > 30
    assert {kind for _, _, kind in types} == {LocalPath, PlaceOfData}
    assert {(command, name) for command, name, kind in types if kind is PlaceOfData} == TAKE_URLS
