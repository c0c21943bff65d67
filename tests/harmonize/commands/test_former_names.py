"""Commands that have another name now."""

import click.testing

from harmonize.cli import group


def test_the_former_name_of_make_pairs_still_works() -> None:
    done = click.testing.CliRunner().invoke(group, ["lend", "--help"])
    assert done.exit_code == 0
    assert "--held-lights" in done.stdout
    assert done.stdout == click.testing.CliRunner().invoke(group, ["make-pairs", "--help"]).stdout.replace(
        "make-pairs [OPTIONS]", "lend [OPTIONS]"
    )


def test_the_help_lists_the_present_name_alone() -> None:
    out = click.testing.CliRunner().invoke(group, ["--help"]).stdout
    names = [line.split()[0] for line in out.split("Commands:")[1].strip().splitlines()]
    assert names == ["train", "make-pairs", "evaluate", "apply", "serve", "export", "study", "weights"]


def test_a_name_that_no_command_had_is_refused() -> None:
    done = click.testing.CliRunner().invoke(group, ["borrow", "--help"])
    assert done.exit_code == 2
    assert "No such command 'borrow'" in done.stderr
