"""Freed memory is kept: the second time a block is taken, the kernel hands out no pages."""

import platform
import subprocess
import sys

import pytest

from ccharmony import console
from harmonize import cli, memory

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


def test_the_command_keeps_freed_memory_before_it_does_anything(monkeypatch):
    done = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: done.append("memory"))
    monkeypatch.setattr(console, "run", lambda group: done.append(group.name))
    cli.main()
    assert done == ["memory", "group"]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not memory.keep_freed_memory()
