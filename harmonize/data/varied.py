"""Samples as their random choices say: foregrounds of every kind, on their own photo or another, seams hidden.

-   :func:`cut_foregrounds`: masks, or regions in their place.
-   :func:`change_foregrounds`: the foregrounds of a batch by their kinds.
-   :func:`hide_seams`: rings next to the masks' edges filled, edges feathered, masks too large or too small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from ccharmony.arrays import Bool
from harmonize.data import mismatch, regions, relight, seam, traces
from harmonize.data.kind_settings import Kind
from harmonize.data.kinds import Choice
from harmonize.data.mismatch import Retouch, Statistics
from harmonize.devices import send

_MOST_CLIPPED = 0.4
"""Of a retouch or a transfer of statistics, which clip more than lights and are seen in composites all the same."""


def cut_foregrounds(photo: Tensor, mask: Tensor, choices: Sequence[Choice], *, masked: Bool) -> Tensor:
    """Return the foregrounds of a batch.

    Parameters
    ----------
    photo, mask
        Photos (B, 3, H, W) and their masks (B, 1, H, W), in [0, 1].
    choices
        One a sample.
    masked
        Which photos have a mask, (B,); the others have a region in any case.

    Returns
    -------
    Tensor
        Masks (B, 1, H, W), in [0, 1].
    """
    rows = [row for row, choice in enumerate(choices) if choice.regional or not masked[row]]
    if not rows:
        return mask
    at = send(np.array(rows), photo.device)
    return mask.index_copy(0, at, regions.cut_regions(photo[at], [choices[row].region for row in rows]))


def leave_traces(foreground: Tensor, background: Tensor, choices: Sequence[Choice]) -> tuple[Tensor, Tensor]:
    """Return both sides of a batch, (B, 3, H, W), after what their choices say that they went through."""
    of_one, of_other = zip(*(choice.traces for choice in choices), strict=True)
    return traces.leave_traces(foreground, of_one), traces.leave_traces(background, of_other)


def change_foregrounds(
    photo: Tensor,
    mask: Tensor,
    lit: tuple[Tensor, Callable[[], Tensor]],
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
        The photos under the donor light, (B, 3, H, W), and what returns them under a second one.
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
            after = torch.lerp(lit[0][at], lit[1]()[at], mismatch.ramp(inside, angle, width))
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
    ringed = [row for row, choice in enumerate(choices) if choice.hiding in ("filled", "shifted")]
    if ringed:
        at = send(np.array(ringed), mask.device)
        around = _surround(composite[at], mask[at], [choices[row] for row in ringed])
        outside = mask[at] == 0
        composite = composite.index_copy(0, at, torch.where(outside, around, composite[at]))
        real = real.index_copy(0, at, torch.where(outside, around, real[at]))
    rimmed = [row for row, choice in enumerate(choices) if choice.rim]
    if rimmed:
        at, rim = send(np.array(rimmed), mask.device), [choices[row].rim for row in rimmed]
        composite, real = (
            picture.index_copy(0, at, seam.fill_inside(picture[at], mask[at], rim)) for picture in (composite, real)
        )
    return composite, seam.grow_mask(mask, [choice.loose for choice in choices]), real


def _surround(composite: Tensor, mask: Tensor, chosen: Sequence[Choice]) -> Tensor:
    """Return pictures whose rings are filled, or taken from elsewhere where a choice says so."""
    rings = [choice.ring for choice in chosen]
    filled = seam.fill_outside(composite, mask, rings)
    shifts = [row for row, choice in enumerate(chosen) if choice.hiding == "shifted"]
    if not shifts:
        return filled
    at = send(np.array(shifts), mask.device)
    offsets = [chosen[row].offset for row in shifts]
    shifted = seam.shift_outside(filled[at], mask[at], [rings[row] for row in shifts], offsets)
    return filled.index_copy(0, at, shifted)


def soften(mask: Tensor, choices: Sequence[Choice]) -> Tensor:
    """Return the opacity with which foregrounds (B, 1, H, W) are pasted: feathered where a choice says so."""
    rows = [row for row, choice in enumerate(choices) if choice.hiding == "feathered"]
    if not rows:
        return mask
    at = send(np.array(rows), mask.device)
    return mask.index_copy(0, at, seam.blur(mask[at], max(mask.shape[-1] // 100, 1)))


def _transfer(before: Tensor, inside: Tensor, wanted: Statistics, chosen: Sequence[Choice]) -> Tensor:
    of = mismatch.measure(before, inside)
    by_covariance = send(np.array([choice.by_covariance for choice in chosen]), before.device)
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
