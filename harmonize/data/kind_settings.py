"""How many samples get which kind of mismatch, as settings; imports no torch, so that `--help` need not wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ccharmony.errors import SettingsError
from harmonize.settings import Settings, Share

Kind = Literal["light", "none", "statistics", "retouch", "ramp"]


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
