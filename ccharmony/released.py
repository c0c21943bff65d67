"""The lights of the published release, for work that needs no pictures: its 350 photos from their patches alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ccharmony.build.light import record_light
from ccharmony.color.polynomial import Kind
from ccharmony.dataset.fits import FitRecord
from ccharmony.dataset.manifest import Photo
from ccharmony.errors import CcharmonyError
from ccharmony.sources import catalog
from ccharmony.sources.release.files import Release, read_release

_SOURCES = ("nus", "gehler")


def record_lights(root: Path, kind: Kind = "published") -> tuple[list[FitRecord], list[str]]:
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
    release = read_release(root)
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
    """Return source and camera of a photo of the release, whose reader keeps photos of `_SOURCES` only."""
    known = {source: catalog.read_source(source).identify(name) for source in _SOURCES}
    return next((source, found[1].name) for source, found in known.items() if found)
