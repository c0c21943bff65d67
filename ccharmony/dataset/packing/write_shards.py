"""A dataset as shards, the write side; `formats.shards` reads them, `write_tars` and `write_parquet` write one.

Every pair is stored with its mask and its real picture, though ten pairs may share them: a streaming reader sees one
pair at a time. Pairs are put into shards in the order of a hash of their names, since a streaming reader shuffles only
neighbors, and ten composites of one photo are neighbors in the lists.

A shard is written first and then its table, so that interrupted packing resumes after the last finished shard.
Bytes depend on the pairs and the limit alone: no times, no owners, a fixed order.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ccharmony import files, inputs, strict_json
from ccharmony.dataset import checksums
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.packing.contents import Entry
from ccharmony.errors import SettingsError

MEBIBYTE = 2**20

Writer = Callable[["Batch", Path, threading.Event], Shard]
"""Writes the shard of a batch below a folder, then its table; stops at the event with an OutputError."""

_NAMES = {
    shards.TARS: "{split}/shard-{number:06d}.tar",
    shards.PARQUET: "data/{split}-{number:05d}-of-{count:05d}.parquet",
}


@dataclass(frozen=True)
class Limit:
    """How large a shard may become; a single pair that is larger gets its own shard.

    Attributes
    ----------
    mebibytes
        Of the pictures.
    pairs
        How many; 0 leaves it to the size.
    """

    mebibytes: float = 256.0
    pairs: int = 0

    def __post_init__(self) -> None:
        if self.mebibytes <= 0:
            raise SettingsError(f"shards of {self.mebibytes:g} MiB, wanted more than 0")
        if self.pairs < 0:
            raise SettingsError(f"shards of {self.pairs} pairs, wanted 1 or more, or 0 for no limit")


@dataclass(frozen=True)
class Batch:
    """The pairs of one shard.

    Attributes
    ----------
    file
        Path of the shard below the folder.
    entries
        In the order in which they are written.
    """

    file: str
    entries: tuple[Entry, ...]


def divide_into_shards(entries: Sequence[Entry], limit: Limit, form: str = shards.TARS) -> list[Batch]:
    """Divide pairs into shards, each split separately; a form is `shards.TARS` or `shards.PARQUET`."""
    batches: list[Batch] = []
    for folder in shards.FOLDERS:
        chosen = [entry for entry in entries if (entry.split or shards.UNLISTED) == folder]
        chosen.sort(key=lambda entry: hashlib.sha256(f"{entry.set}/{entry.name}".encode()).digest())
        groups = list(_cut(chosen, limit))
        for number, group in enumerate(groups):
            name = _NAMES[form].format(split=folder, number=number, count=len(groups))
            batches.append(Batch(name, tuple(group)))
    return batches


def list_written(root: Path) -> list[Path]:
    """Return the files that writing shards, finished or not, has left in a folder."""
    patterns = [f"{folder}/{name}" for folder in shards.FOLDERS for name in ("shard-*.tar", "shard-*.json", ".shard-*")]
    patterns += ["data/*-of-*.parquet", "data/.*-of-*", "tables/*-of-*.json", "tables/.*-of-*"]
    return [
        path
        for pattern in (shards.INDEX, *shards.DESCRIBING, f".*{files.UNFINISHED}", *patterns)
        for path in root.glob(pattern)
    ]


def write_missing_shards(
    batches: Sequence[Batch],
    root: Path,
    write: Writer,
    *,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda _pairs: None,
) -> tuple[list[Shard], int]:
    """Write the shards that do not exist yet.

    Parameters
    ----------
    batches
        Batches that `divide_into_shards` returned.
    root
        Folder to write into.
    write
        Writes one.
    jobs
        Shards written at a time.
    progress
        Called with the number of pairs of each finished shard.

    Returns
    -------
    tuple[list[Shard], int]
        All shards for the index, and how many pairs were packed before.

    Raises
    ------
    SourceError, ManifestError
        A picture cannot be read, or is not what the manifest says.
    OutputError
        A shard cannot be written.
    """
    done = {batch.file: shard for batch in batches if (shard := _find_finished(root, batch)) is not None}
    resumed = sum(shard.pairs for shard in done.values())
    progress(resumed)
    stop = threading.Event()
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="shards")
    try:
        waiting = [executor.submit(write, batch, root, stop) for batch in batches if batch.file not in done]
        for future in as_completed(waiting):
            shard = future.result()
            done[shard.file] = shard
            progress(shard.pairs)
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)
    return [done[batch.file] for batch in batches], resumed


def write_index(
    root: Path, written: Sequence[Shard], digest: str, form: str = shards.TARS, card: Mapping[str, bytes] | None = None
) -> None:
    """Write the files of the card, and the index, with which the folder is complete; raises OutputError."""
    described = dict(card or {})
    for name, data in described.items():
        files.write_bytes(root / name, data, lasting=True)
    content = {
        "format": form,
        "version": shards.VERSION,
        "plan": digest,
        **shards.count(written),
        "shards": [asdict(shard) for shard in written],
        shards.CARD: {name: hashlib.sha256(data).hexdigest() for name, data in described.items()},
    }
    files.settle(root)  # the tars, before anything says that they are there
    sealed = json.dumps(checksums.seal(content), indent=1)
    files.write_bytes(root / shards.INDEX, f"{sealed}\n".encode(), lasting=True)


def write_table(root: Path, batch: Batch, size: int, sha256: str, columns: Sequence[str], rows: Sequence[Any]) -> Shard:
    """Write the table of a shard that is written, and return its entry of the index; raises OutputError."""
    head = {"pairs": len(rows), "bytes": size, "sha256": sha256, "columns": columns}
    table = json.dumps({**head, "rows": rows}, ensure_ascii=False, separators=(",", ":")).encode()
    path = root / shards.table_of(batch.file)
    files.make_folder(path.parent)
    files.write_bytes(path, table)
    return Shard(batch.file, len(rows), size, sha256, hashlib.sha256(table).hexdigest())


def _cut(entries: Sequence[Entry], limit: Limit) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    size = 0
    for entry in entries:
        full = size + entry.size > limit.mebibytes * MEBIBYTE or (limit.pairs and len(group) == limit.pairs)
        if group and full:
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.size
    if group:
        yield group


def _find_finished(root: Path, batch: Batch) -> Shard | None:
    """Return a shard that was finished before: its table is written after it."""
    try:
        table = inputs.read_bytes(root / shards.table_of(batch.file), strict_json.MOST_BYTES)
        content = strict_json.parse(table)
        size, sha256 = (root / batch.file).stat().st_size, str(content["sha256"])
        if size != content["bytes"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Shard(batch.file, len(batch.entries), size, sha256, hashlib.sha256(table).hexdigest())
