"""Where a run's pairs come from: folders on disk, photos relit on the fly, or both."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats.pair_files import Split
from ccharmony.errors import SettingsError, SourceError
from harmonize.data import lights, photos
from harmonize.data.batches import Data, Joined, Source
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lights import HELD_OUT
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.photos import PhotoMemory
from harmonize.data.stored_pairs import StoredPairs
from harmonize.data.unpaired import Streams
from harmonize.settings import Count, Settings
from harmonize.training.settings import TrainSettings

CHECKED_PAIRS = 500
"""Stored pairs that a validation scores, spread evenly over the test list; `evaluate` scores the full list."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataPaths(Settings):
    """Where a run's pairs come from.

    Raises
    ------
    SettingsError
        No data at all, photos without lights or lights without photos, or a number below 1.
    """

    data: tuple[Path, ...] = ()
    """Datasets in iHarmony4's layout or packed: the train lists are learned from, the test lists validated on."""

    photos: Path | None = None
    """Folder of photos with masks, relit on the fly, or None."""

    lights: Path | None = None
    """fits.h5 whose train lights are the donor lights of the photos."""

    held_lights: Count = HELD_OUT
    """How many of those lights only validation uses."""

    held_composites: Count = 1
    """Composites of each validation photo."""

    strict: bool = False
    """Whether a broken pair ends the run."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.photos is None) != (self.lights is None):
            raise SettingsError("photos and lights: one without the other, wanted both or neither")
        if not self.data and self.photos is None:
            raise SettingsError("no data: wanted --data DIR, or --photos DIR with --lights FILE")


def open_data(paths: DataPaths, settings: TrainSettings, device: torch.device) -> Data:
    """Open the pairs of a run.

    Parameters
    ----------
    paths
        Where the pairs come from.
    settings
        Sizes, seed and shares of the run.
    device
        Where photos are relit.

    Returns
    -------
    Data
        Sources to train and to validate on; the latter is None where a dataset has no test list.

    Raises
    ------
    SourceError, ManifestError, ImageError
        A folder or file is missing or broken; with `strict` also a single pair.
    """
    threads = min(os.cpu_count() or 1, 16)
    train: list[Source] = []
    check: list[Source] = []
    memory: PhotoMemory | None = None
    for root in paths.data:
        train.append(_open_stored(root, "train", settings.seed, paths.strict, threads))
        try:
            check.append(_open_stored(root, "test", None, paths.strict, threads))
        except SourceError as error:
            if paths.strict:
                raise
            _logger.warning("not validated on: %s", error)
    if paths.photos is not None:
        lit, held = _open_photos(paths, settings, device, threads)
        memory = lit.memory
        train.append(lit)
        check.append(held)
    # Photos alone are relit on the network's device, in its own thread: nothing can be prepared in advance.
    source = _join(train)
    if settings.streams.unpaired:
        if memory is None:
            raise SourceError("unpaired stream: no photos found, wanted --photos, or --set streams.unpaired=0")
        source = Streams(source, memory, settings.seed)
    reporting = [part for part in train if isinstance(part, StoredPairs | LitPhotos)]
    ahead = 2 if paths.data else 0

    def report() -> str:
        return "; ".join(filter(None, (part.summarize() for part in reporting)))

    return Data(source, _join(check) if check else None, ahead, report)


def describe(paths: DataPaths) -> dict[str, Any]:
    """Return where the pairs come from, by the names of the folders: weights must not hold paths of a machine."""
    found: dict[str, Any] = {"data": [root.resolve().name for root in paths.data]}
    if paths.photos is not None and paths.lights is not None:
        found |= {"photos": paths.photos.resolve().name, "lights": paths.lights.name, "held": paths.held_lights}
    return found


def _open_stored(root: Path, split: Split, seed: int | None, strict: bool, threads: int) -> StoredPairs:
    pairs, problems = find_pairs(root, split, strict=strict)
    for problem in problems:
        _logger.warning("left out: %s", problem)
    if problems:
        _logger.warning("%s: %d of %d pairs left out", root, len(problems), len(problems) + len(pairs))
    if seed is None and len(pairs) > CHECKED_PAIRS:
        pairs = [pairs[row] for row in np.linspace(0, len(pairs) - 1, CHECKED_PAIRS).round().astype(int)]
    return StoredPairs(pairs, seed=seed, strict=strict, threads=threads)


def _open_photos(
    paths: DataPaths, settings: TrainSettings, device: torch.device, threads: int
) -> tuple[LitPhotos, HeldPairs]:
    assert paths.photos is not None
    assert paths.lights is not None
    donors, held = lights.hold_out(lights.read_lights(paths.lights), paths.held_lights)
    check = HeldPairs(photos.find_photos(paths.photos, "val"), held, each=paths.held_composites, threads=threads)
    if not len(check):
        none = f"none of the {len(check.without)} photos of the split val"
        raise SourceError(f"{paths.photos}: {none} has a suitable donor light among {len(held)} held, wanted one")
    found = photos.find_photos(paths.photos, "train")
    memory = photos.read_memory(found, photos.side_for(settings.largest), threads).to(device)
    return LitPhotos(memory, donors.to(device), settings.seed, settings.relit, settings.mixed), check


def _join(sources: list[Source]) -> Source:
    return sources[0] if len(sources) == 1 else Joined(sources)
