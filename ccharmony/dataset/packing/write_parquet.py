"""A shard as a Parquet file: a row a pair, pictures as `datasets` stores them, columns of the manifest beside them.

Pictures are uncompressed (they are compressed already), never null and never in a dictionary, and a column of a row
group is one page: so the bytes of each stand in the file one after the other, each behind its length, up to the end of
the column. Their places go to the shard's table, by which the pictures are read without a reader of Parquet.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ccharmony import files, inputs
from ccharmony.dataset import checksums
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.pair_files import PARTS
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.packing.contents import Entry
from ccharmony.dataset.packing.write_shards import MEBIBYTE, Batch, write_table
from ccharmony.errors import OutputError, SettingsError

GROUP_BYTES, GROUP_ROWS = 32 * MEBIBYTE, 1000
"""Pictures and rows of a row group, which is held in memory while it is written."""

_PAGE_BYTES = 2**31 - 1  # the most that a page may have: no column of a row group is divided
_LENGTH = 4  # bytes in front of each value
_NUMBERS = ("clipped_share", "delta_e")
_ROW = "row"


def import_pyarrow() -> Any:
    """Return pyarrow with its reader and writer of Parquet; raises SettingsError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SettingsError("pyarrow is not installed, wanted pip install 'ccharmony[parquet]'") from error
    return pyarrow


@dataclass
class _Group:
    """What a row group stores of each pair, in the order of a table's columns: names and numbers of bytes."""

    names: list[list[str]]
    sizes: list[list[int]]


def write_parquet(batch: Batch, root: Path, stop: threading.Event) -> Shard:
    """Write one shard and its table; raises SourceError, ManifestError, OutputError."""
    path = root / batch.file
    files.make_folder(path.parent)
    temporary = path.with_name(f".{path.name}{files.UNFINISHED}")
    try:
        try:
            groups = _write_groups(temporary, batch.entries, stop)
            stored = [part for number, group in enumerate(groups) for part in _find(temporary, number, group)]
            known = checksums.measure(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    rows = [[entry.position, entry.set, entry.name, *parts] for entry, parts in zip(batch.entries, stored, strict=True)]
    return write_table(root, batch, known.bytes, known.sha256, (*shards.COLUMNS, _ROW), rows)


def _write_groups(path: Path, entries: Sequence[Entry], stop: threading.Event) -> list[_Group]:
    pa = import_pyarrow()
    schema = _make_schema(pa, sorted({name for entry in entries for name in entry.row} - {"split"}))
    scalars = [field.name for field in schema if field.name not in (*PARTS, _ROW)]
    options = {
        "compression": "NONE",
        "use_dictionary": scalars,
        "write_statistics": scalars,
        "data_page_size": _PAGE_BYTES,
    }
    groups: list[_Group] = []
    with files.open_own(path, "wb") as sink:
        with pa.parquet.ParquetWriter(sink, schema, **options) as writer:
            for batch in _divide(entries):
                rows = [_read(entry, stop) for entry in batch]
                writer.write_table(pa.Table.from_pylist(rows, schema=schema), row_group_size=len(rows))
                names = [[*(row[part]["path"] for part in PARTS), _ROW] for row in rows]
                sizes = [[*(len(row[part]["bytes"]) for part in PARTS), len(row[_ROW].encode())] for row in rows]
                groups.append(_Group(names, sizes))
        sink.flush()
        os.fsync(sink.fileno())
    return groups


def _make_schema(pa: Any, columns: Sequence[str]) -> Any:
    """Return the schema, with the features by which `datasets` knows that a column has pictures."""
    fields = [pa.field("position", pa.int64(), nullable=False)]
    fields += [pa.field(name, pa.string(), nullable=False) for name in ("set", "name", "split")]
    parts = [pa.field("bytes", pa.binary(), nullable=False), pa.field("path", pa.string(), nullable=False)]
    pictures = [pa.field(part, pa.struct(parts), nullable=False) for part in PARTS]
    kinds = {name: pa.float64() if name in _NUMBERS else pa.string() for name in columns}
    fields += [*pictures, *(pa.field(name, kind) for name, kind in kinds.items())]
    fields.append(pa.field(_ROW, pa.string(), nullable=False))
    features = {
        field.name: {"_type": "Image"} if field.name in PARTS else {"dtype": str(field.type), "_type": "Value"}
        for field in fields
    }
    features |= {name: {"dtype": "float64", "_type": "Value"} for name in columns if name in _NUMBERS}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _divide(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and (size + entry.size > GROUP_BYTES or len(group) == GROUP_ROWS):
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.size
    yield group


def _read(entry: Entry, stop: threading.Event) -> dict[str, Any]:
    """Return the row of a pair with the bytes of its pictures."""
    if stop.is_set():
        raise OutputError(f"{entry.name}: stopped")
    read = [file.read() for file in entry.files]
    row = entry.describe((read[0][1], read[1][1], read[2][1]))
    pictures = {
        part: {"bytes": data, "path": file.name} for part, file, (data, _) in zip(PARTS, entry.files, read, strict=True)
    }
    stored = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    said = {"position": entry.position, "set": entry.set, "name": entry.name, "split": entry.split}
    return {**said, **entry.row, **pictures, _ROW: stored}


def _find(path: Path, number: int, group: _Group) -> Iterator[list[list[Any]]]:
    """Yield name, offset and size of the pictures and the row of each pair of a row group that was written here."""
    pq = import_pyarrow().parquet
    found = pq.read_metadata(path).row_group(number)
    chunks = {chunk.path_in_schema: chunk for chunk in map(found.column, range(found.num_columns))}
    columns = zip(*group.sizes, strict=True)
    with inputs.open_binary(path) as file:
        names = (*(f"{part}.bytes" for part in PARTS), _ROW)
        places = [list(_walk(file, chunks[name], sizes)) for name, sizes in zip(names, columns, strict=True)]
    for texts, offsets, sizes in zip(group.names, zip(*places, strict=True), group.sizes, strict=True):
        yield [list(part) for part in zip(texts, offsets, sizes, strict=True)]


def _walk(file: IO[bytes], chunk: Any, sizes: Sequence[int]) -> Iterator[int]:
    """Yield where each value of a column begins: counted from its end, since the head of its page has any length."""
    place = chunk.data_page_offset + chunk.total_compressed_size - sum(_LENGTH + size for size in sizes)
    for size in sizes:
        file.seek(place)
        if int.from_bytes(file.read(_LENGTH), "little") != size:
            raise OutputError(f"{file.name}: {chunk.path_in_schema} is not stored as plain bytes in one page")
        yield place + _LENGTH
        place += _LENGTH + size
