"""Feed damaged files to everything that reads: no hang, no crash, no other error than ours.

`python -m tests.ccharmony.fuzz --inputs 20000`

A worker process reads and says which input is next; another one goes on after the input that ended it.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import random
import re
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import click

from ccharmony.errors import CcharmonyError

from .hostile import Target, damaged

ROOT = Path(__file__).resolve().parents[2]
SLOW = 100
"""Inputs of a round, in which each kind has its turn; slow ones come once, at its beginning."""

SECONDS = 60
"""A worker that is silent for longer hangs."""

BEGINNING = 300
"""Seconds that it may take until it says something: it imports torch and writes whole files, on a busy machine."""

SPACE = 12 << 30
"""Bytes of address space that a worker may have; torch alone takes some."""

MEMORY = 1 << 30
"""Bytes that an input may make the process grow by; all of them have some thousand bytes or say so of themselves."""

_LINE = re.compile(r"[?+~=!-] \d+ .")
"""What a worker says; anything else comes from a library that prints where it should not."""


@dataclass
class Verdict:
    """What became of the inputs.

    Attributes
    ----------
    inputs
        How many were read.
    tried, refused
        How many there were, and how many of them raised one of our errors, by kind of file.
    readers
        Functions of the packages that read, by whether one of the whole files reached them.
    excused
        Readers that no file reaches, each with the reason.
    problems
        One line for each that ended the process, hung, took memory, or raised another error.
    """

    inputs: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    readers: dict[str, bool] = field(default_factory=dict)
    excused: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def run(inputs: int, seed: int = 0, only: str = "", package: str = "ccharmony") -> Verdict:
    """Read damaged files in worker processes, the kinds of files in turn."""
    verdict = Verdict()
    first = 0
    while first < inputs:
        last = _run_worker(first, inputs, seed, [package, only], verdict)
        if last < first:
            raise RuntimeError(f"no input was read: {verdict.problems[-1:]}")
        first = last + 1
    verdict.inputs = inputs
    return verdict


def _run_worker(first: int, end: int, seed: int, kinds: list[str], verdict: Verdict) -> int:
    """Run one worker until it is through or ends on an input; return the last input."""
    command = [
        sys.executable,
        "-m",
        "tests.ccharmony.fuzz",
        "--worker",
        f"{first}",
        f"{end}",
        f"{seed}",
        "--package",
        kinds[0],
        "--only",
        kinds[1],
    ]
    last, what = first - 1, "?"
    with tempfile.TemporaryFile("w+", errors="replace") as noise:  # no pipe: what the codecs complain of would fill it
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, cwd=ROOT) as worker:
            for line in _lines(worker):
                if not _LINE.match(line):
                    verdict.problems.append(f"input {last}: {what}: prints {line[:80]!r}")
                    continue
                sign, number, text = line.split(" ", 2)
                if sign == "?":
                    last, what = int(number), text
                    verdict.tried[text] += 1
                elif sign == "+":
                    verdict.readers[text] = verdict.readers.get(text, False) or number == "1"
                elif sign == "~":
                    name, _, verdict.excused[name] = text.partition(": ")
                elif sign == "=":
                    what = text
                elif sign == "-":
                    verdict.refused[text] += 1
                else:
                    verdict.problems.append(f"input {number}: {text}")
        if worker.returncode != 0:
            noise.seek(0)
            ending = noise.read().strip().splitlines()[-1:]
            killed = worker.returncode == -signal.SIGKILL
            ended = f"was killed or silent for {SECONDS} s" if killed else f"ended with {worker.returncode}"
            verdict.problems.append(f"input {last}: {what}: the process {ended} {ending}")
            return last
    return end


def _lines(worker: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield what a worker says; end it when it says nothing for too long."""
    assert worker.stdout is not None
    said, patience = b"", BEGINNING
    with selectors.DefaultSelector() as waiting:
        waiting.register(worker.stdout, selectors.EVENT_READ)
        while waiting.select(patience):
            patience = SECONDS
            part = os.read(worker.stdout.fileno(), 65536)
            if not part:
                return
            *lines, said = (said + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
    worker.kill()


def _work(first: int, end: int, seed: int, only: str, package: str) -> None:
    """Read inputs: '? number kind' goes before each, '- number kind' says refused, '! number what' tells a problem.

    Before them, '= 0 kind' goes before a whole file, '+ 1 reader' says which readers those reached,
    '+ 0 reader' others, '~ 0 reader: reason' those that need none.
    """
    warnings.simplefilter("error", RuntimeWarning)
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, limit))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    with tempfile.TemporaryDirectory() as folder:
        kinds = [target for target in _targets(Path(folder), package) if only in target.name]
        whole = {target.path: target.path.read_bytes() if target.path.exists() else None for target in kinds}
        reached = _reached(lambda: [_read_seeds(target, whole[target.path]) for target in kinds])
        excused = _excused(package)
        for name in sorted(_readers(package)):
            print(f"~ 0 {name}: {excused[name]}" if name in excused else f"+ {int(name in reached)} {name}")
        quick = [target for target in kinds if not target.slow] or kinds
        for number in range(first, end):
            turn = kinds if number % SLOW < len(kinds) else quick
            target = turn[number % SLOW % len(turn)]
            _try(number, target, seed)
            _put_back(target.path, whole[target.path])


def _targets(folder: Path, package: str) -> list[Target]:
    """Return the kinds of files of a package, which is imported here: torch takes seconds."""
    hostile = importlib.import_module(f"tests.{package}.hostile")
    found: list[Target] = hostile.targets(folder)
    return found


def _excused(package: str) -> dict[str, str]:
    """Return the readers of a package that need no target, each with the reason."""
    hostile = importlib.import_module(f"tests.{package}.hostile")
    return {f"{package}.{name}": reason for name, reason in hostile.EXCUSED.items()}


def _readers(package: str) -> set[str]:
    """Return the functions of a package that read, by their names."""
    return {
        f"{_module(path)}.{node.name}"
        for path in (ROOT / package).rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.partition("_")[0] in ("read", "load", "open")
    }


def _module(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")


def _reached(work: Callable[[], object]) -> set[str]:
    """Return the functions that are called while something runs."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            found.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}")

    sys.setprofile(note)
    threading.setprofile(note)
    try:
        work()
    finally:
        threading.setprofile(None)
        sys.setprofile(None)
    return found


def _read_seeds(target: Target, before: bytes | None) -> None:
    """Make sure that the files are read at all while they are whole, but for hashes that are made up."""
    print(f"= 0 {target.name}", flush=True)
    for data in target.seeds:
        target.path.write_bytes(data)
        try:
            target.read()
        except CcharmonyError as error:
            if target.path.parent.name != "pictures":  # a gray picture is no photo, one of 8 bits no cut-out
                raise RuntimeError(f"{target.name}: a whole file is refused") from error
    _put_back(target.path, before)


def _try(number: int, target: Target, seed: int) -> None:
    print(f"? {number} {target.name}", flush=True)
    target.path.write_bytes(damaged(random.Random(f"{seed} {number}"), target))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, _processor()
    try:
        target.read()
    except CcharmonyError:
        print(f"- {number} {target.name}")
    except Exception as error:  # what is looked for here
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(f"! {number} {target.name}: {type(error).__name__} {str(error)[:100]!r} {place.filename}:{place.lineno}")
    if (grown := 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)) > MEMORY:
        print(f"! {number} {target.name}: {grown / 1e9:.1f} GB of memory")
    if (seconds := _processor() - started) > SECONDS / 6:
        print(f"! {number} {target.name}: {seconds:.0f} s of the processor")


def _processor() -> float:
    """Return the seconds that this process and its children took of the processor, which no busy machine makes more."""
    return sum(os.times()[:4])


def _put_back(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(data)


@click.command()
@click.option("--inputs", default=20_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--only", default="", help="Kinds of files whose name holds this.")
@click.option("--package", type=click.Choice(["ccharmony", "harmonize"]), default="ccharmony", show_default=True)
@click.option("--worker", nargs=3, type=int, hidden=True)
def main(inputs: int, seed: int, only: str, package: str, worker: tuple[int, int, int] | None) -> None:
    """Read damaged files and print what is wrong with the readers."""
    if worker is not None:
        _work(*worker, only, package)
        return
    started = time.monotonic()
    verdict = run(inputs, seed, only, package)
    for name, count in sorted(verdict.tried.items()):
        click.echo(f"{name}: {verdict.refused[name]} of {count} refused")
    absent = [name for name, reached in verdict.readers.items() if not reached]
    known = f"{len(verdict.readers) - len(absent)} of {len(verdict.readers)}"
    click.echo(f"readers reached: {known}, {len(verdict.excused)} others need no file")
    click.echo("".join(f"not reached: {name}\n" for name in absent), nl=False)
    click.echo("\n".join(verdict.problems[:50]))
    seconds = time.monotonic() - started
    click.echo(f"{verdict.inputs} inputs in {seconds:.0f} s, {len(verdict.problems)} problems")
    raise SystemExit(1 if verdict.problems or (absent and not only) else 0)


if __name__ == "__main__":
    main()
