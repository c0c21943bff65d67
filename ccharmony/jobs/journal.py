"""The journal: the finished photos of an unfinished build, from which an interrupted build resumes.

::

    OUT/.build/plan.json        settings and fingerprint of the build (see `ccharmony.build.fingerprint`)
    OUT/.build/<stage>.jsonl    a line for each photo, [id, result], added after its pictures
    OUT/.build/former.jsonl     a line for each picture of earlier builds in the folder, [name, SHA-256]

When the dataset is finished, the results are kept in it as one file, `OUT/journal.jsonl`, in the order of ids, and the
folder is removed; a later build of the same plan takes them from there. A stage has one file, not one a photo: the
200,000 files of 100,000 photos took minutes to write and longer to remove.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ccharmony import files, inputs, strict_json
from ccharmony.errors import OutputError

FOLDER = ".build"
KEPT = "journal.jsonl"
"""The journal of a finished dataset."""

_FINGERPRINT, _FORMER = "plan.json", "former.jsonl"
_OWN = ("plan.json", "*.jsonl", "token", f".*{files.UNFINISHED}")
"""What is removed with the journal; whatever else is in its folder stays."""

_STAGES = ("lights", "pairs")
"""What a finished dataset keeps; no other file of the journal is made from its text."""

Result = TypeVar("Result")


class Journal:
    """Results by stage and photo below one output folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def settings(self) -> Mapping[str, Any]:
        """Return the settings of the unfinished build in this folder; empty where there is none."""
        found = self._read_fingerprint().get("settings")
        return found if isinstance(found, dict) else {}

    def digest(self) -> str:
        """Return the fingerprint of the unfinished build; empty where there is none."""
        return str(self._read_fingerprint().get("digest", ""))

    def times(self) -> str:
        """Return the digest of times that the unfinished build was started with."""
        return str(self._read_fingerprint().get("times", ""))

    def start(self, digest: str, settings: Mapping[str, Any], times: str = "") -> bool:
        """Keep the results of a build with this fingerprint, drop those of another; return whether any were dropped.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        if self.digest() == digest:
            return False
        found = self._read_fingerprint()
        self.drop()
        self._write_fingerprint(digest, settings, times)
        return bool(found)

    def keep(self, digest: str, results: Mapping[str, Iterable[tuple[str, Any]]]) -> None:
        """Write all results, by stage, each with its photo, into the dataset; raises OutputError."""
        lines = ([stage, photo, result] for stage, found in results.items() for photo, result in found)
        chunks = (json.dumps(line).encode() + b"\n" for line in itertools.chain([["plan", digest]], lines))
        files.write_chunks(self.folder.parent / KEPT, chunks, lasting=True)

    def restore(self, digest: str, settings: Mapping[str, Any], times: str) -> bool:
        """Restore the results that a finished dataset of this fingerprint kept; return whether there are any.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        path = self.folder.parent / KEPT
        if self.digest() == digest or not path.is_file():
            return False
        self.drop()
        with _refused(path, "cannot be read"), inputs.open_binary(path) as file:
            if file.readline() != json.dumps(["plan", digest]).encode() + b"\n":
                return False
            for line in file:
                with contextlib.suppress(ValueError, TypeError):
                    stage, photo, result = strict_json.parse(line, finite=False)
                    if stage in _STAGES:
                        self.save(stage, photo, result)
        self._write_fingerprint(digest, settings, times)
        return True

    def load(self, stage: str, from_json: Callable[[Any], Result]) -> dict[str, Result]:
        """Return the results of a stage by photo, and remove an incomplete last line, which a killed build leaves.

        A line that is no result is ignored; of two lines of one photo the later counts.

        Raises
        ------
        OutputError
            The file cannot be read or shortened.
        """
        path, done, complete = self._results(stage), dict[str, Result](), 0
        with (
            _refused(path, "cannot be read"),
            contextlib.suppress(FileNotFoundError),
            files.open_own(path, "r+b") as file,
        ):
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(complete)
                    break
                complete += len(line)
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    photo, result = strict_json.parse(line, finite=False)  # patches not measured are NaN
                    done.pop(photo, None)
                    done[photo] = from_json(result)
        return done

    def save(self, stage: str, photo: str, result: Any) -> None:
        """Add the result of a photo in a stage; raises OutputError."""
        path = self._results(stage)
        with _refused(path, "cannot be written"), files.open_own(path, "ab") as file:
            file.write(json.dumps([photo, result]).encode() + b"\n")

    def remember(self, pictures: Mapping[str, str]) -> None:
        """Add pictures of an earlier build, SHA-256 by name, which this one may remove; raises OutputError."""
        path = self.folder / _FORMER
        if not pictures:
            return
        with _refused(path, "cannot be written"), files.open_own(path, "ab") as file:
            file.write(b"".join(json.dumps(item).encode() + b"\n" for item in pictures.items()))

    def former(self) -> dict[str, set[str]]:
        """Return what `remember` was given: every SHA-256 that a picture had, by name."""
        found: dict[str, set[str]] = {}
        with contextlib.suppress(OSError):
            for line in (self.folder / _FORMER).read_bytes().splitlines():
                with contextlib.suppress(ValueError, TypeError):
                    name, sha256 = strict_json.parse(line)
                    found.setdefault(name, set()).add(sha256)
        return found

    def drop(self) -> None:
        """Remove all results, the fingerprint first, so that a build that is killed here starts again."""
        with _refused(self.folder, "cannot be emptied"):
            (self.folder / _FINGERPRINT).unlink(missing_ok=True)
            for path in (path for pattern in _OWN for path in self.folder.glob(pattern)):
                if path.name != _FORMER:
                    path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything when the dataset is finished. Raises OutputError."""
        self.drop()
        with _refused(self.folder, "cannot be removed"):
            (self.folder / _FORMER).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.folder.rmdir()  # only if it is empty

    def _results(self, stage: str) -> Path:
        return self.folder / f"{stage}.jsonl"

    def _write_fingerprint(self, digest: str, settings: Mapping[str, Any], times: str) -> None:
        content = {"digest": digest, "times": times, "settings": settings}
        files.write_bytes(self.folder / _FINGERPRINT, json.dumps(content).encode())

    def _read_fingerprint(self) -> Mapping[str, Any]:
        try:
            return strict_json.read_object(self.folder / _FINGERPRINT)
        except (OSError, ValueError):
            return {}


@contextlib.contextmanager
def begin_journal(root: Path) -> Iterator[Journal]:
    """Begin the journal of an output folder for one build; it is removed again if no build was started.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    journal = Journal(root)
    files.make_folder(journal.folder)
    try:
        yield journal
    finally:
        if not (journal.folder / _FINGERPRINT).exists():
            with contextlib.suppress(OSError, OutputError):
                journal.clear()


@contextlib.contextmanager
def _refused(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: {what} ({error.strerror})") from error
