"""Runs of a study one after the other, or several at a time, each in a process of its own with one thread.

Two processes of one thread make more pictures a second than one of two. A run that fails (memory, a loss that is not a
number, a killed process) is reported and left; the others continue. All processes hold the lock of the study, so that
no second schedule starts a run twice, even where the first was killed and its runs still run.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.table3 import plan
from benchmarks.table3.plan import TEACHER, Trial
from benchmarks.table3.study import Study
from benchmarks.table3.trial import STOPPED
from ccharmony import files
from ccharmony.errors import SettingsError
from harmonize.training import progress
from harmonize.training.stop import Stop

ROOT = Path(__file__).resolve().parents[2]

_LOOK = 0.2
"""Seconds between two looks at the processes."""

_LAST = 0.1
"""Share of the budget at whose end no run is begun: reading the photos takes half a minute."""


@dataclass(frozen=True)
class Pace:
    """How a study is worked on; changes nothing of what is learned.

    Attributes
    ----------
    jobs
        Runs at a time.
    threads
        Of each.
    minutes
        Budget of the call in minutes; None sets no limit.
    device
        Where the networks run.
    """

    jobs: int = 1
    threads: int = 1
    minutes: float | None = None
    device: str = "auto"


@dataclass
class Schedule:
    """Runs under way and still to come.

    Attributes
    ----------
    study, pace
        See there.
    echo
        Called with each line of progress.
    failed
        Names of the runs that failed during this call.
    """

    study: Study
    pace: Pace
    echo: Callable[[str], None]
    failed: list[str] = field(default_factory=list)
    _began: float = 0.0

    def run(self, trials: Sequence[Trial]) -> bool:
        """Start or resume runs in their order until all are finished, the minutes are spent or a signal comes.

        Returns
        -------
        bool
            Whether all of them are finished.

        Raises
        ------
        SettingsError
            Another process works on the study.
        """
        waiting = with_teacher(self.study, trials)
        running: dict[str, _Process] = {}
        with _locked(self.study.path) as lock, Stop(self.pace.minutes) as stop:
            self._began = time.monotonic()
            while True:
                while self._worth(stop) and len(running) < self.pace.jobs and (name := self._next(waiting)):
                    waiting.remove(name)
                    running[name] = self._start(name, lock)
                if not running:
                    break  # all done, no time left, or the teacher that the rest needs has failed
                time.sleep(_LOOK)
                for process in running.values() if stop.signal else ():
                    process.stop()
                for name in [name for name, process in running.items() if process.code is not None]:
                    self._end(name, running.pop(name))
        return all(self.study.finished(trial.name) for trial in trials)

    def _worth(self, stop: Stop) -> bool:
        """Return whether there is time to begin a run."""
        return not stop.due and (self._left is None or self._left > _LAST * (self.pace.minutes or 0))

    @property
    def _left(self) -> float | None:
        """Minutes left of the budget."""
        return None if self.pace.minutes is None else self.pace.minutes - (time.monotonic() - self._began) / 60

    def _next(self, waiting: Sequence[str]) -> str | None:
        """Return the first run that can be started now."""
        ready = self.study.finished(TEACHER)
        return next((name for name in waiting if ready or not needs_teacher(name)), None)

    def _start(self, name: str, lock: int) -> _Process:
        folder = files.make_folder(self.study.folder(name))
        self.echo(f"{name}: {'resumed' if (folder / 'state.pt').exists() else 'begun'}")
        left = [] if self._left is None else ["--minutes", str(self._left)]
        options = ["--threads", str(self.pace.threads), "--device", self.pace.device, *left]
        command = [sys.executable, "-m", "benchmarks.table3.trial", str(self.study.path.resolve()), name, *options]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.pace.threads))
        return _Process(command, {**os.environ, **threads}, folder.with_name(f"{name}_stderr.txt"), lock)

    def _end(self, name: str, process: _Process) -> None:
        spent = progress.format_duration(process.seconds)
        if process.code == 0:
            self.echo(f"{name}: finished, {spent}")
        elif process.code == STOPPED:
            self.echo(f"{name}: left to be resumed, {spent}")
        else:
            self.failed.append(name)
            lines = process.errors.strip().splitlines() or [f"ended with code {process.code}"]
            self.echo(f"{name}: failed after {spent}: {lines[-1]}")


class _Process:
    """A run in its own process."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], errors: Path, lock: int) -> None:
        self._began = time.monotonic()
        self._asked = False
        self._errors = errors
        with errors.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=file,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C reaches the schedule, which then asks each run once
            )

    @property
    def code(self) -> int | None:
        """Exit code, None while it runs."""
        return self._process.poll()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    @property
    def errors(self) -> str:
        """What it wrote to its error stream."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Ask it once to save its state and end."""
        if not self._asked:
            self._asked = True
            self._process.terminate()


def needs_teacher(name: str) -> bool:
    """Return whether a run distills; the teacher itself needs none."""
    return name != TEACHER and plan.parse_name(name).taught


def with_teacher(study: Study, trials: Sequence[Trial]) -> list[str]:
    """Return the names of the runs that are not finished, the teacher before the first that needs it."""
    names = [trial.name for trial in trials if not study.finished(trial.name)]
    first = next((index for index, name in enumerate(names) if needs_teacher(name)), None)
    if first is not None and not study.finished(TEACHER):
        names.insert(first, TEACHER)
    return names


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the lock of a study; whoever inherits the descriptor holds it too. Raises SettingsError where it is held."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SettingsError(f"{folder}: another process works on this study, wanted it to end first") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # a run that lives on keeps the lock
