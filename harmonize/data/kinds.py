"""Which kind of mismatch each sample gets, and whether its seam is hidden: chosen by its generator, made in batches.

-   :class:`KindSettings`: the shares of the kinds; all 0 is a donor light for every foreground, and an open seam.
-   :func:`choose`: the random choices for one sample.
-   :func:`change_foregrounds`: the foregrounds of a batch by their kinds.
-   :func:`hide_seams`: rings next to the masks' edges filled, edges feathered, masks too large or too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ccharmony.errors import SettingsError
from harmonize.data import mismatch, relight, seam
from harmonize.data.mismatch import Retouch, Statistics
from harmonize.data.photos import send
from harmonize.settings import Settings, Share

Kind = Literal["light", "none", "statistics", "retouch", "ramp"]
Hiding = Literal["open", "filled", "shifted", "feathered"]

_MOST_CLIPPED = 0.4
"""Of a retouch or a transfer of statistics, which clip more than lights and are seen in composites all the same."""

_WIDEST_RING = 1 / 24
"""Of the picture's side: 5 of 128 pixels, 10 of 256."""

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
    )


def change_foregrounds(
    photo: Tensor,
    mask: Tensor,
    lit: tuple[Tensor, Tensor],
    suitable: Tensor,
    statistics: Callable[[Sequence[int]], Statistics],
    choices: Sequence[Choice],
) -> tuple[Tensor, Tensor]:
    """Change foregrounds by the kinds of their samples.

    Parameters
    ----------
    photo, mask
        Photos (B, 3, H, W) and their foregrounds (B, 1, H, W), in [0, 1].
    lit
        The photos under the donor light, and under a second one, (B, 3, H, W) each.
    suitable
        Where the donor light is accepted, (B,).
    statistics
        Returns the colors of the foregrounds of photos, by their numbers.
    choices
        One a sample.

    Returns
    -------
    changed, suitable
        What is pasted (B, 3, H, W), and where it may be, (B,).
    """
    changed, accepted = lit[0].clone(), suitable.clone()
    for kind in get_args(Kind)[1:]:
        rows = [row for row, choice in enumerate(choices) if choice.kind == kind]
        if not rows:
            continue
        at = send(np.array(rows), photo.device)  # (K,)
        if kind == "none":
            accepted[at] = False
            continue
        chosen = [choices[row] for row in rows]
        before, inside = photo[at], mask[at]
        if kind == "statistics":
            after = _transfer(before, inside, statistics([choice.other for choice in chosen]), chosen)
        elif kind == "retouch":
            after = mismatch.retouch(before, inside, _gather(chosen, photo.device))
        else:
            angle, width = (_floats([getattr(c, name) for c in chosen], photo.device) for name in ("angle", "width"))
            after = torch.lerp(lit[0][at], lit[1][at], mismatch.ramp(inside, angle, width))
        clipped, change = relight.measure_change(before, after, inside)
        least = 0.0 if kind == "retouch" else relight.LEAST_CHANGE
        changed[at], accepted[at] = after.to(changed.dtype), (clipped <= _MOST_CLIPPED) & (change >= least)
    return changed, accepted


def hide_seams(
    composite: Tensor, mask: Tensor, real: Tensor, choices: Sequence[Choice]
) -> tuple[Tensor, Tensor, Tensor]:
    """Hide seams: what is filled is filled in composite and real picture alike, so that nothing is to be undone there.

    Parameters
    ----------
    composite, mask, real
        Pictures (B, 3, H, W) and foregrounds (B, 1, H, W), in [0, 1].
    choices
        One a sample.

    Returns
    -------
    composite, mask, real
        As they are shown to the network.
    """
    device = mask.device
    ringed = [row for row, choice in enumerate(choices) if choice.hiding in ("filled", "shifted")]
    if ringed:
        at = send(np.array(ringed), device)
        around = _surround(composite[at], mask[at], [choices[row] for row in ringed])
        outside = mask[at] == 0
        composite = composite.index_copy(0, at, torch.where(outside, around, composite[at]))
        real = real.index_copy(0, at, torch.where(outside, around, real[at]))
    rimmed = [row for row, choice in enumerate(choices) if choice.rim]
    if rimmed:
        at, rim = send(np.array(rimmed), device), torch.tensor([choices[row].rim for row in rimmed], device=device)
        composite, real = (
            picture.index_copy(0, at, seam.fill_inside(picture[at], mask[at], rim)) for picture in (composite, real)
        )
    loose = torch.tensor([choice.loose for choice in choices], device=device)
    return composite, seam.grow_mask(mask, loose), real


def _surround(composite: Tensor, mask: Tensor, chosen: Sequence[Choice]) -> Tensor:
    """Return pictures whose rings are filled, or taken from elsewhere where a choice says so."""
    ring = torch.tensor([choice.ring for choice in chosen], device=mask.device)
    filled = seam.fill_outside(composite, mask, ring)
    shifts = torch.tensor([choice.hiding == "shifted" for choice in chosen], device=mask.device)
    if not bool(shifts.any()):
        return filled
    shifted = seam.shift_outside(filled, mask, ring, torch.tensor([choice.offset for choice in chosen]))
    return torch.where(shifts[:, None, None, None], shifted, filled)


def soften(mask: Tensor, choices: Sequence[Choice]) -> Tensor:
    """Return the opacity with which foregrounds (B, 1, H, W) are pasted: feathered where a choice says so."""
    rows = torch.tensor([choice.hiding == "feathered" for choice in choices], device=mask.device)
    if not bool(rows.any()):
        return mask
    soft = seam.blur(mask, max(mask.shape[-1] // 100, 1))
    return torch.where(rows[:, None, None, None], soft, mask)


def _transfer(before: Tensor, inside: Tensor, wanted: Statistics, chosen: Sequence[Choice]) -> Tensor:
    of = mismatch.measure(before, inside)
    by_covariance = torch.tensor([choice.by_covariance for choice in chosen], device=before.device)
    after = torch.where(
        by_covariance[:, None, None, None],
        mismatch.transfer_covariance(before, of, wanted),
        mismatch.transfer_mean(before, of, wanted),
    )
    return torch.lerp(
        before, after, _floats([choice.strength for choice in chosen], before.device)[:, None, None, None]
    )


def _gather(chosen: Sequence[Choice], device: torch.device) -> Retouch:
    gains, contrast, saturation, gamma = zip(*(choice.retouch for choice in chosen), strict=True)
    return Retouch(send(np.stack(gains), device), *(_floats(part, device) for part in (contrast, saturation, gamma)))


def _floats(numbers: Sequence[float], device: torch.device) -> Tensor:
    return send(np.array(numbers, np.float32), device)
