"""Color changes over time: measured at some frames of a shot, smoothed for every frame.

The change at a moment is fitted to all measured frames of its shot, each with a Gaussian weight of its distance in
time, before and after alike. A causal filter, which needs no look ahead, lags: with light that changes within a
second it left an fMSE of 490 where this left 370, both over 1 s (benchmarks/video.py).

Contents: :class:`Timeline`, :data:`SMOOTHING`, :data:`LONGEST`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Float64
from harmonize.inference.image import Change
from harmonize.video import color_change

SMOOTHING = 0.5
"""Standard deviation of the weights, in seconds. Where the camera pans it leaves a flicker of 0.18 levels, without
smoothing 2.0; with 1 s it is 0.14, but fMSE 370 instead of 278 where the light changes (benchmarks/video.py)."""

LONGEST = 86_400.0
"""Largest standard deviation: a day, over which all that is measured weighs alike."""

_LEAST = 1e-6
"""Standard deviation below which the nearest measured frame counts alone: its square would be nothing."""

_REACH = 4.0
"""Standard deviations beyond the nearest measured frame where the weights end, at 3e-4 or less."""


@dataclass(frozen=True)
class Timeline:
    """What was measured of a video.

    Attributes
    ----------
    times
        Seconds at which frames were measured, ascending, (n,).
    moments
        What was measured there, as :func:`color_change.measure`, (n, 10, 13).
    starts
        Seconds at which the shots begin, ascending.
    smoothing
        Standard deviation of the weights, in seconds; 0 for the nearest measured frame alone.
    """

    times: Float64
    moments: Float64
    starts: Sequence[float]
    smoothing: float = SMOOTHING

    def change_at(self, time: float) -> Change | None:
        """Return the change of a moment, in seconds; None where no foreground was measured in its shot."""
        shot = int(np.searchsorted(self.starts, time, side="right")) - 1
        if shot < 0:  # before the first frame that could be read
            return None
        after = self.starts[shot + 1] if shot + 1 < len(self.starts) else np.inf
        first, end = np.searchsorted(self.times, (self.starts[shot], after))
        if first == end:
            return None
        distances = np.abs(self.times[first:end] - time)
        near = distances <= distances.min() + _REACH * self.smoothing
        weights = _weigh(distances[near], self.smoothing)
        return color_change.fit(np.tensordot(weights, self.moments[first:end][near], axes=1)).renderer


def _weigh(distances: Float64, smoothing: float) -> Float64:
    """Return the weights of measured frames; the nearest has 1."""
    if smoothing < _LEAST:
        return np.ones_like(distances) / len(distances)
    return np.asarray(np.exp((distances.min() ** 2 - distances**2) / (2 * smoothing**2)), np.float64)
