"""A dataset of many small files packed into few large ones: tars, Parquet or one HDF5 file, bytes as they are.

The work is done in a folder next to the result, `.<name>.part`, which gets the result's name when it is finished. If
packing is interrupted, finished shards stay in that folder and packing resumes after them; an HDF5 file is written
again.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.packing import contents, write_hdf5, write_shards
from ccharmony.dataset.packing.contents import Entry, File
from ccharmony.dataset.packing.write_parquet import import_pyarrow, write_parquet
from ccharmony.dataset.packing.write_shards import Limit, Writer
from ccharmony.dataset.packing.write_tars import write_tar
from ccharmony.errors import OutputError, SettingsError
from ccharmony.files import UNFINISHED, StrPath, locked, write_bytes
from ccharmony.outputs import MARKER, Job, check_folder, claim_folder
from ccharmony.progress import Progress, no_progress

PackedFormat = Literal["shards", "h5", "parquet"]

_WRITERS: Mapping[str, tuple[str, Writer]] = {
    "shards": (shards.TARS, write_tar),
    "parquet": (shards.PARQUET, write_parquet),
}
_DIGEST, _LOCK = "plan.txt", "lock"


@dataclass
class PackReport:
    """The report of packing.

    Attributes
    ----------
    pairs
        By split, ``all`` where there are no lists.
    files
        Shards, or 1.
    bytes
        Of all that was written.
    resumed
        Pairs that an earlier run had packed.
    problems
        One line for each pair that is broken and was left out.
    """

    pairs: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    resumed: int = 0
    problems: list[str] = field(default_factory=list)


def pack_dataset(
    root: StrPath,
    to: PackedFormat,
    out: StrPath,
    *,
    limit: Limit | None = None,
    jobs: int = 1,
    strict: bool = False,
    progress: Progress | None = None,
) -> PackReport:
    """Pack a dataset.

    Parameters
    ----------
    root
        Dataset in iHarmony4's layout, or a root that holds several.
    to
        ``shards``: a folder of tars as WebDataset reads them; ``parquet``: one of Parquet files as `datasets` reads
        them; ``h5``: one HDF5 file.
    out
        Folder or file to write. If it exists already, made from the same files, nothing is done.
    limit
        Size of a shard.
    jobs
        Shards written at a time; the bytes do not depend on it.
    strict
        Whether the first broken pair is an error.
    progress
        Called with "pack", the pairs (or files, of an HDF5 file) done and their number.

    Returns
    -------
    PackReport
        Counts, bytes, and one line for each broken pair.

    Raises
    ------
    SourceError, ManifestError
        There is nothing to pack, a file cannot be read or changes meanwhile, or is not what the manifest says.
    OutputError
        The path exists already, is in use, or cannot be written.
    SettingsError
        There is no such packed format, or pyarrow, which writes Parquet, is not installed.
    """
    if to not in get_args(PackedFormat):
        raise SettingsError(f"packed format {to!r}, wanted one of {', '.join(get_args(PackedFormat))}")
    if to == "parquet":
        import_pyarrow()
    root, out = Path(root), Path(out)
    limit, progress, out = limit or Limit(), progress or no_progress, out if out.name else out.absolute()
    entries, problems = contents.read_contents(root, strict=strict)
    counts = Counter(entry.split or shards.UNLISTED for entry in entries)
    report = PackReport(dict(sorted(counts.items(), reverse=True)), problems=problems)
    digest = contents.digest_contents(
        entries, f"{to} {limit if to in _WRITERS else ''} {shards.VERSION} {hdf5.VERSION}"
    )
    if _is_finished(out, to, digest, contents.newest_change(entries)):
        report.resumed = len(entries)
    else:
        _refuse_taken(out, root, to)
        with _work_folder(out) as folder:
            _begin(folder, out.name, f"{digest} {contents.newest_change(entries)}")
            if to in _WRITERS:
                _pack_shards(entries, folder, digest, to, limit, jobs, progress, report)
            else:
                _pack_h5(entries, folder / out.name, digest, progress)
            _publish(folder, out, to)
    files = [out / shard.file for shard in shards.read_index(out)] if to in _WRITERS else [out]
    report.files, report.bytes = len(files), sum(file.stat().st_size for file in files)
    return report


def _pack_shards(
    entries: Sequence[Entry],
    folder: Path,
    digest: str,
    to: PackedFormat,
    limit: Limit,
    jobs: int,
    progress: Progress,
    report: PackReport,
) -> None:
    form, write = _WRITERS[to]
    done = 0

    def count(pairs: int) -> None:
        nonlocal done
        done += pairs
        progress("pack", done, len(entries))

    written, report.resumed = write_shards.write_missing_shards(
        write_shards.divide_into_shards(entries, limit, form), folder, write, jobs=jobs, progress=count
    )
    write_shards.write_index(folder, written, digest, form)


def _pack_h5(entries: Sequence[Entry], path: Path, digest: str, progress: Progress) -> None:
    """Write every file once, in the order in which the pairs name it first."""
    numbers: dict[File, int] = {}
    for file in (file for entry in entries for file in entry.files):
        numbers.setdefault(file, len(numbers))
    try:
        path.unlink(missing_ok=True)
        with write_hdf5.Writer(path, [file.name for file in numbers], [file.size for file in numbers]) as writer:
            digests = _copy_files(numbers, writer, progress)
            rows_of_files = np.array([[numbers[file] for file in entry.files] for entry in entries], np.int64)
            rows = [
                entry.describe((digests[composite], digests[mask], digests[real]))
                for entry, (composite, mask, real) in zip(entries, rows_of_files.tolist(), strict=True)
            ]
            writer.write_pairs(rows, rows_of_files, digest)
    except BaseException as error:
        with contextlib.suppress(OSError):  # half a file is of no use later
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
        raise


def _copy_files(numbers: Mapping[File, int], writer: write_hdf5.Writer, progress: Progress) -> list[str]:
    """Write the bytes of every file, and return their hashes."""
    digests = []
    for file, number in numbers.items():
        data, sha256 = file.read()
        digests.append(sha256)
        writer.write_file(number, data)
        progress("pack", number + 1, len(numbers))
    return digests


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """Open the folder of unfinished work for one process at a time; raises OutputError."""
    folder = out.with_name(f".{out.name}{UNFINISHED}")
    if folder.is_symlink():
        raise OutputError(f"{folder}: a link, which packing does not follow; wanted a folder or nothing")
    with claim_folder(folder, _JOB), locked(folder / _LOCK, f"{out}: is being packed by another process"):
        yield folder
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_earlier(folder: Path) -> bool:
    """Return whether a folder holds unfinished work of a version that wrote no marker."""
    return (folder / _DIGEST).is_file() or {path.name for path in folder.iterdir()} == {_LOCK}


_JOB = Job("ccharmony pack", (*shards.FOLDERS, "data", "tables"), is_earlier=_is_earlier)


def _begin(folder: Path, name: str, digest: str) -> None:
    """Remove unfinished work on other contents and write down the digest of these; refuse files of somebody else."""
    path, written = folder / _DIGEST, [folder / name, *write_shards.list_written(folder)]
    known = {path, folder / MARKER, folder / _LOCK, *written}
    if stranger := next((file for file in sorted(folder.rglob("*")) if not file.is_dir() and file not in known), None):
        raise OutputError(f"{stranger}: was not written by packing, wanted it moved elsewhere")
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == digest:
        return
    for stale in written:
        stale.unlink(missing_ok=True)
    write_bytes(path, digest.encode())


def _publish(folder: Path, out: Path, to: PackedFormat) -> None:
    """Give the finished work the name of the result."""
    try:
        (folder / _DIGEST).unlink(missing_ok=True)
        if to == "h5":
            (folder / out.name).replace(out)
            return
        (folder / _LOCK).unlink(missing_ok=True)
        folder.replace(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from error


def _is_finished(out: Path, to: PackedFormat, digest: str, newest: int) -> bool:
    """Return whether these contents were packed there, completely, after the last change of a file."""
    path = out if to == "h5" else out / shards.INDEX
    if not path.is_file() or path.stat().st_mtime_ns < newest:
        return False
    if to == "h5":
        return hdf5.read_contents_digest(out) == digest
    return shards.read_contents_digest(out) == digest and bool(shards.read_index(out))


def _refuse_taken(out: Path, root: Path, to: PackedFormat) -> None:
    if to in _WRITERS:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(f"{out}: not an empty folder, wanted a new one")
        check_folder(out, _JOB, [root])
        return
    if out.suffix.lower() not in hdf5.SUFFIXES:
        raise OutputError(f"{out}: wanted a name that ends in {' or '.join(hdf5.SUFFIXES)}")
    if out.exists():
        raise OutputError(f"{out}: exists already and holds something else, wanted a new name")
