"""The tables of a built dataset checked against each other and against the hashes that the build wrote; no pixels.

Contents: :func:`check_tables`, :func:`check_report`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ccharmony import inputs, outputs, strict_json
from ccharmony.dataset import checksums, tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.checksums import Checksum
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.fits import Fits
from ccharmony.dataset.formats import lists
from ccharmony.dataset.formats.pair_files import Split
from ccharmony.errors import CcharmonyError
from ccharmony.listing import is_litter
from ccharmony.records import FitRecord, Pair

_BORROWED = "borrowed:"
_SHOWN = 20


def check_tables(
    root: Path, rows: Sequence[Pair], lights: Fits | None, known: Mapping[str, Checksum] | None
) -> Iterator[str]:
    """Check what needs no picture.

    Parameters
    ----------
    root
        The dataset.
    rows
        Its manifest.
    lights
        Its fits.h5; None where that cannot be read.
    known
        Its checksums; None where it has none.

    Yields
    ------
    str
        One line a problem.
    """
    if known is not None:
        yield from _check_hashes(root, rows, known)
        yield from _check_strangers(root, known)
    yield from _check_splits(rows)
    yield from _check_names(root, rows)
    for split in lists.SPLITS:
        yield from _check_list(root, rows, split)
    yield from _check_lights(rows, lights) if lights else ()


def check_report(root: Path, rows: Sequence[Pair], sums_sha256: str) -> Iterator[str]:
    """Check build.json: its own hash, that of checksums.csv (empty where there is none), and its counts.

    Yields
    ------
    str
        One line a problem.
    """
    path = root / tables.REPORT
    try:
        data = inputs.read_bytes(path, strict_json.MOST_BYTES)
        content = strict_json.parse(data)
        if not isinstance(content, dict):
            raise ValueError(f"{type(content).__name__} found, an object wanted")
    except (OSError, ValueError) as error:
        yield f"{path}: cannot be read ({inputs.why(error)})"
        return
    if checksums.SEAL in content or sums_sha256:
        if not checksums.is_sealed(content):
            yield f"{path}: is not what the build wrote, its {checksums.SEAL} is another"
        elif checksums.is_respaced(data, content, indent=2):
            yield f"{path}: is spaced otherwise than the build wrote it"
    if content.get(tables.CHECKSUMS, "") != sums_sha256:
        yield f"{root / checksums.NAME}: {'is not what' if sums_sha256 else 'absent;'} {tables.REPORT} has its sha256"
    if not isinstance(content.get("seconds"), int | float):
        yield f"{path}: seconds {content.get('seconds')!r}, wanted a number"
    counted = BuildReport()
    counted.count(rows)
    for name in ("photos", "foregrounds", "pairs"):
        if content.get(name) != (found := getattr(counted, name)):
            yield f"{path}: {name} {content.get(name)}, {tables.MANIFEST} has {found}"


def _check_hashes(root: Path, rows: Sequence[Pair], known: Mapping[str, Checksum]) -> Iterator[str]:
    """Compare tables with their hashes, and name the rows of the manifest that changed."""
    pictures = tables.pictures_of(rows)
    for name, line in known.items():
        if not name.startswith(tables.PICTURE_FOLDERS) and not checksums.is_file_whole(root / name, line, check=True):
            yield f"{name}: {'is not what the build wrote' if inputs.is_file(root / name) else 'absent'}"
    by_name = {row.composite: row for row in rows}
    listed = {name: line for name, line in known.items() if line.row}
    both = sorted(listed.keys() & by_name.keys())
    changed = (name for name in both if checksums.digest_row(by_name[name]) != listed[name].row)
    yield from _some(f"{tables.MANIFEST}: the row of {name} is not what the build wrote" for name in changed)
    yield from _some(f"{tables.MANIFEST}: no row of {name}" for name in sorted(listed.keys() - by_name.keys()))
    yield from _some(f"{checksums.NAME}: no line of {name}" for name in sorted(pictures.keys() - known.keys()))


def _check_strangers(root: Path, known: Mapping[str, Checksum]) -> Iterator[str]:
    """Name what lies beside the tables and is no part of the dataset, such as a list that a reader would take."""
    own = {tables.REPORT, checksums.NAME, tables.SOURCES, *tables.FOLDERS, *known}
    found = {path.name for path in root.glob("*") if not is_litter(path.name)}
    yield from _some(f"{name}: no part of the dataset, {checksums.NAME} lacks it" for name in sorted(found - own))
    yield from filter(None, [outputs.check_marker(root, tables.MAKERS)])


def _check_splits(rows: Sequence[Pair]) -> Iterator[str]:
    """Check that no photo, and no picture under two names, is in train and in test."""
    splits: dict[str, set[str]] = defaultdict(set)
    reals: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        splits[row.photo].add(row.split)
        reals[row.real_sha256].setdefault(row.split, row.real)
    yield from _some(f"{photo}: in train and in test" for photo, found in splits.items() if len(found) > 1)
    yield from _some(
        f"{' and '.join(found.values())}: the same picture in train and in test"
        for found in reals.values()
        if len(found) > 1
    )
    yield from _some(f"{row.composite}: its donor is its own photo" for row in rows if row.donor == row.photo)
    yield from _some(
        f"{row.composite}: donor {row.donor} is of the other split"
        for row in rows
        if row.split not in splits.get(row.donor, {row.split})
    )


def _check_names(root: Path, rows: Sequence[Pair]) -> Iterator[str]:
    """Check that each composite has one row, and that the folders hold what rows name."""
    counts = Counter(row.composite for row in rows)
    yield from _some(f"{name}: named twice" for name, count in sorted(counts.items()) if count > 1)
    if list(rows) != sorted(rows, key=tables.manifest_order):
        yield f"{tables.MANIFEST}: rows in another order, wanted them by photo, foreground and number"
    named = tables.pictures_of(rows)
    for folder in tables.FOLDERS:
        found = {f"{folder}/{path.name}" for path in (root / folder).glob("*")}
        yield from _some(f"{name}: no row of the manifest names it" for name in sorted(found - named.keys()))


def _check_list(root: Path, rows: Sequence[Pair], split: Split) -> Iterator[str]:
    """Read the list through the reader that training uses, and compare with the manifest."""
    wanted = Counter(Path(row.composite).name for row in rows if row.split == split)
    try:
        lines = Counter(line.name for line in lists.read_lists(root, split))
        pairs, problems = find_pairs(root, split) if wanted or lines else ([], [])
    except CcharmonyError as error:
        yield str(error)
        return
    yield from problems
    yield from _some(f"{name}: listed twice in the list of {split}" for name, count in lines.items() if count > 1)
    found = Counter(pair.name for pair in pairs)
    differing = sorted(((found - wanted) + (wanted - found)).elements())
    if differing:
        yield f"{root}: list of {split} and manifest differ in {len(differing)} names, such as {differing[0]}"


def _check_lights(rows: Sequence[Pair], lights: Fits) -> Iterator[str]:
    """Compare each row with the lights of its photo and its donor."""
    by_id = {record.id: record for record in lights}
    needed = {row.donor for row in rows} | {row.photo for row in rows if not row.fit_kind.startswith(_BORROWED)}
    yield from _some(f"{photo}: no row in {tables.FITS}" for photo in sorted(needed - by_id.keys()))
    yield from _some(problem for row in rows for problem in _compare(row, by_id.get(row.photo), by_id.get(row.donor)))


def _compare(row: Pair, own: FitRecord | None, donor: FitRecord | None) -> Iterator[str]:
    said: list[tuple[str, str, str]] = []
    if own is not None and not row.fit_kind.startswith(_BORROWED):
        said += [(name, getattr(row, name), getattr(own, name)) for name in ("camera", "source", "split")]
        said.append(("fit_kind", row.fit_kind, own.kind))
    if donor is not None:
        said += [("donor_fit_kind", row.donor_fit_kind, donor.kind), ("split", row.split, donor.split or row.split)]
    for name, found, wanted in said:
        if found != wanted:
            yield f"{row.composite}: {name} {found!r}, {tables.FITS} has {wanted!r}"


def _some(problems: Iterator[str]) -> Iterator[str]:
    """Yield the first twenty problems of one kind, and how many more there are."""
    more = 0
    for number, problem in enumerate(problems):
        if number < _SHOWN:
            yield problem
        more = max(0, number + 1 - _SHOWN)
    if more:
        yield f"and {more} more of this kind"
