"""Which kind of mismatch each sample gets, what its foreground stands on, and whether its seam is hidden.

-   :class:`KindSettings`: the shares of the kinds; all 0 is a donor light for every foreground, and an open seam.
-   :func:`choose`: the random choices for one sample, by its RNG.

`harmonize.data.varied` makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ccharmony.errors import SettingsError
from harmonize.data import mismatch, regions, traces
from harmonize.data.regions import Region
from harmonize.data.traces import Trace
from harmonize.settings import Settings, Share

Kind = Literal["light", "none", "statistics", "retouch", "ramp"]
Hiding = Literal["open", "filled", "shifted", "feathered"]

_WIDEST_RING = 1 / 24
"""Of the picture's side: 5 of 128 pixels, 10 of 256."""

_BACKDROPS = 8
"""Photos among which the one whose background looks most like the foreground's own is chosen to paste on."""

_SHIFTED, _FEATHERED = 0.15, 0.15
"""Of the hidden seams: the ring taken from elsewhere, the edge feathered; the others are filled."""


@dataclass(frozen=True)
class KindSettings(Settings):
    """Shares of the samples that are not a donor light with an open seam.

    Raises
    ------
    SettingsError
        A share outside [0, 1], or kinds that are more than all samples together.
    """

    none: Share = 0.0
    """Nothing is changed: composite and real picture are the same."""

    statistics: Share = 0.0
    """Colors of another photo's foreground, by mean and spread in Lab or by mean and covariance in RGB."""

    retouch: Share = 0.0
    """Exposure, color temperature, tint, contrast, saturation and gamma."""

    ramp: Share = 0.0
    """Two donor lights, blended by a ramp over the foreground."""

    pasted: Share = 0.0
    """Samples, of any kind, whose foreground stands on another photo: a seam between two surfaces, as cut-outs have."""

    regions: Share = 0.0
    """Samples, of any kind, whose foreground is a region of the photo instead of its mask; photos without a mask
    serve, too, and have no other."""

    traced: Share = 0.0
    """Samples, of any kind, whose foreground and background were compressed or shrunk, each in its own way."""

    hidden: Share = 0.0
    """Samples, of any kind, whose seam is hidden, see `harmonize.data.seam`."""

    loose: Share = 0.0
    """Samples whose mask is given too large or too small by up to a fiftieth of the side."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (total := self.none + self.statistics + self.retouch + self.ramp) > 1:
            raise SettingsError(f"kinds: shares of {total:g} in all, at most 1 wanted; the rest is donor lights")

    def share_of(self, kind: Kind) -> float:
        """Return the share of a kind, in [0, 1]."""
        others = {"none": self.none, "statistics": self.statistics, "retouch": self.retouch, "ramp": self.ramp}
        return others.get(kind, max(1 - sum(others.values()), 0.0))


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
