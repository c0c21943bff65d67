"""Options that the commands have in common."""

from __future__ import annotations

import click

from ccharmony.arguments import Name, WholeNumber
from ccharmony.errors import SettingsError
from harmonize.models import registry

weights_option = click.option(
    "--weights",
    type=Name(),
    metavar="NAME|FILE",
    help="Bundled weights or a file; by default the best that are bundled.",
)
views_option = click.option(
    "--views",
    type=WholeNumber(1, 2),
    default=1,
    show_default=True,
    help="2 asks the network about the mirror image, too: a smaller error at twice its time.",
)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
strict_option = click.option("--strict", is_flag=True, help="Stop at the first picture that fails.")


def read_model(_ctx: click.Context, _param: click.Parameter, name: str | None) -> str | None:
    """Read the name of a registered network."""
    if name is not None:
        try:
            registry.find_network(name)
        except SettingsError as error:
            raise click.BadParameter(str(error)) from error
    return name


def read_size(_ctx: click.Context, _param: click.Parameter, value: str) -> int | str:
    """Read a side in pixels, or the word full."""
    if value == "full":
        return value
    try:
        return int(value)
    except ValueError as error:
        raise click.BadParameter(f"{value}: wanted a number of pixels or full") from error
