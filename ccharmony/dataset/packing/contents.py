"""The contents of a packed dataset: its pairs in order, their files with sizes, and their rows of the manifest."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony import inputs, records
from ccharmony.dataset import checksums, tables
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import shards
from ccharmony.dataset.formats.pair_files import PARTS, PairPaths
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, SourceError


@dataclass(frozen=True)
class File:
    """A picture to pack, as it is on disk.

    Attributes
    ----------
    path
        The file.
    name
        Path below its dataset, with forward slashes.
    size, time
        Bytes, and time of the last change in nanoseconds.
    sha256
        Its hash in the manifest; empty where there is none.
    """

    path: Path
    name: str
    size: int
    time: int
    sha256: str = ""

    def read(self) -> tuple[bytes, str]:
        """Return the bytes and their sha256.

        Raises
        ------
        SourceError
            The file cannot be read, or its size has changed since packing began.
        ManifestError
            It is not the file that the manifest names.
        """
        try:
            data = inputs.read_bytes(self.path, inputs.PICTURE_BYTES)
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read ({error.strerror})") from error
        if len(data) != self.size:
            raise SourceError(f"{self.path}: {len(data)} bytes, {self.size} when packing began")
        digest = hashlib.sha256(data).hexdigest()
        if self.sha256 and digest != self.sha256:
            raise ManifestError(f"{self.path}: sha256 {digest[:12]}..., the manifest says {self.sha256[:12]}...")
        return data, digest


@dataclass(frozen=True)
class Entry:
    """One pair to pack.

    Attributes
    ----------
    position
        Its position among all pairs, in the order of the lists; readers restore that order.
    set, name, split
        As in `ccharmony.dataset.formats.pair_files.PairPaths`.
    composite, mask, real
        Its files; several pairs may share a mask and a real picture.
    row
        The other columns of its row in the manifest; empty for datasets without one.
    """

    position: int
    set: str
    name: str
    split: str
    composite: File
    mask: File
    real: File
    row: Mapping[str, Any]

    @property
    def files(self) -> tuple[File, File, File]:
        """Return composite, mask and real picture."""
        return self.composite, self.mask, self.real

    @property
    def size(self) -> int:
        """Return the bytes of the three files."""
        return sum(file.size for file in self.files)

    def describe(self, digests: tuple[str, str, str]) -> dict[str, Any]:
        """Return the row that is packed with the pair: names, hashes of files and row, and the manifest's columns."""
        names = {part: file.name for part, file in zip(PARTS, self.files, strict=True)}
        hashes = {f"{part}_sha256": digest for part, digest in zip(PARTS, digests, strict=True)}
        said = {"set": self.set, "name": self.name, "split": self.split}
        return checksums.seal({**said, **names, **self.row, **hashes})


def read_contents(root: Path, *, strict: bool = False) -> tuple[list[Entry], list[str]]:
    """Find the pairs to pack.

    Parameters
    ----------
    root
        Dataset in iHarmony4's layout, or a root that holds several.
    strict
        Whether the first broken pair is an error.

    Returns
    -------
    tuple[list[Entry], list[str]]
        The complete pairs in the order of the lists, and one line for each broken pair, which is left out.

    Raises
    ------
    SourceError
        There is no dataset, a composite is listed twice, or with `strict` a pair is broken.
    ManifestError
        A manifest cannot be read, or lacks a pair that is listed.
    """
    if not root.is_dir() or shards.is_packed(root):
        raise SourceError(f"{root}: not a folder in iHarmony4's layout, wanted one to pack")
    pairs, problems = find_pairs(root, "all", strict=strict)
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        key = (pair.set, Path(pair.name).stem.lower())
        if key in seen:
            raise SourceError(f"{root}: {pair.set}/{pair.name} is listed twice, wanted each composite once")
        seen.add(key)
    return list(_enter(pairs)), problems


def digest_contents(entries: Iterable[Entry], options: str) -> str:
    """Return a digest of what is packed: the options, and name, size and known hash of every file; not their times."""
    found = hashlib.sha256(options.encode())
    for entry in entries:
        stamps = [(file.name, file.size, file.sha256) for file in entry.files]
        found.update(f"{entry.set} {entry.name} {entry.split} {stamps}\n".encode())
    return found.hexdigest()


def newest_change(entries: Iterable[Entry]) -> int:
    """Return when the last of all files was changed, in nanoseconds."""
    return max(file.time for entry in entries for file in entry.files)


def _enter(pairs: Iterable[PairPaths]) -> Iterable[Entry]:
    manifests: dict[Path, dict[str, records.Pair]] = {}
    files: dict[tuple[Path, str], File] = {}
    for position, pair in enumerate(pairs):
        folder = _dataset_of(pair)
        if folder not in manifests:
            manifests[folder] = _read_manifest(folder / tables.MANIFEST)
        row = _row_of(pair, folder, manifests[folder])
        wanted_files = [(Path(str(getattr(pair, part))), str(row.get(f"{part}_sha256", ""))) for part in PARTS]
        for path, wanted in wanted_files:
            if (path, wanted) not in files:
                files[path, wanted] = _stat(path, folder, wanted)
        composite, mask, real = (files[key] for key in wanted_files)
        rest = {name: cell for name, cell in row.items() if name not in PARTS and not name.endswith("_sha256")}
        yield Entry(position, pair.set, pair.name, pair.split, composite, mask, real, rest)


def _dataset_of(pair: PairPaths) -> Path:
    """Return the folder that holds the pair's three files, in folders of their own."""
    return Path(os.path.commonpath([str(getattr(pair, part)) for part in PARTS]))


def _read_manifest(path: Path) -> dict[str, records.Pair]:
    rows = read_manifest(path) if path.is_file() else []
    return {Path(row.composite).name: row for row in rows}


def _row_of(pair: PairPaths, folder: Path, rows: Mapping[str, records.Pair]) -> dict[str, Any]:
    if not rows:
        return {}
    if pair.name not in rows:
        raise ManifestError(f"{folder}: {pair.name} is listed, {tables.MANIFEST} has no row for it")
    return dataclasses.asdict(rows[pair.name])


def _stat(path: Path, folder: Path, sha256: str) -> File:
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    return File(path, path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns, sha256)
