"""Several built datasets joined into one: ids that clash get a number, splits stay, pictures are linked or copied."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ccharmony import files
from ccharmony.dataset import tables, write_tables
from ccharmony.dataset.build_report import BuildReport
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.formats import pair_folder
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ManifestError, OutputError, SettingsError
from ccharmony.files import StrPath
from ccharmony.outputs import Job, claim_folder
from ccharmony.records import FIT_ARRAYS, FitRecord, Pair

_JOB = Job("ccharmony merge", tables.FOLDERS)


@dataclass(frozen=True)
class _Part:
    """One of the datasets, its rows and lights under their new ids."""

    root: Path
    before: tuple[Pair, ...]
    after: tuple[Pair, ...]


def merge_datasets(roots: Sequence[StrPath], out: StrPath) -> BuildReport:
    """Join datasets into a new one.

    Parameters
    ----------
    roots
        Built datasets, two or more. A photo whose id is used already is renamed ``<id>-2``, ``-3`` and so on.
    out
        Folder of the new dataset; absent, empty, or left by a merge that was stopped.

    Returns
    -------
    BuildReport
        Counts by split; a line for each id that was renamed.

    Raises
    ------
    ManifestError
        A dataset cannot be read, or a picture is in train of one and in test of another.
    OutputError
        The folder holds something else, or a dataset that is finished, or cannot be written.
    SettingsError
        Fewer than two datasets are named.
    """
    if isinstance(roots, str | os.PathLike):
        raise SettingsError(f"{os.fspath(roots)}: one dataset to merge, wanted a list of two or more")
    folders, out = [Path(root) for root in roots], Path(out)
    if len(folders) < 2:
        raise SettingsError(f"{len(folders)} datasets to merge, wanted two or more")
    with claim_folder(out, _JOB, folders):
        if tables.read_report(out):
            raise OutputError(f"{out}: holds a finished dataset, wanted a new or an empty folder")
        return _merge(folders, out)


def _merge(folders: Sequence[Path], out: Path) -> BuildReport:
    report, fits = BuildReport(), dict[str, FitRecord]()
    parts = [_rename(root, fits, report) for root in folders]
    rows = sorted((row for part in parts for row in part.after), key=tables.manifest_order)
    _refuse_leaks(rows)
    for folder in tables.FOLDERS:
        files.make_folder(out / folder)
    for part in parts:
        _link_pictures(part, out)
    report.count(rows)
    write_tables.write_tables(out, rows, fits, _settings(folders), report.as_dict())
    return report


def _rename(root: Path, fits: dict[str, FitRecord], report: BuildReport) -> _Part:
    """Give a dataset's ids names that are free, and add its lights to `fits`."""
    rows = tuple(read_manifest(root / tables.MANIFEST))
    lights = {record.id: record for record in read_fits(root / tables.FITS).records}
    photos = {row.photo for row in rows}
    names = {name: _free(name, lights.get(name), fits, name in photos) for name in sorted(photos | set(lights))}
    for name, record in lights.items():
        fits.setdefault(names[name], dataclasses.replace(record, id=names[name]))
    renamed = [f"{root.name}: {old} is now {new}" for old, new in names.items() if old != new and old in photos]
    report.found.append(f"{root.name}: {len(rows)} pairs of {len(photos)} photos")
    report.problems += renamed
    return _Part(root, rows, tuple(_renamed(row, names) for row in rows))


def _free(name: str, record: FitRecord | None, used: Mapping[str, FitRecord], has_pictures: bool) -> str:
    """Return the id if it is free, or names only a light and that light is the same; else a numbered id."""
    if name not in used or (record is not None and not has_pictures and _same_light(record, used[name])):
        return name
    return next(new for new in _numbered(name) if new not in used)


def _numbered(name: str) -> Iterator[str]:
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _same_light(first: FitRecord, second: FitRecord) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True) for name in FIT_ARRAYS)


def _renamed(row: Pair, names: Mapping[str, str]) -> Pair:
    photo = names[row.photo]
    composite, mask, real = (PurePosixPath(path) for path in (row.composite, row.mask, row.real))
    return dataclasses.replace(
        row,
        photo=photo,
        donor=names.get(row.donor, row.donor),
        composite=f"{pair_folder.COMPOSITES}/{photo}{composite.name.removeprefix(row.photo)}",
        mask=f"{pair_folder.MASKS}/{photo}{mask.name.removeprefix(row.photo)}",
        real=f"{pair_folder.REALS}/{photo}{real.suffix}",
    )


def _refuse_leaks(rows: Sequence[Pair]) -> None:
    """Refuse a picture that would be trained on and tested with."""
    split: dict[str, Pair] = {}
    for row in rows:
        first = split.setdefault(row.real_sha256, row)
        if first.split != row.split:
            raise ManifestError(f"{row.photo}: in {row.split}, the same picture is {first.photo} in {first.split}")


def _link_pictures(part: _Part, out: Path) -> None:
    names = {
        (old, new)
        for before, after in zip(part.before, part.after, strict=True)
        for old, new in ((before.composite, after.composite), (before.mask, after.mask), (before.real, after.real))
    }
    for old, new in sorted(names):
        _link(part.root / old, out / new)


def _link(source: Path, target: Path) -> None:
    """Link the file of the dataset that it comes from where the file system can do that; copy it elsewhere."""
    try:
        target.unlink(missing_ok=True)  # of a merge that was stopped: a copy would be written into its linked file
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    except OSError as error:
        raise OutputError(f"{target}: {source} cannot be copied there ({error.strerror})") from error


def _settings(roots: Sequence[Path]) -> dict[str, object]:
    soft = any(tables.is_soft(root) for root in roots)
    return {"merged": [root.name for root in roots], "pair": {"soft": soft}}
