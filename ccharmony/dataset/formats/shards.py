"""A dataset as shards, the read side: each picture is read by its offset in a tar or in a Parquet file.

::

    index.json                    version, counts, and of each shard its file, pairs, bytes and sha256
    train/shard-000000.tar        <set>/<composite>.composite.jpg  .mask.png  .real.jpg  .json  of each pair
    train/shard-000000.json       offset and size of each picture in that tar
    test/…                        likewise; `all` instead of the two where no list says which pair is which

or, of Parquet, as `datasets` names its files::

    data/train-00000-of-00002.parquet    a row a pair; its pictures uncompressed, so that their place is known
    tables/train-00000-of-00002.json     offset and size of each picture in that file, and of the pair's row as JSON

No Parquet is ever parsed here, since the places are in the tables. A reader of WebDataset needs the tars alone. The
pairs in a file are shuffled, as readers of streams want them; the tables store the position of each pair in the
dataset's lists, and the readers here return the pairs in that order.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ccharmony import inputs, strict_json
from ccharmony.dataset.formats import lists
from ccharmony.dataset.formats.names import split_name
from ccharmony.dataset.formats.pair_files import Archive, Member, PairPaths, Split, open_archive
from ccharmony.errors import ImageError, SourceError
from ccharmony.stores import places
from ccharmony.stores.objects import StoredObject
from ccharmony.urls import Place, Url

INDEX = "index.json"
TARS, PARQUET = "ccharmony shards", "ccharmony parquet"
"""The two formats, as the index names them."""

DESCRIBING = ("README.md", "croissant.json", "contact_sheet.jpg")
"""Files that describe a packed dataset, where it was packed from one that a build wrote."""

CARD = "card"
"""Key of the index for the SHA-256 of each file of the card; those of earlier versions have none."""

VERSION = 1
UNLISTED = "all"
FOLDERS = (*lists.SPLITS, UNLISTED)
COLUMNS = ("position", "set", "name", "composite", "mask", "real")
"""Of a row of a table; each of the last three is a list of name, offset and size. Parquet has ``row`` as a fourth."""

ROW_BYTES = 64 * 2**10
"""Of the JSON of a pair, and of the header of a long name in a tar; both have some hundred."""

_FILES = {
    TARS: re.compile(r"(train|val|test|all)/shard-\d{6,}\.tar"),
    PARQUET: re.compile(r"data/(train|val|test|all)-\d{5,}-of-\d{5,}\.parquet"),
}
_ASKED = 16
"""Shards that are looked up at a time: a store takes 30 ms to answer, a disk nothing worth a thread."""

_logger = logging.getLogger(__name__)
_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, ImageError)


@dataclass(frozen=True)
class Shard:
    """The entry of a shard in the index.

    Attributes
    ----------
    file
        Path of the tar below the folder.
    pairs, bytes
        How many pairs it holds, and its size.
    sha256, table_sha256
        Hashes of the tar and of its table.
    """

    file: str
    pairs: int
    bytes: int
    sha256: str
    table_sha256: str

    @property
    def folder(self) -> str:
        """Return train, test or all."""
        return next(match[1] for pattern in _FILES.values() if (match := pattern.fullmatch(self.file)))

    @property
    def is_parquet(self) -> bool:
        """Return whether it is a Parquet file, and no tar."""
        return self.file.endswith(".parquet")

    @property
    def split(self) -> str:
        """Return the split of its pairs; empty where no list says."""
        return "" if self.folder == UNLISTED else self.folder


def is_packed(root: Path) -> bool:
    """Return whether a folder holds shards."""
    return (root / INDEX).is_file()


def read_index(root: Place) -> list[Shard]:
    """Read the index and check that every shard exists and has its size.

    Raises
    ------
    SourceError
        The index is not one, or a shard is absent or of another size.
    """
    path = root / INDEX
    try:
        shards = list(_parse_index(read_content(root)))
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file, wanted what ccharmony pack --to shards or parquet wrote") from error
    except _BROKEN as error:
        raise SourceError(f"{path}: not an index of shards of version {VERSION} ({error})") from error
    with ThreadPoolExecutor(_ASKED, thread_name_prefix="index") as pool:
        for shard, found in zip(shards, pool.map(lambda shard: _size(root, shard), shards), strict=True):
            if found != shard.bytes:
                says = f"{INDEX} says {shard.bytes}: the shard is incomplete"
                raise SourceError(f"{root / shard.file}: {found or 'no'} bytes, {says}")
    return shards


def read_content(root: Place) -> dict[str, Any]:
    """Return what the index says; raises OSError, ValueError, or StoreError for a URL."""
    content = strict_json.parse(places.read_bytes(root / INDEX, strict_json.MOST_BYTES))
    if not isinstance(content, dict):
        raise ValueError(f"{type(content).__name__} found, an object wanted")
    return content


def card_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of the card and their SHA-256, as the index says; a name that leads elsewhere is none."""
    found = content.get(CARD)
    named = found.items() if isinstance(found, dict) else ()
    return {str(name): str(sha256) for name, sha256 in named if name in DESCRIBING}


def _size(root: Place, shard: Shard) -> int:
    tar = root / shard.file
    if isinstance(root, Path) and not (root / shard.file).resolve().is_relative_to(root.resolve()):
        raise SourceError(f"{tar}: a link that leads out of the folder, wanted the shard itself")
    return places.size_of(tar)


def count(index: Sequence[Shard]) -> dict[str, Any]:
    """Return what the index says of all shards together: pairs by folder, and bytes."""
    pairs = {folder: sum(shard.pairs for shard in index if shard.folder == folder) for folder in FOLDERS}
    return {
        "pairs": {folder: number for folder, number in pairs.items() if number},
        "bytes": sum(shard.bytes for shard in index),
    }


def read_contents_digest(root: Place) -> str:
    """Return the digest of what was packed; empty where there is no index."""
    try:
        return str(read_content(root)["plan"])
    except _BROKEN:
        return ""


def read_pairs(root: Place, split: Split) -> list[PairPaths]:
    """Return the pairs of a split in the order of the dataset's lists, each with its files inside the shards.

    Raises
    ------
    SourceError
        The index or a table is damaged, a shard is incomplete, or no pair is of that split.
    """
    shards = read_index(root)
    chosen = [shard for shard in shards if split in ("all", shard.folder)]
    if split in ("train", "test") and all(shard.folder == UNLISTED for shard in shards):
        _logger.warning("%s: packed without lists, all its pairs are taken for split %s", root, split)
        chosen = shards
    with ThreadPoolExecutor(_ASKED if isinstance(root, Url) else 1, thread_name_prefix="tables") as pool:
        tables = pool.map(lambda shard: list(read_table(root, shard)), chosen)
        positioned = [pair for table in tables for pair in table]
    if not positioned:
        held = ", ".join(sorted({shard.folder for shard in shards})) or "nothing"
        raise SourceError(f"{root}: no pair of split {split!r}, it holds {held}")
    return [pair for _, pair in sorted(positioned, key=lambda entry: entry[0])]


def read_table(root: Place, shard: Shard) -> Iterator[tuple[int, PairPaths]]:
    """Yield each pair of a shard with its position in the lists; raises SourceError."""
    with _refusing(root, shard):
        archive = open_archive(root / shard.file)
        found = [_parse_row(row, archive, shard) for row in _read_rows(root, shard)]
    yield from found


def read_stored_rows(root: Place, shard: Shard) -> Iterator[dict[str, Any]]:
    """Yield what a Parquet shard says of each of its pairs; raises SourceError."""
    with _refusing(root, shard):
        archive = open_archive(root / shard.file)
        for *_, place in _read_rows(root, shard):
            member = _parse_member(archive, *place)
            if member.size > ROW_BYTES:
                raise ValueError(f"{member}: {member.size} bytes, the limit is {ROW_BYTES}")
            yield dict(strict_json.parse(member.read_bytes()))


def table_of(file: str) -> str:
    """Return the name of a shard's table: beside a tar; apart from Parquet, whose readers take all of a folder.

    Examples
    --------
    >>> table_of("test/shard-000000.tar"), table_of("data/test-00000-of-00002.parquet")
    ('test/shard-000000.json', 'tables/test-00000-of-00002.json')
    """
    name = PurePosixPath(file)
    return f"tables/{name.stem}.json" if name.suffix == ".parquet" else str(name.with_suffix(".json"))


@contextlib.contextmanager
def _refusing(root: Place, shard: Shard) -> Iterator[None]:
    """Turn an error in reading the table of a shard into a SourceError."""
    try:
        yield
    except _BROKEN as error:
        raise SourceError(f"{root / table_of(shard.file)}: not the table of {shard.file} ({error})") from error


def _read_rows(root: Place, shard: Shard) -> list[Any]:
    data = places.read_bytes(root / table_of(shard.file), strict_json.MOST_BYTES)
    if hashlib.sha256(data).hexdigest() != shard.table_sha256:
        raise ValueError("its sha256 is not the one in the index")
    rows = strict_json.parse(data)["rows"]
    if len(rows) != shard.pairs:
        raise ValueError(f"{len(rows)} pairs, the index says {shard.pairs}")
    return list(rows)


def _parse_index(content: Mapping[str, Any]) -> Iterator[Shard]:
    if content["format"] not in _FILES or content["version"] != VERSION:
        raise ValueError(f"{content['format']!r} version {content['version']!r}")
    for entry in content["shards"]:
        shard = Shard(
            str(entry["file"]),
            int(entry["pairs"]),
            int(entry["bytes"]),
            str(entry["sha256"]),
            str(entry["table_sha256"]),
        )
        if not _FILES[content["format"]].fullmatch(shard.file):
            raise ValueError(f"names {shard.file[:80]!r}")
        yield shard


def _parse_row(row: list[Any], archive: Archive | StoredObject, shard: Shard) -> tuple[int, PairPaths]:
    position, name_of_set, name, *parts = row
    composite, mask, real = (_parse_member(archive, *part) for part in parts[:3])
    stem = PurePosixPath(name).stem  # the real picture is named after its composite here: iHarmony4's form is left
    photo = split_name(stem)[1] or stem
    return int(position), PairPaths(str(name_of_set), str(name), composite, mask, real, shard.split, photo)


def _parse_member(archive: Archive | StoredObject, name: str, offset: int, size: int) -> Member:
    if not (type(offset) is type(size) is int and isinstance(name, str)):
        raise ValueError(f"{name!r}: offset {offset!r} and size {size!r}, wanted whole numbers")
    if size > inputs.PICTURE_BYTES:
        raise ValueError(f"{name}: {size} bytes, the limit is {inputs.PICTURE_BYTES}")
    if not 0 <= offset <= offset + size <= archive.size:
        raise ValueError(f"{name}: bytes {offset} to {offset + size} of {archive.size}")
    return Member(archive, name, offset, size)
