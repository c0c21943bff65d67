"""Where a job may write: into a folder of its own, or to a file that is not there yet; never over what it reads.

A folder is a job's own if it is absent, empty, or bears the marker of the same job. The marker, ``.made_by.json``, is
written before anything else. While a job writes into a folder, ``.lock`` in it is locked, and a second one is refused.
A file belongs to whoever wrote it: one that exists is overwritten only when that is asked for.

Contents: :class:`Job`, :func:`claim_folder`, :func:`check_folder`, :func:`check_files`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ccharmony import __version__, files, inputs, strict_json
from ccharmony.errors import OutputError
from ccharmony.files import StrPath

MARKER = ".made_by.json"
"""Name of the marker in a job's folder: JSON with ``made_by``, such as ``ccharmony build``, and ``version``."""

LOCK = ".lock"
"""Name of the lock in a job's folder, which is removed at the end; a killed job leaves it behind, open to the next."""

_NEUTRAL = frozenset({MARKER, LOCK, ".DS_Store", "Thumbs.db", "desktop.ini"})
"""What an empty folder may hold: file managers leave such files behind."""

_MARKER_BYTES = 4096


def _never(_path: Path) -> bool:
    return False


@dataclass(frozen=True)
class Job:
    """A job that fills a folder.

    Attributes
    ----------
    name
        The command as it is typed, such as ``ccharmony build``.
    parts
        Folders in its folder that it writes into; where one of them is a link, the folder is refused.
    guests
        Names in its folder that it only reads and that may be there before it.
    is_earlier
        Tells whether a folder without a marker was made by this job, by a version that wrote none.
    """

    name: str
    parts: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    is_earlier: Callable[[Path], bool] = _never


@contextlib.contextmanager
def claim_folder(folder: Path, job: Job, inputs: Iterable[StrPath] = ()) -> Iterator[None]:
    """Check, lock and mark a folder for a job; if the job leaves nothing in it, the marker is removed again.

    What a killed job was just writing, temporary files anywhere below the folder, is removed.

    Parameters
    ----------
    folder
        The folder; it is made if it is absent.
    job
        Who will write into it.
    inputs
        Files and folders that the job reads.

    Yields
    ------
    None
        The job writes meanwhile.

    Raises
    ------
    OutputError
        The folder is refused, see `check_folder`, another job is writing into it, or it cannot be written.
    """
    check_folder(folder, job, inputs)
    is_new = not folder.exists()
    try:
        with files.locked(folder / LOCK, f"{folder}: another job is writing here, wanted a folder of its own"):
            check_folder(folder, job)  # another job may have come and gone meanwhile
            _tidy(folder, job)
            if _read_marker(folder) is None:
                files.write_bytes(folder / MARKER, _spell_marker(job.name, __version__))
            try:
                yield
            finally:
                if folder.is_dir() and set(_list(folder)) <= {MARKER, LOCK}:
                    with contextlib.suppress(OSError):
                        (folder / MARKER).unlink()
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only if it is empty


def check_folder(folder: Path, job: Job, inputs: Iterable[StrPath] = ()) -> None:
    """Refuse a folder that is not the job's own, or that holds or lies in what the job reads; nothing is written.

    Raises
    ------
    OutputError
        The folder is refused.
    """
    for path in inputs:
        _refuse_overlap(folder, Path(path), job.guests)
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: not a folder, wanted a new or an empty one")
    for part in job.parts:
        if (folder / part).is_symlink():
            raise OutputError(f"{folder / part}: a link, which {job.name} does not follow; wanted a folder")
    made_by = _read_marker(folder)
    if made_by not in (None, job.name):
        raise OutputError(f"{folder}: made by {made_by}, wanted a new or an empty folder")
    strangers = [name for name in _list(folder) if name not in _NEUTRAL and name not in job.guests]
    if strangers and made_by is None and not job.is_earlier(folder):
        raise OutputError(
            f"{folder}: holds {strangers[0]!r}, which {job.name} did not write; wanted a new or an empty folder"
        )


def check_marker(folder: Path, makers: Iterable[str]) -> str:
    """Return what is wrong with the marker of a folder that some job made; empty where nothing is, or it has none."""
    path = folder / MARKER
    if not os.path.lexists(path):
        return ""
    try:
        data = inputs.read_bytes(path, _MARKER_BYTES)
        content = strict_json.parse(data)
        if data == _spell_marker(content["made_by"], content["version"]) and content["made_by"] in makers:
            return ""
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return f"{path}: is not the marker of {' or '.join(makers)}"


def check_files(
    outputs: Iterable[Path],
    inputs: Iterable[StrPath],
    *,
    force: bool = False,
    is_own: Callable[[Path], bool] = _never,
) -> None:
    """Refuse files to write that are inputs, the same file twice, or there already; nothing is written.

    Parameters
    ----------
    outputs
        The files to write.
    inputs
        Files that are read.
    force
        Whether a file that exists is overwritten.
    is_own
        Tells of a file that exists whether the job wrote it, and may write it again.

    Raises
    ------
    OutputError
        A file is refused, or its folder cannot be written.
    """
    before: list[Path] = []
    read = [Path(path) for path in inputs]
    for path in outputs:
        if any(_is_same(path, other) for other in read):
            raise OutputError(f"{path}: is an input too, wanted another name for the result")
        if any(_is_same(path, other) for other in before):
            raise OutputError(f"{path}: is two outputs, wanted a name for each")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: not a file, wanted a new name")
        if os.path.lexists(path) and not force and not is_own(path):
            raise OutputError(f"{path}: exists already, wanted a new name, or --force to overwrite it")
        _refuse_unwritable(path)
        before.append(path)


def _refuse_overlap(folder: Path, path: Path, guests: tuple[str, ...]) -> None:
    """Refuse a folder within a path that is read, or around it; what lies in a guest of the folder may be read."""
    above, inside = _identities(folder), _identities(path)
    if inside[0] in above:
        raise OutputError(f"{folder}: lies in {path}, which is read; wanted a folder elsewhere")
    if above[0] in inside and not any(_identities(folder / guest)[0] in inside for guest in guests):
        raise OutputError(f"{folder}: holds {path}, which is read; wanted a folder elsewhere")


def _identities(path: Path) -> list[object]:
    """Return what identifies a path and the folders above it: device and inode, the path itself where it is absent."""
    whole = Path(os.path.realpath(path))
    return [_identity(part) for part in (whole, *whole.parents)]


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


def _is_same(first: Path, second: Path) -> bool:
    return _identities(first)[0] == _identities(second)[0]


def _refuse_unwritable(path: Path) -> None:
    """Refuse a path whose folder, or the next one above that exists, takes no file."""
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written into {above}, wanted a folder with permission to write")


def _tidy(folder: Path, job: Job) -> None:
    """Remove what killed jobs were just writing, but for what is only read."""
    for above, names, _ in os.walk(folder):
        files.remove_unfinished(Path(above))
        names[:] = [name for name in names if Path(above) != folder or name not in job.guests]


def _read_marker(folder: Path) -> str | None:
    """Return which job made a folder; None where it bears no marker."""
    path = folder / MARKER
    if path.is_symlink():
        return None
    try:
        return str(strict_json.read_object(path, most=_MARKER_BYTES)["made_by"])
    except (OSError, ValueError, KeyError):
        return None


def _spell_marker(made_by: str, version: str) -> bytes:
    return f"{json.dumps({'made_by': made_by, 'version': version})}\n".encode()


def _list(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder}: cannot be listed ({error.strerror})") from error
