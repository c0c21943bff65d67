"""Where a shot ends and the next begins: cuts, found in small copies of the frames.

A cut is a frame that differs from the one before by much more than its neighbors differ from theirs, as in the adaptive
detector of PySceneDetect. A flash is none: the frames after it look like those before.

Contents: :class:`Differences`, :data:`THUMBNAIL`.
"""

from __future__ import annotations

import numpy as np

from ccharmony.arrays import Bool, Float32, Float64, UInt8

THUMBNAIL = (18, 32)
"""Height and width of the copies in which cuts are looked for."""

LEAST = 15.0
"""Mean difference of two frames, in levels, below which there is no cut: PySceneDetect's least change of content."""

TIMES = 3.0
"""How many times the usual difference of the frames around it that of a cut is: PySceneDetect's threshold."""

_AROUND = 2
"""Frames on each side that a difference is compared with."""


class Differences:
    """How far each frame is from those before it; frames are added in the order of time."""

    def __init__(self) -> None:
        self._before: list[Float32] = []  # the last two copies
        self._one: list[float] = []
        self._two: list[float] = []

    def add(self, thumbnail: UInt8) -> bool:
        """Add a frame.

        Parameters
        ----------
        thumbnail
            Small copy of it, (h, w, 3), of one shape for all.

        Returns
        -------
        bool
            Whether it may begin a shot; what follows decides.
        """
        copy = thumbnail.astype(np.float32)
        one, two = ([_distance(copy, other) for other in reversed(self._before)] + [0.0, 0.0])[:2]
        self._one.append(one)
        self._two.append(two)
        self._before = [*self._before[-1:], copy]
        return len(self._one) == 1 or one >= LEAST

    def begin_shots(self) -> Bool:
        """Return which frames begin a shot, (frames,); the first does."""
        one, two = (np.array(found, np.float64) for found in (self._one, self._two))
        scores = one.copy()
        # A flash of one frame: those before and after it are alike, seen from it and from the frame after it.
        scores[2:] = np.minimum(scores[2:], two[2:])
        scores[1:-1] = np.minimum(scores[1:-1], two[2:])
        begins = np.asarray((scores >= LEAST) & (scores > TIMES * _usual(one)), np.bool_)
        begins[:1] = True
        return begins


def _usual(scores: Float64) -> Float64:
    """Return the mean of the neighbors of each score; 0 where it has none."""
    usual = np.zeros_like(scores)
    for place in range(1, len(scores)):  # the first frame differs from nothing
        around = [*scores[max(place - _AROUND, 1) : place], *scores[place + 1 : place + 1 + _AROUND]]
        usual[place] = np.mean(around) if around else 0.0
    return usual


def _distance(first: Float32, second: Float32) -> float:
    return float(np.abs(first - second).mean())
