"""A built dataset, one folder, checked: its hashes, its tables against each other, and its pictures."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccharmony import inputs
from ccharmony.dataset import check_pixels, checksums, fits, tables
from ccharmony.dataset.check_tables import check_report, check_tables
from ccharmony.dataset.checksums import Checksum
from ccharmony.dataset.fits import Fits
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError
from ccharmony.progress import Progress
from ccharmony.records import Pair

NO_HASHES = "no hashes of its tables: written by an earlier version"


@dataclass
class Verdict:
    """The result of a verification.

    Attributes
    ----------
    pairs, photos
        Counts.
    problems
        One line each; a flawless dataset has none.
    notes
        What could not be checked.
    """

    pairs: int = 0
    photos: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify_folder(root: Path, *, deep: bool = False, progress: Progress | None = None) -> Verdict:
    """Check a folder: hashes of all files, the tables against each other, and the pictures that no hash vouches for.

    Parameters
    ----------
    root
        The dataset.
    deep
        Whether every picture is decoded, every composite relit again from the real picture, and ΔE, clipped share and
        fits are measured again.
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
    found, lights = _read_checksums(root, verdict), _read_lights(root, verdict)
    known, sha256 = found or (None, "")
    verdict.problems += check_report(root, rows, sha256)
    verdict.problems += check_tables(root, rows, lights, known)
    if deep and lights:
        verdict.problems += filter(None, map(check_pixels.check_fit, lights))
    check = _Pictures(root, known, lights if deep else None)
    foregrounds = _by_foreground(rows)
    for count, group in enumerate(foregrounds, start=1):
        verdict.problems += check.check(group, deep=deep)
        if progress:
            progress("verify", count, len(foregrounds))
    return verdict


def _read_checksums(root: Path, verdict: Verdict) -> tuple[dict[str, Checksum], str] | None:
    """Return the dataset's checksums and the hash of their table; note what is wrong with them."""
    try:
        found = checksums.read_checksums(root)
    except ManifestError as error:
        verdict.problems.append(str(error))
        return None
    if found is None and not tables.is_sealed(root):
        verdict.notes.append(NO_HASHES)
    return found


def _read_lights(root: Path, verdict: Verdict) -> Fits | None:
    try:
        return fits.read_fits(root / tables.FITS)
    except ManifestError as error:
        verdict.problems.append(str(error))
        return None


def _by_foreground(rows: Sequence[Pair]) -> list[list[Pair]]:
    groups: dict[str, list[Pair]] = defaultdict(list)
    for row in rows:
        groups[row.mask].append(row)
    return list(groups.values())


class _Pictures:
    """Checks the pictures of one foreground after the other; a file that several share is read once.

    A picture with the hash that the build wrote is as the build made it, and is decoded only when that is asked for.
    """

    def __init__(self, root: Path, known: Mapping[str, Checksum] | None, lights: Fits | None) -> None:
        self.root = root
        self._known = known
        arithmetic = tables.read_arithmetic(root)
        self._lights = {record.id: record for record in lights or ()} if arithmetic else {}
        self._soft, self._arithmetic = tables.is_soft(root), arithmetic or "float"
        self._vouched: dict[str, bool] = {}
        self._absent: set[str] = set()

    def check(self, rows: Sequence[Pair], *, deep: bool) -> Iterator[str]:
        """Yield one line for each problem of a foreground's pictures."""
        pictures = tables.pictures_of(rows)
        for name, sha256 in pictures.items():
            if name not in self._vouched:
                yield from self._check_hash(name, sha256)
        if self._absent.isdisjoint(pictures) and (deep or not all(self._vouched[name] for name in pictures)):
            yield from check_pixels.check_foreground(
                self.root, rows, self._lights, soft=self._soft, arithmetic=self._arithmetic
            )

    def _check_hash(self, name: str, wanted: str) -> Iterator[str]:
        """Compare a picture with the manifest and with checksums.csv."""
        try:
            found = hashlib.sha256(inputs.read_bytes(self.root / name, inputs.PICTURE_BYTES)).hexdigest()
        except OSError as error:
            self._vouched[name] = False
            self._absent.add(name)
            yield f"{name}: absent" if isinstance(error, FileNotFoundError) else f"{name}: cannot be read ({error})"
            return
        written = self._known.get(name) if self._known is not None else None
        self._vouched[name] = written is not None and written.sha256 == found
        if found != wanted:
            yield f"{name}: sha256 {found[:12]}..., the manifest says {wanted[:12]}..."
        elif written is not None and written.sha256 != found:
            yield f"{name}: sha256 {found[:12]}..., {checksums.NAME} says {written.sha256[:12]}..."
