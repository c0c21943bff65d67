"""fits.h5: the light of every photo, written and read; read and written with h5py here alone.

One row a photo in every dataset of the file, rows in the order of the ids::

    id, camera, source, split, group, kind           text
    flags, notes                                     JSON lists of text; notes may be absent
    patches                                          (N, 24, 3) in [0, 1], release order, NaN where not measured
    to_standard, from_standard                       (N, 3, 11) on [0, 1]
    residuals/<name>                                 (N,) one figure a photo, see `residuals.Residuals`
    attributes: version, settings (JSON), standard (24, 3), unit
"""

from __future__ import annotations

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
from ccharmony.dataset import hdf5_texts
from ccharmony.errors import CcharmonyError, ManifestError
from ccharmony.files import StrPath, flaw
from ccharmony.records import FitRecord

MOST_BYTES = 2**30
"""Of a fits.h5; that of 350 photos has 0.5e6."""

VERSION = 1
UNIT = "sRGB-encoded, [0, 1]"
_TEXTS = ("id", "camera", "source", "split", "group", "kind")
_LISTS = ("flags", "notes")
_MOST_PACKED = 1100  # deflate makes 1,030 bytes of one at most
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
        raise ManifestError(f"{photo}: no fit of this photo among {len(self.records)}")


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
        _write_columns(file, records)
    files.write_bytes(path, buffer.getvalue())


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
        The file is absent, not HDF5, of another version, lacks a dataset, or holds one of another shape.
    """
    path = Path(path)
    try:
        inputs.check(path, MOST_BYTES)
        with h5py.File(path, "r") as file:
            return _read_columns(file, path)
    except CcharmonyError:
        raise
    except FileNotFoundError as error:
        raise ManifestError(f"{path}: no such file, wanted a fits.h5") from error
    except Exception as error:  # a damaged file may raise any error in h5py and NumPy
        raise ManifestError(f"{path}: not a fits.h5 of version {VERSION} ({error})") from error


def _write_columns(file: h5py.File, records: Sequence[FitRecord]) -> None:
    columns: dict[str, list[str]] = {name: [getattr(record, name) for record in records] for name in _TEXTS}
    columns |= {name: [json.dumps(getattr(record, name)) for record in records] for name in _LISTS}
    for name, texts in columns.items():
        file.create_dataset(name, data=np.array(texts, dtype=object), dtype=h5py.string_dtype(), track_times=False)
    for name, shape in _SHAPES.items():
        values = np.array([getattr(record, name) for record in records], np.float64).reshape(-1, *shape)
        file.create_dataset(name, data=values, track_times=False)
    group = file.create_group("residuals")
    for name in sorted({name for record in records for name in record.residuals}):
        figures = [record.residuals.get(name, np.nan) for record in records]
        group.create_dataset(name, data=np.array(figures, np.float64), track_times=False)


def _read_columns(file: h5py.File, path: Path) -> Fits:
    version = _read_version(file)
    if version != VERSION:
        raise ManifestError(f"{path}: version {version}, wanted {VERSION}")
    count = len(file["id"])
    texts = {name: _read_texts(file[name], count, path) for name in (*_TEXTS, *_LISTS) if name in file}
    arrays = {name: _read_numbers(file[name], (count, *shape)) for name, shape in _SHAPES.items()}
    residuals = {name: _read_numbers(values, (count,)) for name, values in file["residuals"].items()}
    if flawed := next((name for name in texts["id"] if flaw(name)), None):
        raise ManifestError(f"{path}: the id {flawed!r} {flaw(flawed)}, wanted a name for files")
    records = [
        FitRecord(
            **{name: texts[name][row] for name in _TEXTS},  # type: ignore[arg-type]  # names of text fields only
            **{name: arrays[name][row] for name in _SHAPES},
            residuals={name: float(values[row]) for name, values in residuals.items()},
            flags=_list(texts["flags"][row]),
            notes=_list(texts["notes"][row]) if "notes" in texts else (),
        )
        for row in range(count)
    ]
    return Fits(tuple(records))


def _read_version(file: h5py.File) -> int | None:
    if "version" not in file.attrs:
        return None
    attribute = file.attrs.get_id("version")
    return int(file.attrs["version"]) if attribute.shape == () and attribute.dtype.kind in "iu" else None


def _read_numbers(stored: Any, shape: tuple[int, ...]) -> Float64:
    """Read numbers of a known shape."""
    _refuse_oversized(stored, shape)
    if stored.dtype.kind not in "iuf":
        raise ValueError(f"{stored.name}: {stored.dtype}, wanted numbers")
    return np.asarray(stored, np.float64)


def _read_texts(stored: Any, count: int, path: Path) -> list[str]:
    _refuse_oversized(stored, (count,))
    position = stored.id.get_offset()
    if h5py.check_string_dtype(stored.dtype) is None or (count and position is None):
        raise ValueError(f"{stored.name}: not texts in one piece, wanted them as ccharmony writes them")
    return hdf5_texts.read_texts(path, position or 0, count)


def _refuse_oversized(stored: Any, shape: tuple[int, ...]) -> None:
    """Refuse what has another shape, or more numbers than its file can hold: reading it could take all memory."""
    if not isinstance(stored, h5py.Dataset) or stored.shape != shape:
        raise ValueError(f"{getattr(stored, 'name', '?')} of shape {getattr(stored, 'shape', None)}, wanted {shape}")
    if stored.nbytes > _MOST_PACKED * stored.id.get_storage_size():
        raise ValueError(f"{stored.name}: {stored.nbytes} bytes of {stored.id.get_storage_size()} stored")


def _list(text: str) -> tuple[str, ...]:
    values = strict_json.parse(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{text[:40]!r}, wanted a list of texts")
    return tuple(values)
