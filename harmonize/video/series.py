"""Numbered pictures as the frames of a video.

Contents: :func:`list_frames`, :func:`find_gap`; :func:`smooth_series`, :data:`RATE`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ccharmony.arrays import Float32, UInt8
from ccharmony.dataset.formats import names
from ccharmony.errors import CcharmonyError, SourceError
from ccharmony.images import mask_rules
from ccharmony.progress import Progress, no_progress
from harmonize.inference.folders import PictureTask
from harmonize.inference.harmonizer import Harmonizer
from harmonize.inference.runtimes import Weights
from harmonize.settings import check_number
from harmonize.video.look import look_at
from harmonize.video.shots import THUMBNAIL
from harmonize.video.timeline import LONGEST

RATE = 25.0
"""Frames a second of numbered pictures, which do not say."""

_NUMBER = re.compile(r"(\d+)")


def list_frames(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their numbers: 9.png is before 10.png.

    Raises
    ------
    SourceError
        There is none.
    """
    found = sorted(names.list_pictures(folder), key=_place)
    if not found:
        raise SourceError(f"{folder}: no picture in it, wanted numbered frames")
    return found


def find_gap(frames: Sequence[Path]) -> str:
    """Say where the numbers of frames, in their order, leave one out; empty where they have even steps or are none."""
    found = [_NUMBER.findall(path.stem) for path in frames]
    if not all(found):
        return ""
    steps = np.diff([int(numbers[-1]) for numbers in found])
    if not len(steps) or steps.min() == steps.max():
        return ""
    first = int(np.argmax(steps > steps.min()))
    return f"no number between {frames[first].name} and {frames[first + 1].name}"


def _place(path: Path) -> tuple[tuple[int | str, ...], ...]:
    return tuple(
        tuple(int(part) if part.isdecimal() else part for part in _NUMBER.split(name.lower())) for name in path.parts
    )


@dataclass(frozen=True)
class _Still:
    """A picture of a series."""

    time: float
    colors: UInt8

    def thumbnail(self) -> UInt8:
        return np.asarray(cv2.resize(self.colors, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def picture(self) -> UInt8:
        return self.colors


def smooth_series(
    tasks: Sequence[PictureTask],
    harmonizer: Harmonizer,
    net: Weights,
    smoothing: float,
    progress: Progress = no_progress,
) -> Callable[[PictureTask], Harmonizer]:
    """Look at numbered pictures as at the frames of a video, :data:`RATE` a second.

    Parameters
    ----------
    tasks
        The frames, in any order; their numbers decide.
    harmonizer
        How they are read and harmonized.
    net
        A network, in evaluation mode.
    smoothing
        As of :func:`harmonize.harmonize_video`.
    progress
        Called with the pass, the frames done and their number.

    Returns
    -------
    Callable
        Of a task, gives what harmonizes it as what is around it in time asks for.

    Raises
    ------
    ImageError, SettingsError, WeightsError
        As of the network.
    """
    check_number("smoothing", smoothing, 0, LONGEST)
    ordered = sorted(tasks, key=lambda task: _place(task.composite))
    times = {task: number / RATE for number, task in enumerate(ordered)}

    def frames() -> Iterator[tuple[_Still, Float32]]:
        for done, (task, time) in enumerate(times.items(), start=1):
            progress("looked at", done, len(times))
            with contextlib.suppress(CcharmonyError):  # it is named where it is harmonized
                composite = harmonizer.read(task)
                yield _Still(time, composite.picture.srgb()), mask_rules.shares(composite.mask)

    timeline = look_at(frames(), net, size=harmonizer.size, smoothing=smoothing)
    return lambda task: replace(harmonizer, change=timeline.change_at(times[task]))
