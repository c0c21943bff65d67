"""How the benchmarks measure: medians of alternating runs, and the peak of this process's memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

MEGABYTE = 1e6


def medians(
    candidates: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Return the median seconds of each candidate; they take turns, so that a slow moment meets all of them.

    With `time.process_time` as the clock they are the processor's, which other processes change little.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, run in candidates.items():
            started = clock()
            run()
            seconds[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_megabytes(run: Callable[[], object]) -> float:
    """Return how far the resident memory of this process rises above its level before the run; Linux only."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = _status_megabytes("VmRSS")
    run()
    return _status_megabytes("VmHWM") - before


def _status_megabytes(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise RuntimeError(f"/proc/self/status has no {field}")
