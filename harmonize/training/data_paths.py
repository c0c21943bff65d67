"""Where a run's data are, as settings. It imports no torch, so that `harmonize train --set help` need not wait."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ccharmony.errors import SettingsError
from ccharmony.urls import Place, Url
from harmonize.settings import Count, Range, Settings

HELD_OUT = 50
"""Lights of the train photos that only validation uses."""

_PLACE = (str, os.PathLike, Url)

VAL_SHARE = 0.05
"""Share of the photos of the train lists that choose the checkpoint: 3,300 of iHarmony4's 65,742 pairs."""


@dataclass(frozen=True)
class DataPaths(Settings):
    """Where a run's pairs come from.

    Raises
    ------
    SettingsError
        No data at all, photos without lights or lights without photos, or a number below 1.
    """

    data: tuple[Place, ...] = ()
    """Datasets in iHarmony4's layout, tables of triplets or packed ones, whose train lists are learned from;
    shards also by URL."""

    photos: tuple[Path, ...] = ()
    """Folders of photos with masks, relit on the fly."""

    lights: Path | None = None
    """fits.h5 whose train lights are the donor lights of the photos."""

    held_lights: Count = HELD_OUT
    """How many of those lights only validation uses."""

    held_composites: Count = 1
    """Composites of each validation photo."""

    strict: bool = False
    """Whether a broken pair ends the run."""

    val_share: Annotated[float, Range(0, 1, open_above=True)] = VAL_SHARE
    """Share of the photos of the train lists that are validated on instead, where no val list says which; with 0 the
    checkpoint is chosen on the test lists."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("data", "photos"):
            found = getattr(self, name)
            is_list = isinstance(found, tuple | list) and all(isinstance(each, _PLACE) for each in found)
            if not is_list or any("\0" in str(each) for each in found):
                raise SettingsError(f"{name}: {found!r:.60} found, a list of paths wanted")
        if not isinstance(self.lights, str | os.PathLike | None):
            raise SettingsError(f"lights: {self.lights!r:.60} found, a path wanted")
        if bool(self.photos) != (self.lights is not None):
            raise SettingsError("photos and lights: one without the other, wanted both or neither")
        if not self.data and not self.photos:
            raise SettingsError("no data: wanted --data DIR, or --photos DIR with --lights FILE")

    def inputs(self) -> list[Path]:
        """Return every folder and file of this machine that is read."""
        return [*(root for root in self.data if isinstance(root, Path)), *self.photos, *filter(None, [self.lights])]
