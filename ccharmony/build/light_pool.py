"""The light pool: donor lights beyond those of the photos, from the release and from any fits.h5."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ccharmony import catalog
from ccharmony.arrays import UInt8
from ccharmony.build.light import record_light
from ccharmony.color.polynomial import FitKind
from ccharmony.dataset.fits import read_fits
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.files import StrPath
from ccharmony.records import FitRecord, Photo
from ccharmony.sources.release.files import Release, read_release


def read_light_pool(release: StrPath | None, fits: StrPath | None, kind: FitKind) -> dict[str, FitRecord]:
    """Read the light pool; where both have a light of one id, that of the file is used.

    Parameters
    ----------
    release
        Clone of the authors' repository, all of whose photos are donors; None without.
    fits
        A fits.h5; None without. A light in it without a split belongs to train.
    kind
        How the release's patches are fitted.

    Returns
    -------
    dict[str, FitRecord]
        Photo id -> light, each with a split.

    Raises
    ------
    SourceError
        The folder is not a release.
    ManifestError
        The file is not a fits.h5.
    """
    published = record_release_lights(release, kind)[0] if release else []
    recorded = read_fits(fits).records if fits else ()
    lights = {record.id: record for record in (*published, *recorded)}
    return {name: dataclasses.replace(record, split=record.split or "train") for name, record in lights.items()}


def find_nearest_light(image: UInt8, lights: Mapping[str, FitRecord]) -> FitRecord:
    """Find the recorded light that is used for a photo without a chart.

    It is the light whose 24 patches have the mean color nearest to the photo's mean color. This is the gray-world
    assumption: the mean reflectance of the chart is nearly gray, and that of most photos too.

    Parameters
    ----------
    image
        Photo (H, W, 3).
    lights
        Candidates by id.

    Returns
    -------
    FitRecord
        One of the candidates.

    Raises
    ------
    SourceError
        There is no candidate.
    """
    if not lights:
        raise SourceError("no recorded light to use, wanted --lights with lights of the photo's split")
    mean = image.reshape(-1, 3).mean(axis=0) / 255

    def distance(name: str) -> tuple[float, str]:
        return float(np.linalg.norm(np.nanmean(lights[name].patches, axis=0) - mean)), name

    return lights[min(lights, key=distance)]


_RELEASE_SOURCES = ("nus", "gehler")


def record_release_lights(root: StrPath, kind: FitKind = "published") -> tuple[list[FitRecord], list[str]]:
    """Return the light of every photo of a release.

    Parameters
    ----------
    root
        Clone of the authors' repository, its archives packed or unpacked.
    kind
        ``published`` takes the published matrices as they are, any other kind is fitted to the published patches.

    Returns
    -------
    records
        In the order of the ids.
    problems
        One line for each photo or file that cannot be used.

    Raises
    ------
    SourceError
        The folder is not a release.
    """
    release = read_release(Path(root))
    records, problems = record_known_lights([_photo(name, release) for name in sorted(release.ids)], kind)
    records = [dataclasses.replace(record, split=release.split[record.id]) for record in records]
    return records, [*release.problems, *problems]


def record_known_lights(photos: Iterable[Photo], kind: FitKind) -> tuple[list[FitRecord], list[str]]:
    """Fit the lights of photos whose patches are known, and return them with one line for each that has no fit."""
    records, problems = [], []
    for photo in photos:
        try:
            records.append(record_light(None, photo, kind).record)
        except CcharmonyError as error:
            problems.append(str(error))
    return records, problems


def _photo(name: str, release: Release) -> Photo:
    source, camera = _origin(name)
    return Photo(
        id=name,
        source=source,
        camera=camera,
        path=release.root,
        patches=release.patches[name],
        to_standard=release.to_standard[name],
        from_standard=release.from_standard[name],
    )


def _origin(name: str) -> tuple[str, str]:
    """Return source and camera of a photo of the release, whose reader keeps photos of `_RELEASE_SOURCES` only."""
    known = {source: catalog.read_source(source).identify(name) for source in _RELEASE_SOURCES}
    return next((source, found[1].name) for source, found in known.items() if found)
