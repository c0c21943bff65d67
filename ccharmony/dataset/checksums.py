"""checksums.csv: size and SHA-256 of every file of a dataset, and a digest of every row of its manifest.

It is written before build.json, which has its hash and one of its own content; so a changed byte anywhere is found, and
a changed row can be named. Datasets of versions before 1.1 have none.

Contents: :class:`Checksum`, :func:`write_checksums`, :func:`read_checksums`, :func:`measure`, :func:`digest_row`,
:func:`seal`, :func:`is_sealed`, :func:`is_respaced`, :func:`is_file_whole`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony import files, inputs
from ccharmony.dataset.manifest import to_row
from ccharmony.errors import ManifestError, OutputError
from ccharmony.names import from_cell, to_cell
from ccharmony.records import Pair

NAME = "checksums.csv"
COLUMNS = ("file", "bytes", "sha256", "row")
SEAL = "sha256"
"""Key of build.json for the hash of its other keys."""

_ONCE_UNSEALED = "seconds"
"""Key of build.json that the hash of earlier versions did not cover."""

_ROW_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file was when it was written.

    Attributes
    ----------
    bytes, sha256
        Its size and hash.
    row
        Of a composite: the digest of its row in manifest.csv; otherwise empty.
    """

    bytes: int
    sha256: str
    row: str = ""


def write_checksums(root: Path, tables: Sequence[str], rows: Sequence[Pair]) -> str:
    """Write checksums.csv.

    Parameters
    ----------
    root
        The dataset; its pictures and the tables exist.
    tables
        Names of tables, which are read.
    rows
        Its pairs, which have the hashes of the pictures.

    Returns
    -------
    str
        The SHA-256 of the table.

    Raises
    ------
    OutputError
        A file is gone, or the table cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    found = dict[str, Checksum]()
    try:
        for name in tables:
            found[name] = measure(root / name)
        for row in rows:
            found[row.composite] = Checksum(_size(root, row.composite), row.composite_sha256, digest_row(row))
            for name, sha256 in ((row.mask, row.mask_sha256), (row.real, row.real_sha256)):
                found[name] = found.get(name) or Checksum(_size(root, name), sha256)
    except OSError as error:
        raise OutputError(f"{error.filename}: was written and is gone ({error.strerror})") from error
    writer.writerows([to_cell(name), line.bytes, line.sha256, line.row] for name, line in sorted(found.items()))
    data = text.getvalue().encode()
    files.write_bytes(root / NAME, data, lasting=True)
    return hashlib.sha256(data).hexdigest()


def read_checksums(root: Path) -> tuple[dict[str, Checksum], str] | None:
    """Return the lines of checksums.csv by file and its SHA-256; None where there is none.

    Raises
    ------
    ManifestError
        It cannot be read, or is not such a table.
    """
    path = root / NAME
    try:
        data = inputs.read_bytes(path, inputs.TABLE_BYTES)
        rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
        if tuple(rows[0]) != COLUMNS:
            raise ValueError(f"columns {','.join(rows[0])[:80]}")
        found = {from_cell(name): Checksum(int(size), sha256, row) for name, size, sha256, row in rows[1:]}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read ({inputs.why(error)}), wanted {','.join(COLUMNS)}") from error
    return found, hashlib.sha256(data).hexdigest()


def measure(path: Path) -> Checksum:
    """Return size and hash of a file; raises OSError."""
    return Checksum(path.stat().st_size, _hash(path))


def digest_row(row: Pair) -> str:
    """Return the digest of a row of manifest.csv, 16 hexadecimal digits; without its last cell where that is empty."""
    cells = "\0".join(to_row(row)).removesuffix("\0")  # a profile, which rows of earlier versions lack
    return hashlib.sha256(cells.encode()).hexdigest()[:_ROW_DIGITS]


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a JSON file with the hash of it under a key of its own."""
    return {**content, SEAL: _digest(content)}


def is_sealed(content: Mapping[str, Any]) -> bool:
    """Return whether the hash in the content of a JSON file is that of the rest of it."""
    return content.get(SEAL) in (_digest(content), _digest(content, _ONCE_UNSEALED))


def is_respaced(data: bytes, content: Mapping[str, Any], *, indent: int) -> bool:
    """Return whether a JSON file is spaced otherwise than its content is written here."""
    return data != f"{json.dumps(content, indent=indent)}\n".encode()


def is_file_whole(path: Path, wanted: Checksum, *, check: bool) -> bool:
    """Return whether a file is there with its size and, with `check`, its hash."""
    try:
        return inputs.check(path) == wanted.bytes and (not check or _hash(path) == wanted.sha256)
    except OSError:
        return False


def _digest(content: Mapping[str, Any], *without: str) -> str:
    covered = {name: value for name, value in content.items() if name not in (SEAL, *without)}
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()


def _size(root: Path, name: str) -> int:
    return (root / name).stat().st_size


def _hash(path: Path) -> str:
    with inputs.open_binary(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
