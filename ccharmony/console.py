"""How both command lines speak and end: names escaped, progress on stderr, an error in one line, exit codes."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import click

from ccharmony.errors import CcharmonyError
from ccharmony.names import shown
from ccharmony.progress import Progress


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
