"""The photos that a source found, with problems and a summary."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ccharmony.records import Photo
from ccharmony.sources.catalog import Source


@dataclass(frozen=True)
class Found:
    """The photos of one or more sources, problems, and a summary.

    Attributes
    ----------
    photos
        In the order of their ids, source by source.
    problems
        One line for each photo or file that cannot be used.
    summary
        Numbers of photos found and cameras missing, such as ``nus: 5 of 259 Canon1DsMkIII photos``.
    left_out
        Photos that exist but are not in the release.
    """

    photos: list[Photo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    left_out: int = 0


def count_cameras(source: Source, photos: list[Photo]) -> list[str]:
    """Return a line for each camera of the source that has photos, and one that names the cameras without."""
    counts = {camera: sum(photo.camera == camera.name for photo in photos) for camera in source.cameras}
    lines = [f"{source.name}: {n} of {camera.photos} {camera.name} photos" for camera, n in counts.items() if n]
    absent = [camera.name for camera, count in counts.items() if not count]
    if absent:
        page = f" (to be had from {source.page})" if source.page else ""
        lines.append(f"{source.name}: no photos of {', '.join(absent)}{page}")
    return lines


def leave_out(names: Iterable[str], only: Collection[str] | None) -> tuple[list[str], int]:
    """Return the ids that are wanted, in order, and the number of the others; None wants all of them."""
    every = sorted(names)
    wanted = [name for name in every if only is None or name in only]
    return wanted, len(every) - len(wanted)
