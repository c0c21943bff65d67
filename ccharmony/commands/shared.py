"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

import click

from ccharmony.jobs.stage import Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a function that shows how far each stage is, on stderr."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    bars = _Bars()
    try:
        yield bars.show
    finally:
        bars.close()


class _Lines:
    """At most one line every ten seconds, and one at the end of a stage that took longer."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def show(self, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self.last > _SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            click.echo(f"{stage}: {done} of {total}", err=True)


class _Bars:
    """One bar a stage; click works out the time left."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()
        self.stage = ""
        self.done = 0

    def show(self, stage: str, done: int, total: int) -> None:
        if stage != self.stage:
            self.close()
            bar = click.progressbar(length=total, label=stage, file=sys.stderr)
            self.bar = self.stack.enter_context(bar)
            self.stage, self.done = stage, 0
        self.bar.update(done - self.done)
        self.done = done

    def close(self) -> None:
        self.stack.close()
