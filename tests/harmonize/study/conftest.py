"""Small studies: some made by hand, one made of pictures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harmonize.study.study import OUTLINES, PICTURES, Study, StudySettings, write_study

Served = tuple[subprocess.Popen[str], str]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Ten pictures of four methods, whose files hold no picture."""
    for name in (PICTURES, OUTLINES):
        (tmp_path / "study" / name).mkdir(parents=True)
    shown = tuple(tuple(f"{picture}{method}.webp" for method in "abcd") for picture in range(10))
    for names in shown:
        for name in names:
            (tmp_path / "study" / PICTURES / name).write_bytes(name.encode())
    made = Study(
        tmp_path / "study",
        StudySettings(ties=True, catch_share=0.1),
        methods=("composite", "one", "two", "three"),
        names=tuple(f"picture {number}" for number in range(10)),
        shown=shown,
        outlines=tuple(f"{number}.png" for number in range(10)),
    )
    write_study(made)
    return made


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start `harmonize study serve`; returns the process and the link that it says. Ended after the test."""
    started = []

    def start(folder: Path, *options: str) -> Served:
        command = [sys.executable, "-m", "harmonize", "study", "serve", str(folder), "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().split()[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()
