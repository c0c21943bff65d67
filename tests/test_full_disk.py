"""On a full disk every command says so in one line, leaves nothing half-written, and works once there is room.

The commands are those of `every_command`. The disk is a small one in memory where this process may mount one; elsewhere
the size of each file is limited, so that the largest file fails in its middle.
"""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest

from ccharmony.dataset.packing import write_hdf5

from .every_command import CASES, call, fill, words_again

WRITING = [name for name, case in CASES.items() if case.files + case.folders and case.code == 0]
RANDOM = "harmonize study make"
"""Its pictures have names at random, which are others at every call."""


class Disk:
    """A folder that may have room for a share of what lies in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._is_mounted = self._mount("size=64m")

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file by its name."""
        return {
            str(path.relative_to(self.path)): path.stat().st_size for path in self.path.rglob("*") if path.is_file()
        }

    @contextlib.contextmanager
    def full(self, share: float, sizes: Collection[int]) -> Iterator[None]:
        """Empty it, and leave room for a share of files of these sizes."""
        if self._is_mounted:
            self.unmount()
            self._mount(f"size={4096 + int(share * sum(sizes)) // 4096 * 4096}")
            filler = self.path / "filler"
            filler.write_bytes(bytes(4096))  # the smallest disk has one page
            yield
            filler.unlink()
            self._mount("remount,size=64m")
            return
        for path in self.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with files_limited(int(share * max(sizes))):
            yield

    def unmount(self) -> None:
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def _mount(self, options: str) -> bool:
        with contextlib.suppress(FileNotFoundError):
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        return False


@contextlib.contextmanager
def files_limited(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(tmp_path / "disk")
    yield found
    found.unmount()


@pytest.mark.parametrize("name", WRITING)
def test_a_command_on_a_full_disk_says_so_in_one_line_and_ends_as_ever_once_there_is_room(
    name: str, world: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world)
    package, words = name.split()[0], fill(name, disk.path)
    assert call(package, words) == 0
    whole = disk.sizes()
    for share in (0, 0.5):
        capsys.readouterr()
        with disk.full(share, whole.values()):
            code = call(package, words)
        if share == 0.5 and code == 0:  # a table of one page
            return
        *_, last = printed = capsys.readouterr().err.splitlines()
        assert code == 1, printed
        assert last.startswith("error: "), printed
        assert "cannot be" in last, printed
        assert "(No space left on device)" in last or "(File too large)" in last, printed
        assert not any("Traceback" in line for line in printed), printed
        assert not [path for path in disk.sizes() if path.endswith(".part")]
    assert call(package, [*words, *(words_again(name) if disk.sizes() else [])]) == 0, capsys.readouterr().err
    assert disk.sizes().keys() >= whole.keys() or name == RANDOM


def test_an_hdf5_file_fails_cleanly_wherever_the_disk_is_full(tmp_path: Path) -> None:
    names, path = [f"set/{number}.png" for number in range(12)], tmp_path / "a.h5"
    rows = [{"set": "set", "name": name, "split": "train", "note": "x" * 900} for name in names]

    def write() -> None:
        with write_hdf5.Writer(path, names, [1000] * len(names)) as writer:
            for number in range(len(names)):
                writer.write_file(number, bytes(1000))
            writer.write_pairs(rows, np.zeros((len(names), 3), np.int64), "digest")

    write()
    size = path.stat().st_size
    for limit in range(0, size, 256):
        with files_limited(limit), pytest.raises(OSError, match="File too large"):
            write()
    with files_limited(size):
        write()
