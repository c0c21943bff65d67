"""Feed damaged files to everything that reads: no hang, no crash, no other error than ours.

`python -m tests.ccharmony.fuzz --inputs 20000`

A worker process reads and says which input is next; another one goes on after the input that ended it.
"""

from __future__ import annotations

import os
import random
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from ccharmony.errors import CcharmonyError

from .hostile import Target, damaged, targets

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30
"""A worker that is silent for longer hangs."""

MEMORY = 1 << 30
"""Bytes that an input may make the process grow by; all of them have some thousand bytes or say so of themselves."""


@dataclass
class Verdict:
    """What became of the inputs.

    Attributes
    ----------
    inputs
        How many were read.
    refused
        How many of them raised one of our errors, by kind of file.
    problems
        One line for each that ended the process, hung, took memory, or raised another error.
    """

    inputs: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def run(inputs: int, seed: int = 0, only: str = "") -> Verdict:
    """Read damaged files in worker processes, the kinds of files in turn."""
    verdict = Verdict()
    first = 0
    while first < inputs:
        first = _run_worker(first, inputs, seed, only, verdict) + 1
    verdict.inputs = inputs
    return verdict


def _run_worker(first: int, end: int, seed: int, only: str, verdict: Verdict) -> int:
    """Run one worker until it is through or ends on an input; return the last input."""
    command = [
        sys.executable,
        "-m",
        "tests.ccharmony.fuzz",
        "--worker",
        f"{first}",
        f"{end}",
        f"{seed}",
        "--only",
        only,
    ]
    last, what = first - 1, "?"
    with tempfile.TemporaryFile("w+", errors="replace") as noise:  # no pipe: what the codecs complain of would fill it
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, cwd=ROOT) as worker:
            for line in _lines(worker):
                sign, number, text = line.split(" ", 2)
                if sign == "?":
                    last, what = int(number), text
                elif sign == "-":
                    verdict.refused[text] += 1
                else:
                    verdict.problems.append(f"input {number}: {text}")
        if worker.returncode != 0:
            noise.seek(0)
            ending = noise.read().strip().splitlines()[-1:]
            verdict.problems.append(f"input {last}: {what}: the process ended with {worker.returncode} {ending}")
            return last
    return end


def _lines(worker: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield what a worker says; end it when it says nothing for too long."""
    assert worker.stdout is not None
    said = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(worker.stdout, selectors.EVENT_READ)
        while waiting.select(SECONDS):
            part = os.read(worker.stdout.fileno(), 65536)
            if not part:
                return
            *lines, said = (said + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
    worker.kill()


def _work(first: int, end: int, seed: int, only: str) -> None:
    """Read inputs: '? number kind' goes before each, '- number kind' says refused, '! number what' tells a problem."""
    warnings.simplefilter("error", RuntimeWarning)
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, limit))
    with tempfile.TemporaryDirectory() as folder:
        kinds = [target for target in targets(Path(folder)) if only in target.name]
        whole = {target.path: target.path.read_bytes() if target.path.exists() else None for target in kinds}
        for target in kinds:
            _read_seeds(target, whole[target.path])
        for number in range(first, end):
            _try(number, kinds[number % len(kinds)], seed)
            _restore(kinds[number % len(kinds)], whole)


def _read_seeds(target: Target, before: bytes | None) -> None:
    """Make sure that the files are read at all while they are whole, but for hashes that are made up."""
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
    target.path.write_bytes(damaged(random.Random(f"{seed} {number}"), target.seeds))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        target.read()
    except CcharmonyError:
        print(f"- {number} {target.name}")
    except Exception as error:  # what is looked for here
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(f"! {number} {target.name}: {type(error).__name__} {str(error)[:100]!r} {place.filename}:{place.lineno}")
    if (grown := 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)) > MEMORY:
        print(f"! {number} {target.name}: {grown / 1e9:.1f} GB of memory")
    if (seconds := time.monotonic() - started) > SECONDS / 3:
        print(f"! {number} {target.name}: {seconds:.0f} s")


def _restore(target: Target, whole: dict[Path, bytes | None]) -> None:
    _put_back(target.path, whole[target.path])


def _put_back(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(data)


@click.command()
@click.option("--inputs", default=20_000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--only", default="", help="Kinds of files whose name holds this.")
@click.option("--worker", nargs=3, type=int, hidden=True)
def main(inputs: int, seed: int, only: str, worker: tuple[int, int, int] | None) -> None:
    """Read damaged files and print what is wrong with the readers."""
    if worker is not None:
        _work(*worker, only)
        return
    started = time.monotonic()
    verdict = run(inputs, seed, only)
    for name, count in sorted(verdict.refused.items()):
        click.echo(f"{name}: {count} refused")
    click.echo("\n".join(verdict.problems[:50]))
    seconds = time.monotonic() - started
    click.echo(f"{verdict.inputs} inputs in {seconds:.0f} s, {len(verdict.problems)} problems")
    raise SystemExit(1 if verdict.problems else 0)


if __name__ == "__main__":
    main()
