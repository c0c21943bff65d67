"""The photos that a source found, with problems, files that gave nothing, and a summary."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ccharmony.catalog import Source
from ccharmony.records import Photo


@dataclass(frozen=True)
class Unused:
    """A file, or a part of one, that gave nothing; its text is the one line that says so.

    Attributes
    ----------
    path
        The photo, mask or annotation file.
    reason
        What was found and what was wanted.
    part
        What of the file gave nothing, such as ``annotation 7``; empty if nothing of it did.
    """

    path: Path
    reason: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.part}: {self.reason}" if self.part else f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Found:
    """The photos of one or more sources, problems, and a summary.

    Attributes
    ----------
    photos
        In the order of their ids, source by source.
    problems
        One line for each photo or row of a table that cannot be used.
    summary
        Numbers of photos found and cameras missing, such as ``nus: 5 of 259 Canon1DsMkIII photos``.
    left_out
        Photos that exist but are not in the release.
    unused
        Photos, masks and annotations that gave nothing.
    """

    photos: list[Photo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    left_out: int = 0
    unused: list[Unused] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Return one line for each problem and each file that gave nothing."""
        return self.problems + [str(unused) for unused in self.unused]


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
