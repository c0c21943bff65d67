"""Commands of both command lines: a group that imports them when they are called; several values after an option."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands live one to a module and are imported when they are called.

    `--help` of the group works without importing numpy or torch, since the group has the one-line helps. The module of
    `make-pairs` is `make_pairs`.
    """

    def __init__(self, *args: Any, package: str = "", lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.package = package
        self.lazy = dict(lazy or {})

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are given, which is the order of use."""
        return list(self.lazy)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import `package.<name>` and return its attribute `command`."""
        if cmd_name not in self.lazy:
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the one-line helps, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.lazy.items()))


class VariadicCommand(click.Command):
    """A command in which an option named in `variadic` takes every value up to the next option.

    click allows one value a repetition only: `--src nus gehler` is rewritten to `--src nus --src gehler` before
    parsing. The option itself is declared with `multiple=True`.
    """

    def __init__(self, *args: Any, variadic: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.variadic = variadic

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values, then parse as click does."""
        return super().parse_args(ctx, _repeat_names(args, self.variadic))


def _repeat_names(args: list[str], names: tuple[str, ...]) -> list[str]:
    spread: list[str] = []
    current: str | None = None
    first = False
    for position, arg in enumerate(args):
        if arg == "--":
            return spread + args[position:]
        if arg.startswith("-") and arg != "-":
            current = arg if arg in names else None
            first = current is not None
        elif current is not None and not first:
            spread.append(current)
        else:
            first = False
        spread.append(arg)
    return spread
