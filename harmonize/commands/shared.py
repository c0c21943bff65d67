"""Options and progress that the commands have in common."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

Progress = Callable[[int, int], None]

_SECONDS_BETWEEN_LINES = 10.0

weights_option = click.option(
    "--weights", metavar="NAME|FILE", help="Bundled weights or a file; by default the best that are bundled."
)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
strict_option = click.option("--strict", is_flag=True, help="Stop at the first picture that fails.")


def read_size(_ctx: click.Context, _param: click.Parameter, value: str) -> int | str:
    """Read a side in pixels, or the word full."""
    if value == "full":
        return value
    try:
        return int(value)
    except ValueError as error:
        raise click.BadParameter(f"{value}: wanted a number of pixels or full") from error


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """Give a function that is told (done, total): a bar on a terminal, a line every ten seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _tell_now_and_then(label)
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show


def _tell_now_and_then(label: str) -> Progress:
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            click.echo(f"{label}: {done} of {total}", err=True)

    return tell
