"""The first pass over a video: cuts, and what a network does to some of its frames.

Contents: :class:`Frame`, :func:`look_at`, :data:`SEEN_PER_SECOND`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from ccharmony.arrays import Float32, Float64, UInt8
from harmonize.inference.image import Size, find_change, shrink, shrink_mask
from harmonize.inference.runtimes import Weights
from harmonize.models.settings import SIDE
from harmonize.video import color_change
from harmonize.video.shots import Differences
from harmonize.video.timeline import SMOOTHING, Timeline

SEEN_PER_SECOND = 5.0
"""Frames of a second that the network sees, where the changes are smoothed."""


class Frame(Protocol):
    """A frame of a video, or a picture of a series."""

    @property
    def time(self) -> float:
        """Seconds since the video began."""
        ...

    def thumbnail(self) -> UInt8:
        """Return a copy (18, 32, 3), RGB."""
        ...

    def picture(self) -> UInt8:
        """Return the frame (H, W, 3), upright, RGB, sRGB-encoded."""
        ...


def look_at(
    frames: Iterable[tuple[Frame, Float32]], net: Weights, *, size: Size = SIDE, smoothing: float = SMOOTHING
) -> Timeline:
    """Measure what a network does to a video.

    Parameters
    ----------
    frames
        Every frame in the order of time, and its mask (H, W), in [0, 1].
    net
        A network, in evaluation mode.
    size
        Side of the square that it sees, or "full".
    smoothing
        Standard deviation of the weights over time, in seconds; with 0 the network sees every frame.

    Returns
    -------
    Timeline
        The changes over time.
    """
    differences = Differences()
    times: list[float] = []
    seen: list[tuple[float, Float64]] = []
    due = -np.inf
    for frame, mask in frames:
        times.append(frame.time)
        if differences.add(frame.thumbnail()) and smoothing:
            due = -np.inf
        if not mask.any():
            due = -np.inf  # the first frame with a foreground again is seen
        elif frame.time >= due:
            seen.append((frame.time, _measure(frame.picture(), mask, net, size)))
            due = frame.time + (1 / SEEN_PER_SECOND if smoothing else 0)
    starts = [time for time, begins in zip(times, differences.begin_shots(), strict=True) if begins]
    measured = np.array([time for time, _ in seen])
    return Timeline(measured, np.array([moments for _, moments in seen]), starts, smoothing)


def _measure(picture: UInt8, mask: Float32, net: Weights, size: Size) -> Float64:
    """Return the moments of what a network does to a frame, shrunk to the size that it sees."""
    if size != "full":
        picture, mask = shrink(picture, size), shrink_mask(mask, size)
    answer = find_change(net, picture, mask, size)(picture)(slice(0, mask.shape[0]), slice(0, mask.shape[1]))
    before, after = (np.asarray(levels / np.float32(255), np.float32) for levels in (picture, answer.clip(0, 255)))
    return color_change.measure(before, after, mask)
