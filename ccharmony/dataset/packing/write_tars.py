"""A shard as a tar that WebDataset reads."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ccharmony import files
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.pair_files import PARTS
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.packing.contents import Entry
from ccharmony.dataset.packing.write_shards import Batch, write_table
from ccharmony.errors import OutputError

_END = 2 * tarfile.BLOCKSIZE


def write_tar(batch: Batch, root: Path, stop: threading.Event) -> Shard:
    """Write one shard and its table; raises SourceError, ManifestError, OutputError."""
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
    return write_table(root, batch, written.position, written.hash.hexdigest(), shards.COLUMNS, rows)


def key_of(entry: Entry) -> str:
    """Return the name of a pair's four files up to their first dot, where a WebDataset key ends."""
    stem = PurePosixPath(entry.name).stem.replace("%", "%25").replace(".", "%2E")
    return f"{entry.set}/{stem}" if entry.set else stem


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
    stream.append(f"{key}.json", json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
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
