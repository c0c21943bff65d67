"""Shared by both command lines: lazy commands, several values after one option, errors as one line, names escaped."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from ccharmony.errors import CcharmonyError
from ccharmony.names import shown
from ccharmony.progress import Progress
from ccharmony.urls import Url, as_place, is_url

force_option = click.option("--force", is_flag=True, help="Overwrite files named here that exist already.")
"""Of every command that writes a file with a name of the user's."""

LARGEST = 2**63 - 1
"""Whole number that a command takes, up or down from 0."""


class LocalPath(click.Path):
    """A path on this machine: the type of nearly every path that a command takes.

    A URL is refused, since `pathlib` would take ``s3://bucket/data`` for a folder named ``s3:``. A folder of that name
    is still reached as ``./s3:/bucket/data``.
    """

    def __init__(self, *, exists: bool = False, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(exists=exists, file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; a URL is wrong usage."""
        if is_url(value):
            self.fail(f"{value}: a URL, wanted a path on this machine", param, ctx)
        if not os.fspath(value):  # pathlib would take it for the folder in which the command is called
            self.fail("an empty text, wanted a path", param, ctx)
        return super().convert(value, param, ctx)


class Name(click.ParamType[str]):
    """A text that is not empty: the type of names for which a default stands where none is given."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; an empty one, as of a variable of the shell that is not set, is wrong usage."""
        return value or self.fail("an empty text, wanted a name", param, ctx)


class WholeNumber(click.IntRange):
    """A whole number of 64 bits, in a range or not: the type of all of them, since JSON holds no longer ones."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; one that is too long is wrong usage."""
        number = super().convert(value, param, ctx)
        if abs(number) > LARGEST:
            self.fail(f"a whole number of {len(str(value))} digits, wanted one of 64 bits", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is self.max is None else super()._describe_range()


class Number(click.FloatRange):
    """A finite number, in a range or not: the type of all numbers that need not be whole."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; NaN, which click takes for one of any range, and infinity are wrong usage."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number}, wanted a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is self.max is None else super()._describe_range()


class PlaceOfData(LocalPath):
    """A path, or the URL of a packed dataset in an object store: the type where such a dataset is read or written."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path or the `Url`; one with a name or a password in it is wrong usage, since URLs are shown."""
        if not is_url(value):
            return value if isinstance(value, Url) else super().convert(value, param, ctx)
        _, _, place, *rest = str(value).split("/")
        if not place and not any(rest):
            self.fail(f"{value}: a URL without a name, wanted that of a folder in a store", param, ctx)
        if "@" in place:
            self.fail("a URL with a name or a password in it, wanted these in the store's own settings", param, ctx)
        return as_place(value)


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


def echo(line: str, *, err: bool = False) -> None:
    """Write one line to stdout or stderr. Names of files in it cannot end it, nor steer the terminal."""
    click.echo(shown(line), err=err)


def echo_lines(text: str, *, err: bool = False) -> None:
    """Write a text of several lines, each as `echo` does."""
    for line in text.removesuffix("\n").split("\n"):
        echo(line, err=err)


_NO_TEXT = "surrogates not allowed"
"""Python's word for bytes of a file's name that are not UTF-8, where they would be written as text."""

_PACKAGES = ("ccharmony", "harmonize")


class _LineFormatter(logging.Formatter):
    """A message as `echo` writes it; the lines of a traceback stay."""

    def format(self, record: logging.LogRecord) -> str:
        first = shown(record.getMessage())
        return f"{first}\n{self.formatException(record.exc_info)}" if record.exc_info else first


def run(group: click.Group, args: list[str] | None = None) -> None:
    """Run a command line and leave the process.

    Exit codes: 0 done, 1 the job failed (one line on stderr), 2 wrong usage, 130 interrupted.
    """
    try:
        with _interrupts_kept():
            _prepare_streams()
            code = group.main(args=args, standalone_mode=False)
    except (KeyboardInterrupt, click.exceptions.Abort) as error:
        echo(str(error.__cause__ or "") or "interrupted", err=True)
        _leave(130)
    except click.ClickException as error:
        if not isinstance(error, click.MissingParameter):  # whose choices have lines of their own
            vars(error).update(message=shown(error.message))
        text = io.StringIO()
        error.show(text)
        echo_lines(text.getvalue(), err=True)
        sys.exit(error.exit_code)
    except CcharmonyError as error:
        echo(f"error: {error}", err=True)
        sys.exit(1)
    except UnicodeEncodeError as error:
        if error.reason != _NO_TEXT:
            raise
        echo(f"error: {error.object!r:.300}: a name that is not UTF-8, which no table or JSON can hold", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # met where a file is only looked for: a folder that may not be entered, too long a name
        if error.filename is None:
            raise
        echo(f"error: {os.fsdecode(error.filename)}: no access ({error.strerror})", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for package in _PACKAGES:  # what libraries do along the way, such as finding keys of a store, is not said
        logging.getLogger(package).setLevel(logging.INFO)


@contextlib.contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Make an interrupt again of an error that a library made of one: torch's shapes and ONNX files do so."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or not _is_main():
        yield
        return
    came = threading.Event()

    def note(number: int, frame: FrameType | None) -> NoReturn:
        came.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    except click.exceptions.Abort:
        raise
    except Exception:
        if came.is_set():
            raise click.exceptions.Abort from None
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave(code: int) -> NoReturn:
    """Leave the process without waiting for threads that are busy for seconds more."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    sys.exit(code)


_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Return a function that shows the progress of each stage on stderr."""
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
            echo(f"{stage}: {done} of {total}", err=True)


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
