"""What a build has finished, so that one which was killed goes on where it stopped.

::

    OUT/.build/lock             held while a build runs; a second build into the folder is refused
    OUT/.build/plan.txt         digest of settings and input files; another plan starts afresh
    OUT/.build/<stage>/<id>.json    result of one photo in one stage, written after its pictures

The folder goes when the dataset is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ccharmony import pixels
from ccharmony.errors import OutputError

FOLDER = ".build"


class Journal:
    """Results by stage and photo below one output folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def start(self, plan: str) -> bool:
        """Keep the results of the same plan, drop those of another; return whether there are any to go on from."""
        path = self.folder / "plan.txt"
        if path.is_file() and path.read_text(encoding="utf-8") == plan:
            return True
        for stage in [path for path in self.folder.iterdir() if path.is_dir()]:
            shutil.rmtree(stage)
        pixels.write_bytes(path, plan.encode())
        return False

    def load(self, stage: str, photo: str) -> Any | None:
        """Return the result of a photo in a stage; None if it is not there or not whole."""
        try:
            return json.loads((self.folder / stage / f"{photo}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def save(self, stage: str, photo: str, result: Any) -> None:
        """Write the result of a photo in a stage; raises OutputError."""
        folder = self.folder / stage
        pixels.make_folder(folder)
        pixels.write_bytes(folder / f"{photo}.json", json.dumps(result).encode())

    def clear(self) -> None:
        """Remove everything; the dataset is whole."""
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def locked(root: Path) -> Iterator[Journal]:
    """Hold the journal of an output folder for one build.

    Raises
    ------
    OutputError
        The folder cannot be written, or another build holds it.
    """
    journal = Journal(root)
    pixels.make_folder(journal.folder)
    with (journal.folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{root}: another build is writing here, wanted a folder of its own") from error
        yield journal
