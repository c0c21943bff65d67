"""Which kind of mismatch each sample gets, what its foreground stands on, and whether its seam is hidden.

-   :func:`choose`: the random choices for one sample, by its RNG and the shares of `kind_settings`.

`harmonize.data.varied` makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from harmonize.data import mismatch, regions, traces
from harmonize.data.kind_settings import Kind, KindSettings
from harmonize.data.regions import Region
from harmonize.data.traces import Trace

Hiding = Literal["open", "filled", "shifted", "feathered"]

_WIDEST_RING = 1 / 24
"""Of the picture's side: 5 of 128 pixels, 10 of 256."""

_BACKDROPS = 8
"""Photos among which the one whose background looks most like the foreground's own is chosen to paste on."""

_SHIFTED, _FEATHERED = 0.15, 0.15
"""Of the hidden seams: the ring taken from elsewhere, the edge feathered; the others are filled."""


@dataclass(frozen=True)
class Choice:
    """Random choices for one sample.

    Attributes
    ----------
    kind
        What is done to the foreground.
    other
        Photo whose foreground gives its statistics.
    by_covariance
        Whether those of RGB are used, or those of Lab.
    strength
        How much of that transfer is made, in [0, 1].
    retouch
        Gains (3,), contrast, saturation, gamma.
    angle, width
        Of the ramp, see `mismatch.ramp`.
    hiding
        What is done to the seam.
    ring, rim
        Widths of the filled ring outside and of the filled rim inside, in pixels.
    offset
        Where a shifted ring comes from, in pixels.
    loose
        Pixels by which the mask is given too large, or too small where below 0.
    backdrops
        Photos of which one, whose colors suit, is the background; empty for the photo's own.
    region
        What is the foreground instead of the photo's mask, where it is `regional`, or where there is no mask.
    regional
        Whether it is.
    traces
        What foreground and background went through.
    """

    kind: Kind
    other: int
    by_covariance: bool
    strength: float
    retouch: tuple[np.ndarray, float, float, float]
    angle: float
    width: float
    hiding: Hiding
    ring: int
    rim: int
    offset: tuple[int, int]
    loose: int
    backdrops: tuple[int, ...]
    region: Region
    regional: bool
    traces: tuple[Trace, Trace]


def choose(random: np.random.Generator, settings: KindSettings, photos: int, side: int) -> Choice:
    """Choose kind and seam of a sample.

    Parameters
    ----------
    random
        RNG of the sample.
    settings
        The shares.
    photos
        Number of photos that statistics may come from.
    side
        Side of the picture in pixels.

    Returns
    -------
    Choice
        The same for the same state of the RNG.
    """
    kinds = get_args(Kind)
    shares = np.array([settings.share_of(kind) for kind in kinds])
    kind = kinds[int(random.choice(len(kinds), p=shares / shares.sum()))]
    hidden = random.random() < settings.hidden
    way: Hiding = "open"
    if hidden:
        way = ("shifted", "feathered", "filled")[int(np.digitize(random.random(), (_SHIFTED, _SHIFTED + _FEATHERED)))]
    ring = int(random.integers(1, max(round(side * _WIDEST_RING), 1) + 1))
    loose = random.random() < settings.loose
    traced = random.random() < settings.traced
    pasted = random.random() < settings.pasted
    return Choice(
        kind=kind,
        other=int(random.integers(photos)),
        by_covariance=bool(random.random() < 0.4),
        strength=float(random.uniform(0.3, 1.0)),
        retouch=mismatch.choose_retouch(random),
        angle=float(random.uniform(0, 2 * math.pi)),
        width=float(random.uniform(1, 4)),
        hiding=way,
        ring=ring,
        rim=int(random.integers(1, 3)) if hidden and random.random() < 0.3 else 0,
        offset=(int(random.integers(side)), int(random.integers(side))),
        loose=int(random.integers(1, max(side // 50, 1) + 1) * random.choice((-1, 1))) if loose else 0,
        backdrops=tuple(random.integers(photos, size=_BACKDROPS).tolist()) if pasted else (),
        region=regions.choose_region(random),
        regional=bool(random.random() < settings.regions),
        traces=(traces.choose_trace(random), traces.choose_trace(random)) if traced else (Trace(), Trace()),
    )


PLAIN = choose(np.random.default_rng(0), KindSettings(), photos=1, side=64)
"""A donor light with an open seam, on the photo's own background: what every sample is without settings."""
