"""One process at a time."""

import os
from pathlib import Path

import pytest

from ccharmony import files
from ccharmony.errors import OutputError


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    with files.lock_file(path, "busy"), pytest.raises(OutputError, match=rf"^busy \(process {os.getpid()}\)$"):
        files.lock_file(path, "busy")
    files.lock_file(path, "busy").close()


def test_a_lock_whose_owner_removed_it_meanwhile_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls = tmp_path / "lock", []

    def flock(*_: int) -> None:
        calls.append(path)
        if len(calls) == 1:
            path.unlink()  # the owner is done between our opening and our locking

    monkeypatch.setattr(files.fcntl, "flock", flock)
    with files.lock_file(path, "busy"):
        assert path.exists()
    assert len(calls) == 2


def test_a_lock_where_no_file_can_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(OutputError, match=r"lock: cannot be written \(Is a directory\)"):
        files.lock_file(tmp_path / "lock", "busy")


def test_a_pipe_is_no_lock(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(OutputError, match=r"lock: holds something else than a lock"):
        files.lock_file(tmp_path / "lock", "busy")
