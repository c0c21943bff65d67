"""Interrupt or kill commands at random moments, call them again, and compare with a call that was left alone.

`python -m tests.interrupts --times 30 --kill "harmonize evaluate" "harmonize apply folders"`
"""

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

# What the commands import when they are called, here so that each child has it at once.
import harmonize.commands.study.make
import harmonize.data.held_out_pairs
import harmonize.evaluation.evaluate
import harmonize.exported.export
import harmonize.inspection.page
import harmonize.study.make
import harmonize.video.job
import harmonize.video.series  # noqa: F401
from ccharmony import console
from ccharmony.outputs import LOCK
from harmonize import cli

from .every_command import fill, hashes, words_again, write_world

RANDOM = "harmonize study make"
"""Its pictures have names at random, so that only their number is compared."""


@dataclass
class Ends:
    """How calls of a command ended.

    Attributes
    ----------
    codes
        Exit codes of the calls that were interrupted or killed; -9 of a killed one.
    problems
        A line for each that did not end as it should, or after which the next call did not give what it should.
    """

    codes: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def attempt(name: str, folder: Path, number: signal.Signals, times: int, draw: random.Random) -> Ends:
    """Interrupt calls of a command, every second one where an earlier call has finished, and call it again."""
    whole, started = folder / "whole", time.monotonic()
    if code := _Call(name, whole).end():
        raise RuntimeError(f"{name}: left alone it ended with {code}")
    seconds, ends = time.monotonic() - started, Ends()
    for trial in range(times):
        out = folder / f"trial_{trial}"
        if trial % 2 and name != RANDOM:  # a finished study is refused
            shutil.copytree(whole, out)
        ended = _Call(name, out).end(number, draw.uniform(0, seconds))
        ends.codes.append(ended)
        found = [*_flaws(ended, out, number), *_compare(name, out, whole, complete=False)]
        if code := _Call(name, out).end():
            known = name == RANDOM and "holds a study already" in _printed(out)
            found += [] if known else [f"called again it ends with {code}: {_printed(out)[-300:]}"]
        found += _compare(name, out, whole, complete=True)
        ends.problems += [f"{name}, trial {trial}: {problem}" for problem in found]
    return ends


class _Call:
    """A call of a command in a child of this process."""

    def __init__(self, name: str, out: Path) -> None:
        again = words_again(name) if out.is_dir() and any(out.iterdir()) else []
        out.mkdir(exist_ok=True)
        self._child = _fork(lambda: console.run(cli.group, [*fill(name, out), *again]), _log(out))

    def end(self, number: signal.Signals | None = None, seconds: float = 0) -> int:
        """Wait for its end, which a signal may bring after some seconds; return its exit code."""
        if number is not None:
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, number)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])


def _fork(work: Callable[[], None], log: Path) -> int:
    """Do some work in a child, what it prints in a file; return its number."""
    if child := os.fork():
        return child
    signal.signal(signal.SIGINT, signal.default_int_handler)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    code: object = 1
    try:
        work()
        code = 0
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def _log(out: Path) -> Path:
    return out.with_name(f"{out.name}.txt")


def _printed(out: Path) -> str:
    return _log(out).read_text(errors="replace")


def _flaws(code: int, out: Path, number: signal.Signals) -> Iterator[str]:
    """Give a line for what is wrong with the end of a call that was interrupted."""
    if number is signal.SIGKILL:
        return
    text = _printed(out)
    if code not in (0, 130) or "Traceback" in text or "Exception" in text:
        yield f"ends with {code}: {text[-2000:]}"
    if code == 130 and text.splitlines()[-1:] != ["interrupted"]:
        yield f"says {text[-300:]!r}"
    yield from (f"{path.name}: left behind" for path in out.rglob("*.part"))


def _compare(name: str, out: Path, whole: Path, *, complete: bool) -> Iterator[str]:
    """Give a line for each file that is not as in a whole result; one that was killed may lack some."""
    found, wanted = (
        {path: digest for path, digest in hashes(folder).items() if Path(path).name != LOCK} for folder in (out, whole)
    )
    if name == RANDOM:
        if complete and len(found) != len(wanted):
            yield f"{len(found)} files, wanted {len(wanted)}"
        return
    yield from (f"{path}: other bytes" for path in found.keys() & wanted.keys() if found[path] != wanted[path])
    if complete:
        yield from (f"{path}: in one of the two" for path in found.keys() ^ wanted.keys())


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--times", default=10, show_default=True, help="Calls of each command that are interrupted.")
@click.option("--kill", is_flag=True, help="Kill instead of interrupt.")
@click.option("--seed", default=0, show_default=True)
def main(names: tuple[str, ...], times: int, kill: bool, seed: int) -> None:
    """Interrupt the commands of these cases at random moments, and print what became of them."""
    draw, problems = random.Random(seed), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world"
        child = _fork(lambda: write_world(world), Path(folder) / "world.txt")  # threads of torch survive no fork
        if os.waitpid(child, 0)[1]:
            raise RuntimeError((Path(folder) / "world.txt").read_text())
        os.chdir(world)
        for name in names:
            place = Path(folder) / name.replace(" ", "_")
            place.mkdir()
            ends = attempt(name, place, signal.SIGKILL if kill else signal.SIGINT, times, draw)
            click.echo(f"{name}: " + ", ".join(f"{ends.codes.count(code)} with {code}" for code in set(ends.codes)))
            problems += ends.problems
        os.chdir(folder)
    click.echo("\n".join([*problems[:20], f"{len(problems)} problems"]))
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
