"""Lights sampled from recorded ones: mixtures of two, as where daylight and a lamp meet.

A mixture of the patches of two lights is what a chart would show in both. The fit from standard colors to patches is
linear in the patches, so fitting the mixture is mixing the matrices T'; T, which leads back, is fitted to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ccharmony.build.light import record_light
from ccharmony.color import residuals
from ccharmony.color.polynomial import FitKind
from ccharmony.errors import FitError, SettingsError
from ccharmony.records import SPLITS, FitRecord, Photo

SOURCE = "mixed"
"""Source and camera of a sampled light."""

MOST_TRIES = 50
"""For each light wanted. Of mixtures of the release's 350 lights 86 % pass, of the demo's 30 all."""


def sample_lights(
    records: Sequence[FitRecord], count: int, *, seed: int = 0, kind: FitKind = "ridge"
) -> tuple[list[FitRecord], int]:
    """Sample lights; a mixture whose fit would be flagged is rejected, so that none folds or is turned.

    Parameters
    ----------
    records
        Recorded lights. Those of one split are mixed with each other alone; a light without a split belongs to train.
    count
        Lights wanted, divided between the splits as the recorded ones are.
    seed
        Of the choice of lights and shares.
    kind
        How the mixtures are fitted.

    Returns
    -------
    lights
        Named ``mixed_00000`` and so on, the splits one after the other.
    rejected
        Mixtures that were rejected.

    Raises
    ------
    SettingsError
        A split has one light.
    FitError
        Too few mixtures pass.
    """
    random = np.random.default_rng(seed)
    groups = [[record for record in records if (record.split or SPLITS[0]) == split] for split in SPLITS]
    ends = np.rint(count * np.cumsum([len(group) for group in groups]) / max(1, len(records))).astype(int)
    found: list[FitRecord] = []
    rejected = 0
    for split, group, end in zip(SPLITS, groups, ends.tolist(), strict=True):
        if len(group) == 1 and end > len(found):
            raise SettingsError(f"one light in {split}, wanted two or more to mix")
        while len(found) < end:
            light = _mix(group, f"{SOURCE}_{len(found):05d}", kind, random)
            if light is not None:
                found.append(dataclasses.replace(light, split=split))
            elif (rejected := rejected + 1) > MOST_TRIES * count:
                raise FitError(f"{len(found)} of {count} lights after {rejected} mixtures that were rejected")
    return found, rejected


def _mix(group: Sequence[FitRecord], name: str, kind: FitKind, random: np.random.Generator) -> FitRecord | None:
    """Return a mixture of two lights; None where its fit is impossible or flagged."""
    first, second = (group[row] for row in random.choice(len(group), 2, replace=False).tolist())
    share = random.random()
    patches = share * first.patches + (1 - share) * second.patches
    patches[~(first.used & second.used)] = np.nan
    try:
        record = record_light(None, Photo(name, SOURCE, SOURCE, Path(), patches=patches), kind).record
    except FitError:
        return None
    return record if _is_sound(record.residuals) else None


def _is_sound(figures: Mapping[str, float]) -> bool:
    """Return whether `inspect` would flag a fit for nothing but patches that it left out."""
    limits = {
        "rmse": residuals.RMSE_LIMIT,
        "left_out": residuals.LEFT_OUT_LIMIT,
        "cube_clipped": residuals.CLIPPED_LIMIT,
        "cube_folded": residuals.FOLDED_LIMIT,
        "clipped_patches": 0,
    }
    is_upright = figures["orientation_ratio"] >= residuals.ORIENTATION_LIMIT
    return is_upright and all(figures[name] <= limit for name, limit in limits.items())
