"""Processors: how many there are for this process, and how its threads wait and share them.

OpenMP's threads spin while they wait for each other, so that beside another busy process they burn the time that the
slowest of them would need: a training step took 24 to 28 s with two spinning threads beside several busy processes, 5
to 8 s with two that sleep or with one. So commands let them sleep, and a folder's pictures take one thread each.

-   :func:`let_waiting_threads_sleep`: for commands, before torch is imported.
-   :func:`count`: the processors that this process may use.
-   :func:`may_have_gpu`: whether torch could find a GPU, without torch.
-   :func:`threads`, :func:`one_thread_a_call`: how many threads one call starts, and a limit while several calls run.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_DRIVERS = tuple(Path("/dev") / name for name in ("nvidiactl", "kfd", "dxg"))  # NVIDIA's, AMD's, Windows' below Linux
_limit: int | None = None


def let_waiting_threads_sleep() -> None:
    """Let OpenMP's threads sleep while they wait, unless the environment says how they wait.

    OpenMP reads the environment when torch is imported; later it has no effect. For commands, which own their process.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "passive"


def count() -> int:
    """Return how many processors this process may use, at least 1: by its affinity, and by its container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _QUOTA.read_text().split()
        allowed = min(allowed, -(-int(quota) // int(period)))
    return max(allowed, 1)


def may_have_gpu() -> bool:
    """Return whether a driver of a GPU is there that torch may use; on other systems than Linux torch must be asked."""
    return not sys.platform.startswith("linux") or any(path.exists() for path in _DRIVERS)


def threads() -> int:
    """Return how many threads a call may use: all processors, or fewer inside :func:`one_thread_a_call`."""
    return _limit or count()


@contextlib.contextmanager
def one_thread_a_call() -> Iterator[None]:
    """Keep torch, OpenCV and strips from starting threads of their own in threads that start inside the context."""
    import cv2  # here, since `harmonize --help` should not wait for it

    global _limit
    torch = sys.modules.get("torch")  # not imported for this: an ONNX file runs without it
    before = _limit, cv2.getNumThreads(), torch and torch.get_num_threads()
    _limit = 1
    cv2.setNumThreads(1)
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        _limit = before[0]
        cv2.setNumThreads(before[1])
        if torch:
            torch.set_num_threads(before[2])
