"""The lights of the published release, for work that needs no pictures: its 350 photos from their patches alone."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from ccharmony import catalog, lights, polynomial
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.manifest import Photo
from ccharmony.polynomial import Float, Kind
from ccharmony.store import FitRecord

_PATCHES, _MATRICES = "patch_colors", "polynomial_matching_coefficients"
_SOURCES = ("nus", "gehler")


def record_lights(
    release: Path, kind: Kind = "published", *, skip: Callable[[CcharmonyError], None] | None = None
) -> list[FitRecord]:
    """Return the light of every photo of a release, in the order of the ids.

    Parameters
    ----------
    release
        Clone of the authors' repository, its archives packed or unpacked.
    kind
        ``published`` takes the published matrices as they are, any other kind is fitted to the published patches.
    skip
        Called with the error of a photo that cannot be used; such an error is raised where None.

    Raises
    ------
    SourceError
        The folder is not a release.
    CcharmonyError
        A photo cannot be used and `skip` is None.
    """
    splits = {split: _listed(release / f"{split}_list.txt") for split in ("train", "test")}
    records = []
    for photo in _photos(release):
        split = next((name for name, photos in splits.items() if photo.id in photos), "")
        try:
            records.append(dataclasses.replace(lights.record_light(None, photo, kind).record, split=split))
        except CcharmonyError as error:
            if skip is None:
                raise
            skip(error)
    return records


def _photos(release: Path) -> Iterator[Photo]:
    patches, matrices = _read_folder(release, _PATCHES), _read_folder(release, _MATRICES)
    for name, content in sorted(patches.items()):
        identity = PurePosixPath(name).stem
        source, camera = _origin(identity)
        try:
            yield Photo(
                id=identity,
                source=source,
                camera=camera,
                path=release / name,
                patches=np.loadtxt(io.BytesIO(content), delimiter=",", ndmin=2) / 255,
                to_standard=_matrix(matrices[f"{_MATRICES}/{identity}.npy"]),
                from_standard=_matrix(matrices[f"{_MATRICES}/{identity}_reverse.npy"]),
            )
        except (KeyError, ValueError) as error:
            raise SourceError(f"{release}: {identity}: {error}") from error


def _matrix(content: bytes) -> Float:
    return polynomial.from_levels(np.load(io.BytesIO(content), allow_pickle=False))


def _origin(identity: str) -> tuple[str, str]:
    for source in _SOURCES:
        if found := catalog.read_source(source).identify(identity):
            return source, found[1].name
    return "release", ""


def _listed(path: Path) -> frozenset[str]:
    """Return the photos of a list of foregrounds, one `<photo>_<letter>` a line."""
    try:
        return frozenset(line.strip().rpartition("_")[0] for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read, wanted a list of the release ({error})") from error


def _read_folder(release: Path, folder: str) -> dict[str, bytes]:
    """Return the files of a folder of the release, or of the archive of its name."""
    if (release / folder).is_dir():
        return {f"{folder}/{path.name}": path.read_bytes() for path in (release / folder).iterdir() if path.is_file()}
    archive = release / f"{folder}.zip"
    try:
        with zipfile.ZipFile(archive) as packed:
            return {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")}
    except (OSError, zipfile.BadZipFile) as error:
        raise SourceError(f"{release}: neither {folder} nor a readable {folder}.zip ({error})") from error
