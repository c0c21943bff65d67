"""The fingerprint of a build: a digest of its settings and inputs.

A build recognizes its own finished and unfinished work by it. The digest covers the settings and every input: name and
size of each file, and all that the sources read from their tables (corners, patches, matrices, groups). Names of
folders are left out, so that a dataset and its sources may move. What is in the files is compared photo by photo
(`digest_files`), and only where a file's time is not what it was: sources may be copied, too.

Contents: :class:`Fingerprint`, :func:`compute_fingerprint`, :func:`digest_files`, :func:`digest_lights`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccharmony import __version__, inputs
from ccharmony.build.settings import BuildSettings
from ccharmony.errors import SourceError
from ccharmony.images.readable import Readable
from ccharmony.records import FitRecord, Photo

_WRITES = 2
"""Rises where a build with the same settings and inputs writes other bytes than before, within a version, too."""

Stamp = tuple[int, int]
"""Size and time of change (ns) of a file."""


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of a build, and the state of its files when it was computed.

    Attributes
    ----------
    digest
        SHA-256 over all of it.
    times
        SHA-256 over sizes and times of all files.
    stamps
        Photo id -> stamps of the photo's file and of its masks' files, when the fingerprint was computed.
    """

    digest: str
    times: str
    stamps: Mapping[str, tuple[Stamp | None, ...]]

    def check(self, photo: Photo) -> SourceError | None:
        """Return an error if a file of the photo has changed since the fingerprint was computed; None if none has.

        Called when the work on the photo is finished: a dataset must not hold two versions of one photo.
        """
        for path, before, now in zip(_files(photo), self.stamps[photo.id], _stamps(photo), strict=True):
            if now != before:
                what = "vanished" if now is None else "changed"
                return SourceError(f"{path}: {what} while the build ran and is left out, wanted it as it was")
        return None


def compute_fingerprint(settings: BuildSettings, photos: Sequence[Photo], pool: Mapping[str, FitRecord]) -> Fingerprint:
    """Compute the fingerprint of a build.

    Parameters
    ----------
    settings
        Settings of the build.
    photos
        Photos of the sources, in any order.
    pool
        Donor lights in addition to the photos' own, by id.

    Returns
    -------
    Fingerprint
        Its digest and the stamps of all files.
    """
    stamps = {photo.id: _stamps(photo) for photo in photos}
    ordered = sorted(photos, key=lambda photo: photo.id)
    rows = [[vars(photo), [stamp and stamp[0] for stamp in stamps[photo.id]]] for photo in ordered]
    lights = [[name, pool[name].kind, pool[name].split, pool[name].patches] for name in sorted(pool)]
    digest = hashlib.sha256()
    for part in ([__version__, _WRITES, settings.choices(), settings.max_pixels], *rows, *lights):
        digest.update(json.dumps(part, sort_keys=True, default=_plain).encode())
    times = hashlib.sha256(json.dumps([stamps[photo.id] for photo in ordered]).encode())
    return Fingerprint(digest.hexdigest(), times.hexdigest(), stamps)


def digest_files(photo: Photo) -> list[str]:
    """Return the SHA-256 of a photo's file and of its masks' files; empty for one that cannot be read."""
    return [_digest_file(path, _stamp(path)) if path else "" for path in map(_path_of, _files(photo))]


def digest_lights(lights: Mapping[str, FitRecord]) -> str:
    """Return a digest of all lights: other lights give other pairs."""
    digest = hashlib.sha256()
    for name in sorted(lights):
        light = lights[name]
        digest.update(f"{name} {light.split} {light.kind}\n".encode())
        digest.update(light.to_standard.tobytes() + light.from_standard.tobytes())
    return digest.hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Return a part of a photo's row as JSON stores it; of a path only its name."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if dataclasses.is_dataclass(value):
        return vars(value)
    raise TypeError(f"{type(value).__name__} in a photo's row, wanted numbers, text, arrays or dataclasses")


def _files(photo: Photo) -> tuple[Readable, ...]:
    return (photo.path, *(photo.masks[letter] for letter in sorted(photo.masks)))


def _stamps(photo: Photo) -> tuple[Stamp | None, ...]:
    return tuple(_stamp(path) for path in _files(photo))


def _stamp(readable: Readable) -> Stamp | None:
    """Return the stamp of a file, or of the archive or table that holds a mask; None if there is no such file."""
    path = _path_of(readable)
    with contextlib.suppress(OSError):
        if path is not None:
            status = path.stat()
            return status.st_size, status.st_mtime_ns
    return None


def _path_of(readable: Readable) -> Path | None:
    """Return the file, or the archive or table that holds a mask."""
    held_by = (readable, getattr(readable, "archive", None), getattr(readable, "source", None))
    return next((path for path in held_by if isinstance(path, Path)), None)


@functools.lru_cache(16)  # one archive or table holds the masks of many photos
def _digest_file(path: Path, _stamp: Stamp | None) -> str:
    try:
        with inputs.open_binary(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
