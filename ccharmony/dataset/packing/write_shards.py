"""A dataset as WebDataset shards, the write side; `formats.shards` reads them.

Every pair is stored with its mask and its real picture, though ten pairs may share them: a streaming reader sees one
pair at a time. Pairs are put into shards in the order of a hash of their names, since a streaming reader shuffles only
neighbors, and ten composites of one photo are neighbors in the lists.

A shard is written first and then its table, so that interrupted packing resumes after the last finished shard.
Bytes depend on the pairs and the limit alone: no times, no owners, a fixed order.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ccharmony import files, inputs, strict_json
from ccharmony.dataset import checksums
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.pair_files import PARTS
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.packing.contents import Entry
from ccharmony.errors import OutputError, SettingsError

MEBIBYTE = 2**20
_END = 2 * tarfile.BLOCKSIZE
_JSON = {"ensure_ascii": False, "separators": (",", ":")}


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
        Path of the tar below the folder.
    entries
        In the order in which they are written.
    """

    file: str
    entries: tuple[Entry, ...]


def divide_into_shards(entries: Sequence[Entry], limit: Limit) -> list[Batch]:
    """Divide pairs into shards, each split separately."""
    batches: list[Batch] = []
    for folder in shards.FOLDERS:
        chosen = [entry for entry in entries if (entry.split or shards.UNLISTED) == folder]
        chosen.sort(key=lambda entry: hashlib.sha256(f"{entry.set}/{entry.name}".encode()).digest())
        batches += [
            Batch(f"{folder}/shard-{number:06d}.tar", tuple(group)) for number, group in enumerate(_cut(chosen, limit))
        ]
    return batches


def list_written(root: Path) -> list[Path]:
    """Return the files that writing shards, finished or not, has left in a folder."""
    patterns = [f"{folder}/{name}" for folder in shards.FOLDERS for name in ("shard-*.tar", "shard-*.json", ".shard-*")]
    return [path for pattern in (shards.INDEX, f".*{files.UNFINISHED}", *patterns) for path in root.glob(pattern)]


def write_missing_shards(
    batches: Sequence[Batch], root: Path, *, jobs: int = 1, progress: Callable[[int], None] = lambda _pairs: None
) -> tuple[list[Shard], int]:
    """Write the shards that do not exist yet.

    Parameters
    ----------
    batches
        Batches that `divide_into_shards` returned.
    root
        Folder to write into.
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
        waiting = [executor.submit(_write_shard, batch, root, stop) for batch in batches if batch.file not in done]
        for future in as_completed(waiting):
            shard = future.result()
            done[shard.file] = shard
            progress(shard.pairs)
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)
    return [done[batch.file] for batch in batches], resumed


def write_index(root: Path, written: Sequence[Shard], digest: str) -> None:
    """Write the index, with which the folder is complete; raises OutputError."""
    content = {
        "format": shards.FORMAT,
        "version": shards.VERSION,
        "plan": digest,
        **shards.count(written),
        "shards": [asdict(shard) for shard in written],
    }
    files.settle(root)  # the tars, before anything says that they are there
    sealed = json.dumps(checksums.seal(content), indent=1)
    files.write_bytes(root / shards.INDEX, f"{sealed}\n".encode(), lasting=True)


def key_of(entry: Entry) -> str:
    """Return the name of a pair's four files up to their first dot, where a WebDataset key ends."""
    stem = PurePosixPath(entry.name).stem.replace("%", "%25").replace(".", "%2E")
    return f"{entry.set}/{stem}" if entry.set else stem


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
    tar = root / batch.file
    try:
        table = inputs.read_bytes(shards.table_of(tar), strict_json.MOST_BYTES)
        content = strict_json.parse(table)
        size = tar.stat().st_size
    except (OSError, ValueError):
        return None
    if size != content["bytes"]:
        return None
    return Shard(batch.file, len(batch.entries), size, content["sha256"], hashlib.sha256(table).hexdigest())


def _write_shard(batch: Batch, root: Path, stop: threading.Event) -> Shard:
    tar = root / batch.file
    files.make_folder(tar.parent)
    temporary = tar.with_name(f".{tar.name}{files.UNFINISHED}")
    try:
        try:
            with files.open_own(temporary, "wb") as stream:
                written = _Stream(stream)
                rows = [_write_pair(written, entry, stop) for entry in batch.entries]
                written.finish()
            temporary.replace(tar)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{tar}: cannot be written ({error.strerror})") from error
    sha256 = written.hash.hexdigest()
    head = {"pairs": len(rows), "bytes": written.position, "sha256": sha256, "columns": shards.COLUMNS}
    table = json.dumps({**head, "rows": rows}, **_JSON).encode()  # type: ignore[arg-type]  # both options are json's
    files.write_bytes(shards.table_of(tar), table)
    return Shard(batch.file, len(rows), written.position, sha256, hashlib.sha256(table).hexdigest())


def _write_pair(stream: _Stream, entry: Entry, stop: threading.Event) -> list[Any]:
    """Write the four files of a pair, and return its row of the table."""
    if stop.is_set():
        raise OutputError(f"{entry.name}: stopped")
    key, digests, members = key_of(entry), [], []
    for part, file in zip(PARTS, entry.files, strict=True):
        data, sha256 = file.read()
        name = f"{key}.{part}{file.path.suffix.lower()}"
        members.append([name, stream.append(name, data), len(data)])
        digests.append(sha256)
    row = entry.describe((digests[0], digests[1], digests[2]))
    stream.append(f"{key}.json", json.dumps(row, **_JSON).encode())  # type: ignore[arg-type]
    return [entry.position, entry.set, entry.name, *members]


class _Stream:
    """A tar that is written front to back, hashed on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.hash = hashlib.sha256()
        self.position = 0
        self._stream = stream

    def append(self, name: str, data: bytes) -> int:
        """Write a member without time or owner, and return where its content begins."""
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        start = self.position
        self._write(data)
        self._write(bytes(-len(data) % tarfile.BLOCKSIZE))
        return start

    def finish(self) -> None:
        """Write the end mark, filled up to a whole record as tar does."""
        self._write(bytes(_END))
        self._write(bytes(-self.position % tarfile.RECORDSIZE))

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self.hash.update(data)
        self.position += len(data)
