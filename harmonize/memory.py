"""Memory: how much is free, and what is freed is kept for the next picture, on the CPU.

The C library of most Linux machines (glibc) asks the kernel for every large block and hands it back when it is freed. A
network frees and takes the same few hundred tensors each time, so it pays for their pages again and again: 38 % of
a float32 training step of GiftNet at 256×256, 11 % of its inference (`python -m benchmarks.network`).

References
----------
mallopt(3), Linux man-pages.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccharmony.arrays import UInt8

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_AHEAD = 256 << 20
_KERNEL = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, up to 2 GiB, and take memory 256 MiB at a time.

    For commands, which own their process: a library should not decide it for the program that imports it. Does
    nothing where the C library is another one.

    Returns
    -------
    bool
        Whether it took effect.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, _AHEAD))
    return all(mallopt(option, value) == 1 for option, value in options)


def sparse_zeros(shape: tuple[int, ...]) -> UInt8:
    """Return zeros that take memory where they are written to, in pages of some kilobytes.

    NumPy asks the kernel for pages of 2 MB, and the C library clears all of what it has kept.
    """
    import numpy as np  # here, since every command settles its memory, also one that only helps

    pages = mmap.mmap(-1, math.prod(shape), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without large pages
            pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, np.uint8).reshape(shape)


def free_bytes() -> int | None:
    """Return the memory that this process can take, of the kernel's and its container's; None where that is unknown."""
    found = []
    with contextlib.suppress(OSError, ValueError, KeyError):
        found.append(1024 * _read_table(_KERNEL)["MemAvailable:"])
    with contextlib.suppress(OSError, ValueError, KeyError):
        limit = int((_CONTAINER / "memory.max").read_text())
        found.append(max(limit - _read_table(_CONTAINER / "memory.stat")["anon"], 0))  # files kept in memory give way
    return min(found, default=None)


def _read_table(path: Path) -> dict[str, int]:
    """Read lines of a name and a number."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows}
