"""Freed memory kept for the next picture, on the CPU.

The C library of most Linux machines (glibc) asks the kernel for every large block and hands it back when it is freed. A
network frees and takes the same few hundred tensors each time, so it pays for their pages again and again: 38 % of
a float32 training step of GiftNet at 256×256, 11 % of its inference (`python -m benchmarks.network`).

References
----------
mallopt(3), Linux man-pages.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_AHEAD = 256 << 20


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
