"""How many threads a call starts, and how they wait."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import pytest
import torch

from harmonize import processors

ROOT = Path(__file__).resolve().parents[2]
_IMPORT = "from harmonize import processors; processors.let_waiting_threads_sleep(); import torch; torch.ones(1)"


def openmp_settings(**environment: str) -> str:
    """What OpenMP says of itself when torch loads it."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OMP", "GOMP", "KMP"))}
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT],
        env={**plain, "OMP_DISPLAY_ENV": "VERBOSE", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="OpenMP is another one")
def test_threads_that_wait_sleep_unless_the_environment_says_otherwise():
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in openmp_settings()
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in openmp_settings(OMP_WAIT_POLICY="active")
    assert "GOMP_SPINCOUNT = '77'" in openmp_settings(GOMP_SPINCOUNT="77")


@pytest.mark.parametrize(("quota", "count"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 3)])
def test_processors_are_those_of_the_affinity_within_the_containers_quota(quota, count, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 2, 5}, raising=False)
    monkeypatch.setattr(processors, "_QUOTA", tmp_path / "cpu.max")
    assert processors.count() == 3
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert processors.count() == count


def test_within_the_limit_every_new_thread_has_one_and_afterwards_all_is_as_before(monkeypatch):
    monkeypatch.setattr(processors, "count", lambda: 5)
    before = cv2.getNumThreads(), torch.get_num_threads()
    seen = []
    with processors.one_thread_a_call():
        worker = threading.Thread(target=lambda: seen.extend([processors.threads(), torch.get_num_threads()]))
        worker.start()
        worker.join()
        seen.append(cv2.getNumThreads())
    assert seen == [1, 1, 1]
    assert processors.threads() == 5
    assert (cv2.getNumThreads(), torch.get_num_threads()) == before
