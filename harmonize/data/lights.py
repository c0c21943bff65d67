"""Lights lent on the fly: the color polynomial of a pair of photos, applied to whole batches where the network runs.

A light is what a photo with a color checker recorded: T_a carries its colors to the standard ones, T'_b carries
standard colors to photo b. A foreground goes through T_a, then T'_b, unclipped in between, and is pasted back on its
own background. The photos that are lit have no checker, so a is picked among the recorded lights whose patches have
nearly the photo's mean color: a first guess at the light that the photo was taken under.

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


HELD_OUT = 50
"""Lights of the train photos that only validation uses."""


@dataclass(frozen=True)
class Lights:
    """Recorded lights, on one device.

    Attributes
    ----------
    ids
        Their photos.
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

    def take(self, rows: Sequence[int]) -> Lights:
        """Return the lights of these rows, in this order."""
        picked = (tensor[list(rows)] for tensor in (self.means, self.to_standard, self.from_standard))
        return Lights(tuple(self.ids[row] for row in rows), *picked)


def read_lights(path: Path, split: str = "train") -> Lights:
    """Read the lights of a split from a fits.h5.

    Raises
    ------
    ManifestError
        The file is damaged or holds no photo of that split.
    """
    fits = read_fits(path)
    rows = [row for row, record in enumerate(fits.records) if record.split == split]
    if not rows:
        raise ManifestError(f"{path}: no photo of the split {split!r} among {len(fits.records)}")
    tables = (np.nanmean(fits.patches, axis=1), fits.to_standard, fits.from_standard)
    return Lights(fits.ids, *(torch.from_numpy(table.astype(np.float32)) for table in tables)).take(rows)


def hold_out(lights: Lights, count: int = HELD_OUT) -> tuple[Lights, Lights]:
    """Part the lights in those to train with and `count` for validation, by a hash of their ids.

    The hash makes the choice the same in any order and on any machine.

    Raises
    ------
    SettingsError
        Fewer than two lights would be left on either side.
    """
    if not 2 <= count <= len(lights) - 2:
        raise SettingsError(f"{count} lights held out of {len(lights)}, wanted 2 to {len(lights) - 2}")
    order = sorted(range(len(lights)), key=lambda row: hash_of(lights.ids[row]))
    return lights.take(sorted(order[count:])), lights.take(sorted(order[:count]))


def hash_of(name: str) -> int:
    """Return 64 bits that depend on a name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def nearest(lights: Lights, colors: Tensor, count: int = NEAREST) -> Int64:
    """Return, for mean colors (M, 3), the rows of the `count` lights with the nearest mean patch color, (M, count)."""
    distances = torch.cdist(colors.to(lights.means), lights.means)
    rows = distances.topk(min(count, len(lights)), largest=False, sorted=True).indices
    return np.asarray(rows.cpu().numpy())
