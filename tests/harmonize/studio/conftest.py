"""Small pictures for the page, and its server with and without a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ccharmony.arrays import Float32, UInt8
from ccharmony.images import pixels

Served = tuple[subprocess.Popen[str], str]
HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope="session")
def composite() -> UInt8:
    """Slopes of color, and an orange disk in the middle."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    picture = np.stack([60 + x, 90 + y, 200 - 0.5 * x - 0.3 * y], axis=2)
    disk = np.hypot(x - 80, y - 60) < 35
    picture[disk] = 0.4 * picture[disk] + np.array([140, 70, 10])
    return np.asarray(picture.clip(0, 255).round(), np.uint8)


@pytest.fixture(scope="session")
def mask() -> Float32:
    """The disk, its edge soft."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return np.asarray((35.5 - np.hypot(x - 80, y - 60)).clip(0, 1), np.float32)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, composite: UInt8, mask: Float32) -> Path:
    """A composite, its mask, a photo and a cut-out, as files."""
    folder = tmp_path_factory.mktemp("pictures")
    pixels.write_image(folder / "composite.png", composite)
    pixels.write_mask(folder / "mask.png", mask)
    pixels.write_image(folder / "background.jpg", np.ascontiguousarray(composite[:, ::-1]))
    levels = np.rint(255 * mask)[20:100, 40:120]
    colors = composite[20:100, 40:120, ::-1]
    cv2.imwrite(str(folder / "cutout.png"), np.dstack([colors, levels]).astype(np.uint8))
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start `harmonize serve`; returns the process and its link. Ended after the test."""
    yield from _serving()


@pytest.fixture(scope="session")
def serve_once() -> Iterator[str]:
    """Link of one server for all tests that leave it as it is."""
    for start in _serving():
        yield start()[1]


def _serving() -> Iterator[Callable[..., Served]]:
    started = []

    def start(*options: str, **environment: str) -> Served:
        command = [sys.executable, "-m", "harmonize", "serve", "--port", "0", *options]
        kept: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        process = subprocess.Popen(command, env={**os.environ, **environment}, **kept)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().split()[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()
