"""Recorded lights, by which photos without a color checker are relit during training.

A light is what a photo with a color checker recorded: T_a brings its colors to the standard ones, T'_b brings
standard colors to photo b. A foreground goes through T_a of its own light, then through T'_b of a donor light,
unclipped in between, and is pasted back on its own background. The photos that are relit have no checker, so their own
light is one of the recorded lights whose patches have nearly the photo's mean color: a guess at the light in the photo.

References
----------
Niu et al., Deep Image Harmonization with Globally Guided Feature Transformation and Relation Distillation, 2023,
section 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ccharmony.arrays import Int64
from ccharmony.dataset.fits import read_fits
from ccharmony.errors import ManifestError, SettingsError

NEAREST = 10
"""How many of the nearest lights are candidates for a photo's own."""


@dataclass(frozen=True)
class Lights:
    """Recorded lights, on one device.

    Attributes
    ----------
    ids
        Photos that recorded them.
    means
        Mean color of the patches, (N, 3), in [0, 1].
    to_standard, from_standard
        Matrices of the color polynomial, (N, 3, 11), on [0, 1].
    """

    ids: tuple[str, ...]
    means: Tensor
    to_standard: Tensor
    from_standard: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str) -> Lights:
        """Return the same lights on another device."""
        moved = (tensor.to(device) for tensor in (self.means, self.to_standard, self.from_standard))
        return Lights(self.ids, *moved)

    def select(self, rows: Sequence[int]) -> Lights:
        """Return the lights of these rows, in this order."""
        picked = (tensor[list(rows)] for tensor in (self.means, self.to_standard, self.from_standard))
        return Lights(tuple(self.ids[row] for row in rows), *picked)


def read_lights(path: Path, split: str = "train") -> Lights:
    """Read the lights of a split.

    Parameters
    ----------
    path
        A fits.h5, see :mod:`ccharmony.dataset.fits`.
    split
        Split of the photos that recorded them: ``train`` or ``test``. A light without a split belongs to train.

    Returns
    -------
    Lights
        On the CPU, in the order of the file.

    Raises
    ------
    ManifestError
        The file is damaged or holds no photo of that split.
    """
    fits = read_fits(path)
    rows = [row for row, record in enumerate(fits.records) if (record.split or "train") == split]
    if not rows:
        raise ManifestError(f"{path}: no photo of the split {split!r} among {len(fits.records)}")
    tables = (np.nanmean(fits.patches, axis=1), fits.to_standard, fits.from_standard)
    return Lights(fits.ids, *(torch.from_numpy(table.astype(np.float32)) for table in tables)).select(rows)


def hold_out(lights: Lights, count: int) -> tuple[Lights, Lights]:
    """Split the lights by a hash of their ids, which is the same in any order and on any machine.

    Parameters
    ----------
    lights
        All lights.
    count
        How many are for validation only.

    Returns
    -------
    train, held
        Lights to train with, and `count` lights for validation, each in the given order.

    Raises
    ------
    SettingsError
        Fewer than two lights would be left on either side.
    """
    if not 2 <= count <= len(lights) - 2:
        raise SettingsError(
            f"{count} lights held out (data.held_lights) of {len(lights)}, wanted 2 to {len(lights) - 2}"
        )
    order = sorted(range(len(lights)), key=lambda row: hash_of(lights.ids[row]))
    return lights.select(sorted(order[count:])), lights.select(sorted(order[:count]))


def hash_of(name: str) -> int:
    """Return 64 bits that depend on a name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def nearest(lights: Lights, colors: Tensor, count: int = NEAREST) -> Int64:
    """Find the lights whose patches have nearly a photo's mean color.

    Parameters
    ----------
    lights
        N lights.
    colors
        Mean colors of M photos, (M, 3), sRGB-encoded, in [0, 1].
    count
        How many lights a photo gets; all if there are fewer.

    Returns
    -------
    Int64
        Rows of the lights, nearest first, (M, min(count, N)).
    """
    distances = torch.cdist(colors.to(lights.means), lights.means)
    rows = distances.topk(min(count, len(lights)), largest=False, sorted=True).indices
    return np.asarray(rows.cpu().numpy())
