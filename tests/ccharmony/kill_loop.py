"""Kill builds at random moments, start them again, and compare with one that was left alone.

`python -m tests.ccharmony.kill_loop --times 100`
"""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, PairSettings
from ccharmony.dataset import checksums, tables
from ccharmony.dataset.verify import verify_folder
from ccharmony.images import pixels
from ccharmony.jobs import journal
from ccharmony.outputs import MARKER

from .conftest import CORNERS, ball_mask, light, render

PHASES = ("start", "lights", "pairs", "tables", "after the end")

# What is there once a phase has begun: a kill comes a random time after one of them.
_SIGNS = (journal.FOLDER, f"{journal.FOLDER}/lights.jsonl", tables.FOLDERS[0], f"{tables.NAME}_train.txt")

# A server that has the build loaded forks each one in milliseconds, without the threads of this process.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["ccharmony.build.pipeline", "scipy.ndimage"])


@dataclass(frozen=True)
class Trial:
    """What a build went through and how it ended.

    Attributes
    ----------
    phases
        Where each kill met it.
    finished
        Photos whose pairs it had finished when it was started for the last time.
    problems
        One line for whatever is not as in a build that was left alone.
    """

    phases: tuple[str, ...]
    finished: int
    problems: tuple[str, ...]


def write_source(data: Path, photos: int = 6) -> BuildSettings:
    """Write photos of one scene, each in its own light, with charts and masks; return how to build them."""
    folder = data / "folder"
    lines = ["photo,x1,y1,x2,y2,x3,y3,x4,y4"]
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(photos):
        tint = light(0.55 + 0.8 * number / photos, 0.95 - 0.3 * number / photos)
        pixels.write_image(folder / "photos" / f"p{number}.png", render(tint))
        pixels.write_mask(folder / "masks" / f"p{number}_a.png", ball_mask())
        lines.append(f"p{number}," + ",".join(str(value) for value in CORNERS.ravel()))
    (folder / "checkers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return BuildSettings(("folder",), data, test_share=0.5, pair=PairSettings(composites=4, suffix=".png"))


def time_phases(settings: BuildSettings, out: Path) -> tuple[float, ...]:
    """Build in a process of its own, left alone, and return the seconds of its phases."""
    process = start(settings, out)
    moments = [wait_for(process, out, sign) for sign in _SIGNS]
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the build that was left alone ended with {process.exitcode}")
    moments.append(time.monotonic())
    return tuple(later - sooner for sooner, later in itertools.pairwise(moments))


def attempt(settings: BuildSettings, out: Path, whole: dict[str, str], kills: Sequence[tuple[int, float]]) -> Trial:
    """Kill a build, let it end, and compare it with the contents of a whole one.

    Each kill comes some seconds after the phase of some number has begun; at once if an earlier attempt has begun it.
    """
    phases = []
    for number, seconds in kills:
        process = start(settings, out)
        wait_for(process, out, _SIGNS[number])
        process.join(seconds)
        process.kill()
        process.join()
        phases.append(_phase(out))
    before = {path: _stamp(path) for path in _finished_files(out)}
    finished = len(_finished_photos(out))
    report = build_dataset(settings, out, jobs=2)
    problems = [*_compare(out, whole, before), *verify_folder(out).problems]
    if phases[-1] in ("lights", "pairs", "tables") and report.resumed != finished:
        problems.append(f"{report.resumed} photos resumed, {finished} were finished")
    return Trial(tuple(phases), finished, tuple(problems))


def contents(out: Path) -> dict[str, str]:
    """Return the hash of every file of a dataset by name; of the report, without its seconds."""
    return {path.relative_to(out).as_posix(): _hash(path) for path in sorted(out.rglob("*")) if path.is_file()}


def leftovers(out: Path) -> list[str]:
    """Return the files that are no part of a dataset: hidden ones, such as a journal or a file half written."""
    hidden = [path for path in out.rglob("*") if any(part.startswith(".") for part in path.relative_to(out).parts)]
    return [str(path) for path in hidden if path.name != MARKER]


def start(settings: BuildSettings, out: Path) -> multiprocessing.process.BaseProcess:
    process = _PROCESSES.Process(target=build_dataset, args=(settings, out), kwargs={"jobs": 2})
    process.start()
    return process


def wait_for(process: multiprocessing.process.BaseProcess, out: Path, sign: str) -> float:
    """Wait until a file or folder is there, or the process has ended, and return when that was."""
    while process.is_alive() and not (out / sign).exists():
        time.sleep(0.0005)
    return time.monotonic()


def _compare(out: Path, whole: dict[str, str], before: dict[Path, tuple[int, int]]) -> Iterator[str]:
    found = contents(out)
    yield from (f"{name}: other bytes" for name in sorted(whole) if found.get(name) != whole[name])
    yield from (f"{name}: not in the whole build" for name in sorted(set(found) - set(whole)))
    yield from (f"{path}: built again" for path, stamp in before.items() if _stamp(path) != stamp)
    yield from (f"{name}: left behind" for name in leftovers(out))


def _phase(out: Path) -> str:
    """Return in which phase a build was killed."""
    if not (out / journal.FOLDER / "plan.json").exists():
        return PHASES[4 if (out / tables.REPORT).exists() else 0]
    begun = [name for name, sign in zip(PHASES, _SIGNS, strict=False) if (out / sign).exists()]
    return begun[-1]


def _finished_photos(out: Path) -> list[dict[str, Any]]:
    """Return what the journal holds of photos that are finished; nothing if the dataset is whole."""
    path = out / journal.FOLDER / "pairs.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line)[1] for line in lines if line.endswith(b"\n")]


def _finished_files(out: Path) -> set[Path]:
    rows = [row for result in _finished_photos(out) for row in result["pairs"]]
    named = {out / row[name] for row in rows for name in ("composite", "mask", "real")}
    whole = (out / tables.REPORT).exists()
    return named | {path for path in out.rglob("*") if whole and path.is_file() and journal.FOLDER not in path.parts}


def _stamp(path: Path) -> tuple[int, int]:
    """Return what a file has that was written again, even with the same bytes, has not."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _hash(path: Path) -> str:
    data = path.read_bytes()
    if path.name == tables.REPORT:
        data = json.dumps({**json.loads(data), "seconds": 0, checksums.SEAL: ""}, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def draw_kills(draw: random.Random, seconds: Sequence[float]) -> list[tuple[int, float]]:
    """Return one to three kills, each a random time after a random phase has begun; a few come after the end."""
    numbers = [draw.randrange(len(seconds)) for _ in range(draw.randint(1, 3))]
    return [(number, draw.uniform(0, 1.1 * seconds[number])) for number in numbers]


@click.command()
@click.option("--times", default=100, show_default=True, help="Kills.")
@click.option("--photos", default=6, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(times: int, photos: int, seed: int) -> None:
    """Kill builds at random moments, one to three times each, and print what became of them."""
    draw = random.Random(seed)
    met: Counter[str] = Counter()
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        settings = write_source(root / "data", photos)
        time_phases(settings, root / "warm")
        seconds = time_phases(settings, root / "whole")
        whole = contents(root / "whole")
        while met.total() < times:
            kills = draw_kills(draw, seconds)[: times - met.total()]
            trials.append(attempt(settings, root / "out", whole, kills))
            met.update(trials[-1].phases)
            shutil.rmtree(root / "out")
    click.echo(f"{photos} photos, {len(whole)} files, {sum(seconds):.2f} s left alone")
    click.echo(f"{times} kills of {len(trials)} builds: " + ", ".join(f"{met[name]} {name}" for name in PHASES))
    click.echo(f"{sum(trial.finished for trial in trials)} finished photos were resumed")
    problems = [problem for trial in trials for problem in trial.problems]
    click.echo("\n".join([*problems[:20], f"{len(problems)} problems"]))
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
