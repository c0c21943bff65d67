"""A dataset of many small files packed into few large ones: tars, Parquet or one HDF5 file, bytes as they are.

The work is done in a folder next to the result, `.<name>.part`, which gets the result's name when it is finished. If
packing is interrupted, finished shards stay in that folder and packing resumes after them; an HDF5 file is written
again. Shards for an object store are written on this machine in the same way, and then uploaded.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ccharmony.dataset.card import packed as card
from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.packing import contents, upload, work_folder, write_hdf5, write_shards
from ccharmony.dataset.packing.contents import Entry, File
from ccharmony.dataset.packing.write_parquet import import_pyarrow, write_parquet
from ccharmony.dataset.packing.write_shards import Limit, Writer
from ccharmony.dataset.packing.write_tars import write_tar
from ccharmony.errors import OutputError, SettingsError
from ccharmony.files import StrPath
from ccharmony.progress import Progress, no_progress
from ccharmony.stores import places
from ccharmony.urls import Url, as_place

PackedFormat = Literal["shards", "h5", "parquet"]

_WRITERS: Mapping[str, tuple[str, Writer]] = {
    "shards": (shards.TARS, write_tar),
    "parquet": (shards.PARQUET, write_parquet),
}


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
    out: StrPath | Url,
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
        Folder or file to write; for shards and Parquet also the URL of a place in an object store. If it exists
        already, made from the same files, nothing is done.
    limit
        Size of a shard.
    jobs
        Shards written at a time; the bytes do not depend on it.
    strict
        Whether the first broken pair is an error.
    progress
        Called with "pack", the pairs (or files, of an HDF5 file) done and their number; then with "upload" and files.

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
    StoreError
        The object store cannot be asked; the same call goes on where it ended.
    SettingsError
        There is no such packed format, an HDF5 file is to go to a URL, or pyarrow, which writes Parquet, is not
        installed.
    """
    if to not in get_args(PackedFormat):
        raise SettingsError(f"packed format {to!r}, wanted one of {', '.join(get_args(PackedFormat))}")
    if to == "parquet":
        import_pyarrow()
    root, place = Path(root), as_place(out)
    limit, progress = limit or Limit(), progress or no_progress
    if isinstance(place, Path) and not place.name:
        place = place.absolute()
    if isinstance(place, Url) and to == "h5":
        raise SettingsError(f"{place}: an HDF5 file is read from a disk alone, wanted shards or parquet")
    entries, problems = contents.read_contents(root, strict=strict)
    counts = Counter(entry.split or shards.UNLISTED for entry in entries)
    report = PackReport(dict(sorted(counts.items(), reverse=True)), problems=problems)
    digest = contents.digest_contents(
        entries, f"{to} {limit if to in _WRITERS else ''} {shards.VERSION} {hdf5.VERSION}"
    )
    newest = contents.newest_change(entries)
    work = _Work(root, entries, to, limit, digest, newest)
    if isinstance(place, Url):
        if upload.is_finished(place, digest, newest):
            report.resumed = len(entries)
        else:
            folder = upload.folder_of(place)
            work.write(folder, jobs, progress, report)
            upload.upload_shards(folder, place, digest, newest, jobs=jobs, progress=progress)
    else:
        work.write(place, jobs, progress, report)
    sizes = [shard.bytes for shard in shards.read_index(place)] if to in _WRITERS else [places.size_of(place)]
    report.files, report.bytes = len(sizes), sum(sizes)
    return report


@dataclass(frozen=True)
class _Work:
    """What is to be packed, and how.

    Attributes
    ----------
    root, entries
        The dataset and its pairs.
    to, limit
        The packed format and the size of a shard.
    digest, newest
        Of the contents, and when the last of the files was changed.
    """

    root: Path
    entries: Sequence[Entry]
    to: PackedFormat
    limit: Limit
    digest: str
    newest: int

    def write(self, out: Path, jobs: int, progress: Progress, report: PackReport) -> None:
        """Write the folder or the file, unless it is there already; raises as `pack_dataset`."""
        if work_folder.is_finished(out, self.to, self.digest, self.newest):
            report.resumed = len(self.entries)
            return
        work_folder.refuse_taken(out, self.root, self.to)
        with work_folder.opened(out) as folder:
            work_folder.begin(folder, out.name, f"{self.digest} {self.newest}")
            if self.to in _WRITERS:
                self._pack_shards(folder, jobs, progress, report)
            else:
                _pack_h5(self.entries, folder / out.name, self.digest, progress)
            work_folder.publish(folder, out, self.to)

    def _pack_shards(self, folder: Path, jobs: int, progress: Progress, report: PackReport) -> None:
        form, write = _WRITERS[self.to]
        done = 0

        def count(pairs: int) -> None:
            nonlocal done
            done += pairs
            progress("pack", done, len(self.entries))

        batches = write_shards.divide_into_shards(self.entries, self.limit, form)
        written, report.resumed = write_shards.write_missing_shards(batches, folder, write, jobs=jobs, progress=count)
        described = card.make_packed_files(self.root, [entry.composite.name for entry in self.entries], written, form)
        write_shards.write_index(folder, written, self.digest, form, described)


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
