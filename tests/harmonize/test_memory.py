"""Freed memory is kept: the second time a block is taken, the kernel hands out no pages."""

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ccharmony import console
from harmonize import cli, memory, processors

_COUNT = """
import resource
import torch
from harmonize import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(32):
        torch.ones(16, 32, 128, 128)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
plain = faults()
assert memory.keep_freed_memory()
faults()
print(plain, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_kept():
    done = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True, check=True)
    plain, kept = map(int, done.stdout.split())
    assert kept < plain / 4  # a block may move once or twice before it stays


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the kernel how much memory is taken")
def test_sparse_zeros_take_memory_where_they_are_written_to():
    def taken():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = taken()
    zeros = memory.sparse_zeros((64, 2**20))
    zeros[:, 5] = 7
    assert zeros.sum() == 64 * 7
    assert taken() - before < 2**24


def test_the_command_settles_memory_and_threads_before_it_does_anything(monkeypatch):
    done = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: done.append("memory"))
    monkeypatch.setattr(processors, "let_waiting_threads_sleep", lambda: done.append("threads"))
    monkeypatch.setattr(console, "run", lambda group: done.append(group.name))
    cli.main()
    assert done == ["memory", "threads", "group"]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not memory.keep_freed_memory()


def test_free_memory_is_that_of_the_kernel_within_the_containers_limit(tmp_path, monkeypatch):
    kernel = tmp_path / "meminfo"
    kernel.write_text("MemTotal:       24000 kB\nMemAvailable:   9000 kB\nHugePages_Free:    0\n")
    monkeypatch.setattr(memory, "_KERNEL", kernel)
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path)
    assert memory.free_bytes() == 9_216_000
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.stat").write_text("anon 1000000\nfile 7000000\n")
    assert memory.free_bytes() == 9_216_000
    (tmp_path / "memory.max").write_text("5000000\n")
    assert memory.free_bytes() == 4_000_000


def test_where_nothing_says_how_much_memory_is_free_it_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_KERNEL", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path)
    assert memory.free_bytes() is None
