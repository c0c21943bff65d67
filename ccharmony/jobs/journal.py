"""What a build has finished, so that one which was killed goes on where it stopped.

::

    OUT/.build/lock             held while a build runs; a second build into the folder is refused
    OUT/.build/plan.json        settings, and the digest of all that decides the result (see `plan`)
    OUT/.build/<stage>.jsonl    a line for each photo, [id, result], added after its pictures

The folder goes when the dataset is whole. A stage has one file, not one a photo: the 200,000 files of 100,000 photos
took minutes to write and longer to remove.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ccharmony import files
from ccharmony.errors import OutputError

FOLDER = ".build"
_LOCK, _PLAN = "lock", "plan.json"

Result = TypeVar("Result")


class Journal:
    """Results by stage and photo below one output folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def settings(self) -> Mapping[str, Any]:
        """Return the settings of the build that was begun here; empty where there is none."""
        found = self._plan().get("settings")
        return found if isinstance(found, dict) else {}

    def start(self, digest: str, settings: Mapping[str, Any]) -> bool:
        """Keep the results of the same plan and drop those of another; return whether another one's were dropped.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        found = self._plan()
        if found.get("digest") == digest:
            return False
        self.drop()
        files.write_bytes(self.folder / _PLAN, json.dumps({"digest": digest, "settings": settings}).encode())
        return bool(found)

    def load(self, stage: str, from_json: Callable[[Any], Result]) -> dict[str, Result]:
        """Return the results of a stage by photo, and cut off a line that was cut short when a build was killed.

        A line that is no result counts for nothing; of two of one photo the later counts.

        Raises
        ------
        OutputError
            The file cannot be read or shortened.
        """
        path, done, whole = self._results(stage), dict[str, Result](), 0
        with _refused(path, "cannot be read"), contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(whole)
                    break
                whole += len(line)
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    photo, result = json.loads(line)
                    done.pop(photo, None)
                    done[photo] = from_json(result)
        return done

    def save(self, stage: str, photo: str, result: Any) -> None:
        """Add the result of a photo in a stage; raises OutputError."""
        path = self._results(stage)
        with _refused(path, "cannot be written"), path.open("ab") as file:
            file.write(json.dumps([photo, result]).encode() + b"\n")

    def drop(self) -> None:
        """Remove all results, the plan first, so that a build which is killed here starts afresh."""
        with _refused(self.folder, "cannot be emptied"):
            (self.folder / _PLAN).unlink(missing_ok=True)
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != _LOCK:
                    path.unlink()

    def clear(self) -> None:
        """Remove everything, the lock last; the dataset is whole. Raises OutputError."""
        self.drop()
        with _refused(self.folder, "cannot be removed"):
            (self.folder / _LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a build that was about to be refused may have made a lock of its own
                self.folder.rmdir()

    def _results(self, stage: str) -> Path:
        return self.folder / f"{stage}.jsonl"

    def _plan(self) -> Mapping[str, Any]:
        try:
            content = json.loads((self.folder / _PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


@contextlib.contextmanager
def locked(root: Path) -> Iterator[Journal]:
    """Hold the journal of an output folder for one build; nothing of it stays if no plan was started.

    Raises
    ------
    OutputError
        The folder cannot be written or locked, or another build holds it.
    """
    journal = Journal(root)
    is_new = not root.exists()
    with files.hold(journal.folder / _LOCK, f"{root}: another build is writing here, wanted a folder of its own"):
        try:
            yield journal
        finally:
            if not (journal.folder / _PLAN).exists():
                with contextlib.suppress(OSError, OutputError):
                    journal.clear()
                    if is_new:
                        root.rmdir()  # only if it is empty


@contextlib.contextmanager
def _refused(place: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{place}: {what} ({error.strerror})") from error
