"""Lights that are lent beyond those of the photos at hand: the release's, and those of any fits.h5."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ccharmony.arrays import UInt8
from ccharmony.build.light import record_light
from ccharmony.color.polynomial import Kind
from ccharmony.dataset.fits import read_fits
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.files import StrPath
from ccharmony.records import FitRecord, Photo
from ccharmony.sources import catalog
from ccharmony.sources.release.files import Release, read_release


def read(release: StrPath | None, fits: StrPath | None, kind: Kind) -> dict[str, FitRecord]:
    """Read the lights that may be lent, by photo id; the file's win over the release's.

    Parameters
    ----------
    release
        Clone of the authors' repository, all of whose photos lend their light; None without.
    fits
        A fits.h5; None without. A light in it without a split lends to train.
    kind
        How the release's patches are fitted.

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


def nearest(image: UInt8, lights: Mapping[str, FitRecord]) -> FitRecord:
    """Return the recorded light that stands in for that of a photo without a chart.

    It is the one whose 24 patches have, in the mean, the color nearest to the photo's mean (the gray-world view of a
    light: the chart's mean reflectance is nearly gray, a photo's mostly too).

    Parameters
    ----------
    image
        Photo (H, W, 3).
    lights
        Candidates by id.

    Raises
    ------
    SourceError
        There is no candidate.
    """
    if not lights:
        raise SourceError("no light to borrow, wanted --lights with lights of the photo's split")
    mean = image.reshape(-1, 3).mean(axis=0) / 255

    def distance(name: str) -> tuple[float, str]:
        return float(np.linalg.norm(np.nanmean(lights[name].patches, axis=0) - mean)), name

    return lights[min(lights, key=distance)]


_RELEASE_SOURCES = ("nus", "gehler")


def record_release_lights(root: StrPath, kind: Kind = "published") -> tuple[list[FitRecord], list[str]]:
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
    records, problems = [], list(release.problems)
    for photo in (_photo(name, release) for name in sorted(release.ids)):
        try:
            light = record_light(None, photo, kind)
            records.append(dataclasses.replace(light.record, split=release.split[photo.id]))
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
