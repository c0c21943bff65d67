"""The folder of unfinished packing, `.<name>.part` next to the result, whose name it gets when it is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.packing import write_shards
from ccharmony.errors import OutputError
from ccharmony.files import UNFINISHED, write_bytes
from ccharmony.outputs import LOCK, MARKER, Job, check_folder, claim_folder

_DIGEST = "plan.txt"


@contextlib.contextmanager
def opened(out: Path) -> Iterator[Path]:
    """Open the folder of unfinished work for one process at a time; raises OutputError."""
    folder = out.with_name(f".{out.name}{UNFINISHED}")
    if folder.is_symlink():
        raise OutputError(f"{folder}: a link, which packing does not follow; wanted a folder or nothing")
    with claim_folder(folder, _JOB):
        yield folder
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_earlier(folder: Path) -> bool:
    """Return whether a folder holds unfinished work of a version that wrote no marker."""
    return (folder / _DIGEST).is_file()


_JOB = Job("ccharmony pack", (*shards.FOLDERS, "data", "tables"), is_earlier=_is_earlier)


def begin(folder: Path, name: str, digest: str) -> None:
    """Remove unfinished work on other contents and write down the digest of these; refuse files of somebody else."""
    path, written = folder / _DIGEST, [folder / name, *write_shards.list_written(folder)]
    known = {path, folder / MARKER, folder / LOCK, *written}
    if stranger := next((file for file in sorted(folder.rglob("*")) if not file.is_dir() and file not in known), None):
        raise OutputError(f"{stranger}: was not written by packing, wanted it moved elsewhere")
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == digest:
        return
    for stale in written:
        stale.unlink(missing_ok=True)
    write_bytes(path, digest.encode())


def publish(folder: Path, out: Path, to: str) -> None:
    """Give the finished work the name of the result."""
    try:
        (folder / _DIGEST).unlink(missing_ok=True)
        if to == "h5":
            (folder / out.name).replace(out)
            return
        (folder / LOCK).unlink(missing_ok=True)
        folder.replace(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from error


def is_finished(out: Path, to: str, digest: str, newest: int) -> bool:
    """Return whether these contents were packed there, completely, after the last change of a file."""
    path = out if to == "h5" else out / shards.INDEX
    if not path.is_file() or path.stat().st_mtime_ns < newest:
        return False
    if to == "h5":
        return hdf5.read_contents_digest(out) == digest
    return shards.read_contents_digest(out) == digest and bool(shards.read_index(out))


def refuse_taken(out: Path, root: Path, to: str) -> None:
    """Refuse a place that holds anything; raises OutputError."""
    if to != "h5":
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(f"{out}: not an empty folder, wanted a new one")
        check_folder(out, _JOB, [root])
        return
    if out.suffix.lower() not in hdf5.SUFFIXES:
        raise OutputError(f"{out}: wanted a name that ends in {' or '.join(hdf5.SUFFIXES)}")
    if out.exists():
        raise OutputError(f"{out}: exists already and holds something else, wanted a new name")
