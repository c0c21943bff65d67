"""Datasets verified: packed ones here, folders by `ccharmony.dataset.verify`; :func:`verify_dataset` takes either."""

from __future__ import annotations

import hashlib
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ccharmony import inputs, strict_json
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.formats.pair_files import PARTS, PairPaths
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.verify import Verdict, verify_folder
from ccharmony.errors import ImageError
from ccharmony.files import StrPath
from ccharmony.images import pixels
from ccharmony.images.headers import Readable
from ccharmony.progress import Progress

_ROW_BYTES = 64 * 2**10
"""Of the JSON of a pair, and of the header of a long name; both have some hundred."""

Rows = Mapping[tuple[str, str], Mapping[str, Any]]


def is_packed(root: Path) -> bool:
    """Return whether a path is what `ccharmony pack` writes."""
    return shards.is_packed(root) or hdf5.is_packed(root)


def verify_dataset(root: StrPath, *, progress: Progress | None = None) -> Verdict:
    """Check a dataset: a built folder, or what `ccharmony pack` made of one.

    Parameters
    ----------
    root
        The folder of the dataset, the folder of its shards, or its HDF5 file.
    progress
        Called with "verify", the foregrounds (of a packed dataset: the pairs) checked and their number.

    Returns
    -------
    Verdict
        Counts, and one line for each problem.

    Raises
    ------
    ManifestError
        The folder holds no manifest that can be read.
    SourceError
        The index or a table of a packed dataset is damaged, or a shard is incomplete.
    """
    path = Path(root)
    return (verify_packed if is_packed(path) else verify_folder)(path, progress=progress)


def verify_packed(root: Path, *, progress: Progress | None = None) -> Verdict:
    """Check shards or an HDF5 file: hashes, the rows packed with the pairs, sizes, and that every picture can be read.

    Parameters
    ----------
    root
        Shards or a file that `ccharmony pack` wrote.
    progress
        Called with "verify", the pairs checked and their number.

    Returns
    -------
    Verdict
        Counts, and one line for each problem.

    Raises
    ------
    SourceError
        The index or a table is damaged, or a shard is incomplete.
    """
    pairs, _ = find_pairs(root, "all")
    verdict = Verdict(len(pairs), len({(pair.set, _real_of(pair)) for pair in pairs}))
    rows, problems = _read_rows(root)
    verdict.problems += problems
    checked: dict[str, str] = {}
    splits: dict[str, set[str]] = defaultdict(set)
    for count, pair in enumerate(pairs, start=1):
        row = rows.get((pair.set, pair.name), {})
        splits[str(row.get("real_sha256", ""))].add(pair.split)
        verdict.problems += _check_pair(pair, row, checked)
        if progress:
            progress("verify", count, len(pairs))
    leaks = sorted(sha256 for sha256, found in splits.items() if sha256 and len(found) > 1)
    verdict.problems += [f"real picture {sha256[:12]}...: in train and in test" for sha256 in leaks]
    return verdict


def _real_of(pair: PairPaths) -> str:
    return Path(pair.name).stem.rpartition("_")[0].rpartition("_")[0]


def _read_rows(root: Path) -> tuple[Rows, list[str]]:
    """Return the row packed with each pair, by set and name, and what is wrong with the shards as files."""
    problems: list[str] = []
    if hdf5.is_packed(root):
        found = hdf5.read_rows(root)
    else:
        found = []
        for shard in shards.read_index(root):
            problems += _check_shard(root, shard)
            try:
                found += list(_rows_of(root / shard.file))
            except (tarfile.TarError, ValueError, OSError) as error:
                problems.append(f"{root / shard.file}: not a tar of pairs ({error})")
    return {(str(row.get("set")), str(row.get("name"))): row for row in found}, problems


def _check_shard(root: Path, shard: Shard) -> Iterator[str]:
    with inputs.open_binary(root / shard.file) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != shard.sha256:
        yield f"{root / shard.file}: sha256 {digest[:12]}..., {shards.INDEX} says {shard.sha256[:12]}..."


class _RegularMember(tarfile.TarInfo):
    """A member that is a file inside the folder; links, devices and headers of gigabytes are no part of a shard."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _RegularMember:
        """Return the member that a header describes; raises ValueError where it is none of a shard."""
        member = super().frombuf(buf, encoding, errors)
        is_name = member.type == tarfile.XHDTYPE and member.size <= _ROW_BYTES
        if not is_name and member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise ValueError(f"member {member.name!r} of type {member.type!r} and {member.size} bytes, wanted files")
        return member


def _rows_of(tar: Path) -> Iterator[dict[str, Any]]:
    with tarfile.open(tar, "r:", tarinfo=_RegularMember) as file:
        for member in file:
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise ValueError(f"member {member.name!r} leads out of the folder")
            stream = file.extractfile(member) if member.name.endswith(".json") else None
            if stream is not None:
                row = strict_json.parse(stream.read(_ROW_BYTES + 1), most=_ROW_BYTES)
                if not isinstance(row, dict):
                    raise ValueError(f"{member.name} is no row")
                yield row


def _check_pair(pair: PairPaths, row: Mapping[str, Any], checked: dict[str, str]) -> Iterator[str]:
    """Check the three files of a pair; `checked` stores the hashes of files that several pairs share."""
    if not row:
        yield f"{pair.set}/{pair.name}: no row is packed with it"
        return
    if row.get("split") != pair.split:
        yield f"{pair.set}/{pair.name}: split {pair.split!r}, its row says {row.get('split')!r}"
    for part in PARTS:
        yield from _check_hash(getattr(pair, part), str(row.get(f"{part}_sha256")), checked)
    try:
        composite, real = pixels.read_image(pair.composite), pixels.read_image(pair.real)
        mask = pixels.read_mask(pair.mask, shape=(real.shape[0], real.shape[1]))
    except ImageError as error:
        yield str(error)
        return
    if composite.shape != real.shape:
        yield f"{pair.composite}: shape {composite.shape}, its real picture has {real.shape}"
    if not mask.any():
        yield f"{pair.mask}: empty"


def _check_hash(file: Readable, wanted: str, checked: dict[str, str]) -> Iterator[str]:
    key = repr(file)
    try:
        if key not in checked:
            checked[key] = hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ImageError) as error:
        yield f"{file}: cannot be read ({error})"
        return
    if checked[key] != wanted:
        yield f"{file}: sha256 {checked[key][:12]}..., its row says {wanted[:12]}..."
