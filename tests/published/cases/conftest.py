"""The commands that a user types, run in this process."""

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import harmonize
from ccharmony import cli as ccharmony_cli
from ccharmony import console
from harmonize import cli as harmonize_cli

from .case_files import MASK, OURS, REFERENCE, WEIGHTS, Run


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Run:
    """Run a command of either package in this process; gives exit code and all that it printed or logged."""

    def call(program: str, *words: object) -> tuple[int, str]:
        group = {"ccharmony": ccharmony_cli, "harmonize": harmonize_cli}[program].group
        caplog.clear()
        caplog.set_level(logging.INFO)
        with pytest.raises(SystemExit) as stop:
            console.run(group, [str(word) for word in words])
        printed = capsys.readouterr()
        return int(stop.value.code or 0), caplog.text + printed.err + printed.out

    return call


@pytest.fixture
def build(run: Run, tmp_path: Path) -> Callable[[str], tuple[int, str, Path]]:
    """Unpack a case and build it with default options; gives exit code, output and the dataset."""

    def call(case: str) -> tuple[int, str, Path]:
        data, out = tmp_path / "data", tmp_path / "out"
        with zipfile.ZipFile(OURS / f"{case}.zip") as archive:
            archive.extractall(data)
        code, said = run("ccharmony", "build", "--src", "folder", "--data", data, "--out", out, "--jobs", 1)
        return code, said, out

    return call


@pytest.fixture
def apply(run: Run, tmp_path: Path) -> Callable[..., tuple[int, str, Any]]:
    """Harmonize a composite; gives exit code, output and what Pillow reads of the result."""

    def call(composite: Path, mask: Path, *words: object, name: str = "out.png") -> tuple[int, str, Any]:
        out = tmp_path / name
        code, said = run("harmonize", "apply", composite, mask, "-o", out, *WEIGHTS, *words)
        return code, said, np.asarray(Image.open(out)) if out.is_file() else None

    return call


@pytest.fixture(scope="session")
def harmonized() -> np.ndarray:
    """The harmonized reference, by the API."""
    picture, mask = np.asarray(Image.open(REFERENCE)), np.asarray(Image.open(MASK))
    return harmonize.harmonize_image(picture, mask, harmonize.load_network("giftnet_w16"))
