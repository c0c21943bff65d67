"""A built dataset, one folder, checked file by file against its own manifest."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony import inputs, records
from ccharmony.arrays import UInt8
from ccharmony.dataset import fits, tables
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import CcharmonyError, ImageError, ManifestError
from ccharmony.images import pixels
from ccharmony.progress import Progress
from ccharmony.records import Pair

_JPEG_TOLERANCE = 3.0
"""Mean absolute difference, in levels, that JPEG may leave between the backgrounds of a composite and its real."""


@dataclass
class Verdict:
    """The result of a verification.

    Attributes
    ----------
    pairs, photos
        Counts.
    problems
        One line each; a flawless dataset has none.
    """

    pairs: int = 0
    photos: int = 0
    problems: list[str] = field(default_factory=list)


def verify_folder(root: Path, *, progress: Progress | None = None) -> Verdict:
    """Check a folder: counts, names, sizes, hashes, backgrounds, masks, splits, and that every pair can be read.

    Parameters
    ----------
    root
        The dataset.
    progress
        Called with "verify", the foregrounds checked and their number.

    Returns
    -------
    Verdict
        Counts, and one line for each problem.

    Raises
    ------
    ManifestError
        The folder holds no manifest that can be read.
    """
    rows = read_manifest(root / tables.MANIFEST)
    if not rows:
        raise ManifestError(f"{root / tables.MANIFEST}: no pair, wanted at least one")
    verdict = Verdict(len(rows), len({row.photo for row in rows}))
    verdict.problems += _check_tables(root, rows)
    foregrounds = _by_foreground(rows)
    for count, group in enumerate(foregrounds, start=1):
        verdict.problems += _check_foreground(root, group)
        if progress:
            progress("verify", count, len(foregrounds))
    return verdict


def _by_foreground(rows: Sequence[Pair]) -> list[list[Pair]]:
    groups: dict[str, list[Pair]] = defaultdict(list)
    for row in rows:
        groups[row.mask].append(row)
    return list(groups.values())


def _check_tables(root: Path, rows: Sequence[Pair]) -> Iterator[str]:
    """Check what needs no picture: splits, donors, lists, fits, and files that no row names."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.photo].add(row.split)
    yield from (f"{photo}: in train and in test" for photo, found in splits.items() if len(found) > 1)
    yield from (f"{row.composite}: its donor is its own photo" for row in rows if row.donor == row.photo)
    yield from (
        f"{row.composite}: donor {row.donor} is of the other split"
        for row in rows
        if row.split not in splits.get(row.donor, {row.split})
    )
    names = [row.composite for row in rows]
    yield from (f"{name}: named twice" for name in sorted(set(names)) if names.count(name) > 1)
    yield from _check_lists(root, rows)
    yield from _check_fits(root, rows)
    named = {name for row in rows for name in (row.composite, row.mask, row.real)}
    for folder in tables.FOLDERS:
        found = {f"{folder}/{path.name}" for path in (root / folder).glob("*")}
        yield from (f"{name}: no row of the manifest names it" for name in sorted(found - named))


def _check_lists(root: Path, rows: Sequence[Pair]) -> Iterator[str]:
    """Read the dataset through the reader that training uses, and compare with the manifest."""
    for split in records.SPLITS:
        wanted = {Path(row.composite).name for row in rows if row.split == split}
        try:
            pairs, problems = find_pairs(root, split) if wanted else ([], [])
        except CcharmonyError as error:
            yield str(error)
            continue
        yield from problems
        if missing := wanted.symmetric_difference(pair.name for pair in pairs):
            yield f"{root}: list of {split} and manifest differ in {len(missing)} names, such as {min(missing)}"


def _check_fits(root: Path, rows: Sequence[Pair]) -> Iterator[str]:
    try:
        ids = set(fits.read_fits(root / tables.FITS).ids)
    except ManifestError as error:
        yield str(error)
        return
    needed = {row.donor for row in rows} | {row.photo for row in rows if not row.fit_kind.startswith("borrowed:")}
    yield from (f"{photo}: no row in {tables.FITS}" for photo in sorted(needed - ids))


def _check_foreground(root: Path, group: Sequence[Pair]) -> Iterator[str]:
    """Check the pictures of one foreground; the mask and the real picture are read once."""
    first = group[0]
    mask_bytes, real_bytes = _read(root / first.mask), _read(root / first.real)
    if mask_bytes is None or real_bytes is None:
        yield f"{first.real if real_bytes is None else first.mask}: absent"
        return
    yield from _check_hash(first.mask, mask_bytes, first.mask_sha256)
    yield from _check_hash(first.real, real_bytes, first.real_sha256)
    try:
        real = pixels.read_image(root / first.real)
        mask = pixels.read_mask(root / first.mask, shape=real.shape[:2])
    except ImageError as error:
        yield str(error)
        return
    if not mask.any():
        yield f"{first.mask}: empty"
    if ((mask > 0) & (mask < 1)).any() and not tables.is_soft(root):
        yield f"{first.mask}: values between 0 and 1, wanted a binary mask"
    background = mask == 0
    for row in group:
        yield from _check_composite(root, row, real, background)


def _check_composite(
    root: Path, row: Pair, real: UInt8, background: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Iterator[str]:
    data = _read(root / row.composite)
    if data is None:
        yield f"{row.composite}: absent"
        return
    yield from _check_hash(row.composite, data, row.composite_sha256)
    try:
        composite = pixels.read_image(root / row.composite)
    except ImageError as error:
        yield str(error)
        return
    if composite.shape != real.shape:
        yield f"{row.composite}: shape {composite.shape}, its real picture has {real.shape}"
        return
    difference = np.abs(composite[background].astype(np.int16) - real[background])
    lossless = Path(row.composite).suffix.lower() == ".png"
    if difference.size and (difference.any() if lossless else difference.mean() > _JPEG_TOLERANCE):
        yield f"{row.composite}: background differs from the real picture by {difference.mean():.2f} levels"


def _check_hash(name: str, data: bytes, wanted: str) -> Iterator[str]:
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        yield f"{name}: sha256 {found[:12]}..., the manifest says {wanted[:12]}..."


def _read(path: Path) -> bytes | None:
    try:
        return inputs.read_bytes(path, inputs.PICTURE_BYTES)
    except OSError:
        return None
