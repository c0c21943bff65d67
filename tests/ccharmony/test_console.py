import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ccharmony import cli, console


@click.command(cls=console.VariadicCommand, variadic=("--src",))
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


COMMANDS = ["build", "fits", "inspect", "detect", "relight", "verify", "merge", "pack"]


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
