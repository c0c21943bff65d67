"""fits.h5: the light of every photo, written with h5py and read by `plain_hdf5`.

One row a photo in every dataset of the file, rows in the order of the ids::

    id, camera, source, split, group, kind           text
    origin                                           text; absent where every light was read from a picture
    flags, notes                                     JSON lists of text; notes may be absent
    patches                                          (N, 24, 3) in [0, 1], release order, NaN where not measured
    to_standard, from_standard                       (N, 3, 11) on [0, 1]
    residuals/<name>                                 (N,) one figure a photo, see `residuals.Residuals`
    attributes: version, settings (JSON), standard (24, 3), unit, sha256 of all rows
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ccharmony import files, inputs, strict_json
from ccharmony.arrays import Float64
from ccharmony.color import polynomial
from ccharmony.dataset import plain_hdf5
from ccharmony.errors import ManifestError
from ccharmony.files import StrPath
from ccharmony.names import flaw
from ccharmony.records import FitRecord

MOST_BYTES = 2**30
"""Of a fits.h5; that of 350 photos has 0.5e6."""

VERSION = 1
UNIT = "sRGB-encoded, [0, 1]"
_TEXTS = ("id", "camera", "source", "split", "group", "kind")
_ORIGIN = "origin"
_LISTS = ("flags", "notes")
_RESIDUALS = "residuals"
_SHAPES = {"patches": (24, 3), "to_standard": (3, 11), "from_standard": (3, 11)}


@dataclass(frozen=True, eq=False)
class Fits:
    """All records of a file: ``fits["kitchen_A"]`` is the light of that photo, iteration gives all of them.

    Attributes
    ----------
    records
        One a photo.
    """

    records: tuple[FitRecord, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the photos' ids."""
        return tuple(record.id for record in self.records)

    @property
    def patches(self) -> Float64:
        """Return all patches, shape (N, 24, 3)."""
        return np.array([record.patches for record in self.records]).reshape(-1, 24, 3)

    @property
    def to_standard(self) -> Float64:
        """Return all T_a, shape (N, 3, 11)."""
        return np.array([record.to_standard for record in self.records]).reshape(-1, 3, 11)

    @property
    def from_standard(self) -> Float64:
        """Return all T'_a, shape (N, 3, 11)."""
        return np.array([record.from_standard for record in self.records]).reshape(-1, 3, 11)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[FitRecord]:
        return iter(self.records)

    def __contains__(self, photo: object) -> bool:
        return photo in self.ids

    def __getitem__(self, photo: str) -> FitRecord:
        """Return the record of one photo; raises ManifestError if there is none."""
        for record in self.records:
            if record.id == photo:
                return record
        raise refuse_absent(photo, [record.id for record in self.records])


def refuse_absent(photo: str, ids: Sequence[str]) -> ManifestError:
    """Return the error that a photo is none of some, with the ids that come closest."""
    close = difflib.get_close_matches(photo, ids, 3, cutoff=0.5) or sorted(ids)[:3]
    such = f", wanted an id such as {', '.join(close)}" if close else ""
    return ManifestError(f"{photo}: no fit of this photo among {len(ids)}{such}")


def write_fits(
    path: Path, records: Sequence[FitRecord], standard: Float64, settings: Mapping[str, Any] | None = None
) -> None:
    """Write fits.h5 atomically; the same records give the same bytes.

    Parameters
    ----------
    path
        The file.
    records
        One a photo.
    standard
        The standard colors that the matrices lead to, shape (24, 3), in [0, 1].
    settings
        Settings of the build; JSON-able. For people and other tools: `read_fits` ignores them.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=True) as file:
        file.attrs["version"] = VERSION
        file.attrs["unit"] = UNIT
        file.attrs["settings"] = json.dumps(settings or {}, sort_keys=True)
        file.attrs["standard"] = standard
        file.attrs["sha256"] = _digest(records)
        _write_columns(file, records)
    files.write_bytes(path, buffer.getvalue(), lasting=True)


def read_fits(path: StrPath) -> Fits:
    """Read fits.h5, the lights of a dataset.

    Parameters
    ----------
    path
        The file; a built dataset has it at its root.

    Returns
    -------
    Fits
        ``fits[photo]`` is the `FitRecord` of a photo by its id, ``fits.ids`` names them.

    Raises
    ------
    ManifestError
        The file is absent, not HDF5, of another version, changed since it was written, lacks a dataset, or holds one of
        another shape or a matrix that is not finite.
    """
    path = Path(path)
    try:
        names = (*_TEXTS, _ORIGIN, *_LISTS, *_SHAPES, _RESIDUALS)
        found = plain_hdf5.read(path, names, attributes=("version", "sha256"), most=MOST_BYTES)
        return Fits(_to_records(found))
    except FileNotFoundError as error:
        raise ManifestError(f"{path}: no such file, wanted a fits.h5") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{path}: not a fits.h5 of version {VERSION} ({inputs.why(error)})") from error


def _write_columns(file: h5py.File, records: Sequence[FitRecord]) -> None:
    columns: dict[str, list[str]] = {name: [getattr(record, name) for record in records] for name in _TEXTS}
    if any(record.origin for record in records):
        columns[_ORIGIN] = [record.origin for record in records]
    columns |= {name: [json.dumps(getattr(record, name)) for record in records] for name in _LISTS}
    for name, texts in columns.items():
        file.create_dataset(name, data=np.array(texts, dtype=object), dtype=h5py.string_dtype(), track_times=False)
    for name, shape in _SHAPES.items():
        values = np.array([getattr(record, name) for record in records], np.float64).reshape(-1, *shape)
        file.create_dataset(name, data=values, track_times=False)
    group = file.create_group(_RESIDUALS)
    for name in sorted({name for record in records for name in record.residuals}):
        figures = [record.residuals.get(name, np.nan) for record in records]
        group.create_dataset(name, data=np.array(figures, np.float64), track_times=False)


def _to_records(found: plain_hdf5.Contents) -> tuple[FitRecord, ...]:
    """Check what a file holds, and return its rows; raises ValueError or KeyError."""
    if found.attributes.get("version") != VERSION:
        raise ValueError(f"version {found.attributes.get('version')}")
    count = len(found.texts["id"])
    texts = {name: _column(found.texts, name, count) for name in _TEXTS}
    origins = _column(found.texts, _ORIGIN, count) if _ORIGIN in found.texts else [""] * count
    lists = {name: [_list(text) for text in found.texts.get(name, ["[]"] * count)] for name in _LISTS}
    arrays = {name: _numbers(found, name, (count, *shape)) for name, shape in _SHAPES.items()}
    residuals = {
        name.partition("/")[2]: _numbers(found, name, (count,))
        for name in found.numbers
        if name.startswith(f"{_RESIDUALS}/")
    }
    records = [
        FitRecord(
            **{name: texts[name][row] for name in _TEXTS},  # type: ignore[arg-type]  # names of text fields only
            **{name: arrays[name][row] for name in _SHAPES},
            **{name: lists[name][row] for name in _LISTS},  # type: ignore[arg-type]
            residuals={name: float(values[row]) for name, values in residuals.items()},
            origin=origins[row],
        )
        for row in range(count)
    ]
    _check(records, found.attributes.get("sha256"))
    return tuple(records)


def _check(records: Sequence[FitRecord], sha256: object) -> None:
    """Refuse ids that name no file, matrices that are not finite, and rows that are not those that were written."""
    for record in records:
        if reason := flaw(record.id):
            raise ValueError(f"the id {record.id!r} {reason}, wanted a name for files")
        for name in ("to_standard", "from_standard"):
            if not np.isfinite(getattr(record, name)).all():
                raise ValueError(f"{record.id}: {name} is not finite")
            if (most := float(np.abs(getattr(record, name)).max())) > polynomial.LARGEST:
                raise ValueError(f"{record.id}: {name} has a coefficient of {most:.3g}")
    if sha256 is not None and sha256 != _digest(records):  # files of earlier versions have none
        raise ValueError("its rows are not those that were written, the sha256 is another")


def _digest(records: Sequence[FitRecord]) -> str:
    """Return the sha256 of all rows; a residual that is NaN counts as one that is absent, since both are stored so."""
    digest = hashlib.sha256()
    for record in records:
        residuals = sorted((name, float(value)) for name, value in record.residuals.items() if value == value)
        texts = [getattr(record, name) for name in (*_TEXTS, *_LISTS)]
        texts += [record.origin] if record.origin else []  # files of earlier versions have none
        digest.update(json.dumps([texts, residuals]).encode())
        for name in _SHAPES:
            digest.update(np.ascontiguousarray(getattr(record, name), "<f8").tobytes())
    return digest.hexdigest()


def _column(texts: Mapping[str, list[str]], name: str, count: int) -> list[str]:
    if len(texts[name]) != count:
        raise ValueError(f"{name}: {len(texts[name])} rows, wanted {count}")
    return texts[name]


def _numbers(found: plain_hdf5.Contents, name: str, shape: tuple[int, ...]) -> Float64:
    """Return numbers of a known shape."""
    if found.numbers[name].shape != shape:
        raise ValueError(f"{name}: shape {found.numbers[name].shape}, wanted {shape}")
    return np.asarray(found.numbers[name], np.float64)


def _list(text: str) -> tuple[str, ...]:
    values = strict_json.parse(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{text[:40]!r}, wanted a list of texts")
    return tuple(values)
