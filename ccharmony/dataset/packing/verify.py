"""Datasets verified: packed ones here, folders by `ccharmony.dataset.verify`; :func:`verify_dataset` takes either."""

from __future__ import annotations

import hashlib
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccharmony import inputs, outputs, strict_json
from ccharmony.dataset import checksums
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.formats.pair_files import PARTS, Member, PairPaths
from ccharmony.dataset.formats.shards import Shard
from ccharmony.dataset.verify import NO_HASHES, Verdict, verify_folder
from ccharmony.errors import ImageError, SourceError
from ccharmony.files import StrPath
from ccharmony.images import pixels
from ccharmony.images.readable import Readable
from ccharmony.progress import Progress
from ccharmony.stores import places
from ccharmony.urls import Place, Url, as_place

_MAKER = "ccharmony pack"

Rows = Mapping[tuple[str, str], Mapping[str, Any]]


def is_packed(root: Place) -> bool:
    """Return whether a path is what `ccharmony pack` writes; at a URL nothing else is read."""
    return isinstance(root, Url) or shards.is_packed(root) or hdf5.is_packed(root)


def verify_dataset(root: StrPath | Url, *, deep: bool = False, progress: Progress | None = None) -> Verdict:
    """Check a dataset: a built folder, or what `ccharmony pack` made of one.

    Parameters
    ----------
    root
        The folder of the dataset, the folder of its shards or their URL in an object store, or its HDF5 file.
    deep
        Whether every picture is decoded; in a folder, composites are also relit and measured again.
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
    StoreError
        The object store cannot be asked.
    """
    place = as_place(root)
    if isinstance(place, Url) or is_packed(place):
        return verify_packed(place, deep=deep, progress=progress)
    return verify_folder(place, deep=deep, progress=progress)


def verify_packed(root: Place, *, deep: bool = False, progress: Progress | None = None) -> Verdict:
    """Check shards or an HDF5 file: the hashes of its files, tables, rows and pictures, and that they fit together.

    Parameters
    ----------
    root
        Shards or a file that `ccharmony pack` wrote, or the URL of shards.
    deep
        Whether every picture is decoded; otherwise those that no build of ccharmony made.
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
    StoreError
        The object store cannot be asked.
    """
    pairs, _ = find_pairs(root, "all")
    verdict = Verdict(len(pairs), len({(pair.set, _real_of(pair)) for pair in pairs}))
    in_one_file = isinstance(root, Path) and hdf5.is_packed(root)
    found = _read_hdf5(Path(str(root)), verdict) if in_one_file else _read_shards(root, verdict)
    check = _Pairs(found, deep)
    for count, pair in enumerate(pairs, start=1):
        verdict.problems += check.check(pair)
        if progress:
            progress("verify", count, len(pairs))
    verdict.problems += check.leaks()
    return verdict


@dataclass(frozen=True)
class _Packed:
    """What is packed beside the pictures: the row of each pair by set and name, and the tars whose hash is right."""

    rows: Rows
    whole: frozenset[str] = frozenset()


def _real_of(pair: PairPaths) -> str:
    return Path(pair.name).stem.rpartition("_")[0].rpartition("_")[0]


def _read_hdf5(root: Path, verdict: Verdict) -> _Packed:
    sealed = hdf5.is_sealed(root)
    if sealed is None:
        verdict.notes.append(NO_HASHES)
    elif not sealed:
        verdict.problems.append(f"{root}: a table is not what was packed, its sha256 is another")
    return _Packed(_by_name(hdf5.read_rows(root), str(root), verdict))


def _read_shards(root: Place, verdict: Verdict) -> _Packed:
    index = shards.read_index(root)
    verdict.problems += _check_index(root, index, verdict)
    rows: list[dict[str, Any]] = []
    whole = set()
    for shard in index:
        tar = root / shard.file
        if not (problems := list(_check_shard(root, shard))):
            whole.add(str(tar))
        verdict.problems += problems
        try:
            rows += shards.read_stored_rows(root, shard) if shard.is_parquet else _rows_of(tar)
        except (tarfile.TarError, ValueError, OSError) as error:
            verdict.problems.append(f"{tar}: not a tar of pairs ({inputs.why(error)})")
        except SourceError as error:
            verdict.problems.append(str(error))
    return _Packed(_by_name(rows, str(root), verdict), frozenset(whole))


def _by_name(rows: Sequence[dict[str, Any]], where: str, verdict: Verdict) -> Rows:
    """Return rows by set and name; note those that are there twice."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = str(row.get("set")), str(row.get("name"))
        if key in found:
            verdict.problems.append(f"{where}: two rows of {'/'.join(key)}")
        found[key] = row
    return found


def _check_index(root: Place, index: Sequence[Shard], verdict: Verdict) -> Iterator[str]:
    """Check the index's own hash and counts, and that the folder holds nothing else."""
    content = shards.read_content(root)
    if checksums.SEAL not in content:
        verdict.notes.append(NO_HASHES)
    elif not checksums.is_sealed(content):
        yield f"{root / shards.INDEX}: is not what was packed, its {checksums.SEAL} is another"
    elif checksums.is_respaced(places.read_bytes(root / shards.INDEX, strict_json.MOST_BYTES), content, indent=1):
        yield f"{root / shards.INDEX}: is spaced otherwise than it was packed"
    for name, found in shards.count(index).items():
        if content.get(name) != found:
            yield f"{root / shards.INDEX}: {name} {content.get(name)}, its shards have {found}"
    described = shards.card_of(content)
    yield from _check_card(root, described)
    named = {shards.INDEX, *described}.union(*({one.file, shards.table_of(one.file)} for one in index))
    for name in places.list_names(root):
        if name not in named and not name.rpartition("/")[2].startswith("."):
            yield f"{root / name}: {shards.INDEX} does not name it"
    if isinstance(root, Path):
        yield from filter(None, [outputs.check_marker(root, [_MAKER])])


def _check_card(root: Place, described: Mapping[str, str]) -> Iterator[str]:
    """Check the files that describe the dataset."""
    for name, sha256 in described.items():
        try:
            data = places.read_bytes(root / name, inputs.PICTURE_BYTES)
        except (OSError, ValueError) as error:
            yield f"{root / name}: cannot be read ({inputs.why(error)})"
            continue
        if hashlib.sha256(data).hexdigest() != sha256:
            yield f"{root / name}: is not what was packed"


def _check_shard(root: Place, shard: Shard) -> Iterator[str]:
    with places.open_binary(root / shard.file) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
    if digest != shard.sha256:
        yield f"{root / shard.file}: sha256 {digest[:12]}..., {shards.INDEX} says {shard.sha256[:12]}..."


class _RegularMember(tarfile.TarInfo):
    """A member that is a file inside the folder; links, devices and headers of gigabytes are no part of a shard."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _RegularMember:
        """Return the member that a header describes; raises ValueError where it is none of a shard."""
        member = super().frombuf(buf, encoding, errors)
        is_name = member.type == tarfile.XHDTYPE and member.size <= shards.ROW_BYTES
        if not is_name and member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise ValueError(f"member {member.name!r} of type {member.type!r} and {member.size} bytes, wanted files")
        return member


def _rows_of(tar: Place) -> Iterator[dict[str, Any]]:
    with places.open_binary(tar) as opened, tarfile.open(None, "r:", opened, tarinfo=_RegularMember) as file:
        for member in file:
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise ValueError(f"member {member.name!r} leads out of the folder")
            stream = file.extractfile(member) if member.name.endswith(".json") else None
            if stream is not None:
                row = strict_json.parse(stream.read(shards.ROW_BYTES + 1), most=shards.ROW_BYTES)
                if not isinstance(row, dict):
                    raise ValueError(f"{member.name} is no row")
                yield row


class _Pairs:
    """Checks the pairs of a packed dataset one after the other; a file that several share is hashed once."""

    def __init__(self, packed: _Packed, deep: bool) -> None:
        self._packed, self._deep = packed, deep
        self._hashes: dict[Readable, str] = {}
        self._splits: dict[str, set[str]] = defaultdict(set)

    def check(self, pair: PairPaths) -> Iterator[str]:
        """Yield one line for each problem of a pair."""
        row = self._packed.rows.get((pair.set, pair.name), {})
        if not row:
            yield f"{pair.set}/{pair.name}: no row is packed with it"
            return
        self._splits[str(row.get("real_sha256", ""))].add(pair.split)
        if row.get("split") != pair.split:
            yield f"{pair.set}/{pair.name}: split {pair.split!r}, its row says {row.get('split')!r}"
        problems = [problem for part in PARTS for problem in self._check_hash(pair, part, row)]
        yield from problems
        if checksums.SEAL in row and row.get("split") == pair.split and not checksums.is_sealed(row):
            yield f"{pair.set}/{pair.name}: its row is not what was packed"
        if self._deep or problems or "photo" not in row:  # the build of a row that names its photo made the pictures
            yield from _check_pictures(pair)

    def leaks(self) -> list[str]:
        """Return one line for each real picture that is in both splits."""
        found = sorted(sha256 for sha256, splits in self._splits.items() if sha256 and len(splits) > 1)
        return [f"real picture {sha256[:12]}...: in train and in test" for sha256 in found]

    def _check_hash(self, pair: PairPaths, part: str, row: Mapping[str, Any]) -> Iterator[str]:
        file, wanted = getattr(pair, part), str(row.get(f"{part}_sha256"))
        if isinstance(file, Member) and file.archive.path in self._packed.whole:
            return
        try:
            if file not in self._hashes:
                self._hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()
        except (OSError, ImageError) as error:
            yield f"{file}: cannot be read ({inputs.why(error)})"
            return
        if self._hashes[file] != wanted:
            yield f"{file}: sha256 {self._hashes[file][:12]}..., its row says {wanted[:12]}..."


def _check_pictures(pair: PairPaths) -> Iterator[str]:
    """Check that the pictures of a pair can be read and fit together."""
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
