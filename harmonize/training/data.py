"""Where a run's pairs come from: folders on disk, photos relit on the fly, or both."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
import torch

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats.pair_files import PairPaths, Split
from ccharmony.errors import SourceError
from ccharmony.urls import Place, Url
from harmonize.data import lights, photos
from harmonize.data.batches import Data, Joined, Source
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.photos import PhotoMemory
from harmonize.data.stored_pairs import StoredPairs
from harmonize.data.unpaired import Streams
from harmonize.data.validation_share import hold_out_photos
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings

CHECKED_PAIRS = 500
"""Stored pairs that a validation scores at most, spread evenly over those held back."""

NETWORK_THREADS = 8
"""Pairs read at a time from an object store, at least: most of that time is waiting for an answer."""

_logger = logging.getLogger(__name__)


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
        Sources to train and to validate on; the latter is None where there is nothing to validate on.

    Raises
    ------
    SourceError, ManifestError, ImageError
        A folder or file is missing or broken; with `strict` also a single pair.
    StoreError
        An object store cannot be asked.
    """
    threads = min(os.cpu_count() or 1, 16)
    train: list[Source] = []
    check: list[Source] = []
    memory: PhotoMemory | None = None
    for root in paths.data:
        learned, held_back = _find_stored(root, paths)
        reading = max(threads, NETWORK_THREADS) if isinstance(root, Url) else threads
        train.append(StoredPairs(learned, seed=settings.seed, strict=paths.strict, threads=reading))
        if held_back:
            check.append(StoredPairs(held_back, strict=paths.strict, threads=reading))
    if paths.photos:
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
    found: dict[str, Any] = {"data": [_name_of(root) for root in paths.data]}
    if paths.data:
        found["val_share"] = paths.val_share
    if paths.lights is not None:
        names = [root.resolve().name for root in paths.photos]
        found |= {"photos": names, "lights": paths.lights.name, "held": paths.held_lights}
    return found


def _name_of(root: Place) -> str:
    return root.name if isinstance(root, Url) else root.resolve().name


def _find_stored(root: Place, paths: DataPaths) -> tuple[list[PairPaths], list[PairPaths]]:
    """Return the pairs of a dataset to train on, and those that choose the checkpoint, which a line says."""
    learned, held_back, how = _divide(root, _list_pairs(root, "train", paths.strict), paths)
    photos, count = len({pair.photo for pair in held_back}), len(held_back)
    if not held_back:
        _logger.warning("%s: not validated on (%s)", root, how)
    else:
        _logger.info("%s: the checkpoint is chosen on %d pairs of %d photos: %s", root, count, photos, how)
    if count > CHECKED_PAIRS:
        held_back = [held_back[row] for row in np.linspace(0, count - 1, CHECKED_PAIRS).round().astype(int)]
    return learned, held_back


def _divide(root: Place, learned: list[PairPaths], paths: DataPaths) -> tuple[list[PairPaths], list[PairPaths], str]:
    """Return the pairs to train on, those to validate on, and what chose them: see `DataPaths.val_share`."""
    if not paths.val_share:
        try:
            return learned, _list_pairs(root, "test", paths.strict), "the test list"
        except SourceError as error:
            if paths.strict:
                raise
            return learned, [], str(error)
    if any(pair.split == "val" for pair in find_pairs(root, "all")[0]):
        return learned, _list_pairs(root, "val", paths.strict), "the val list"
    share = f"{100 * paths.val_share:g} % of the photos of the train list, which are not trained on"
    return *hold_out_photos(learned, paths.val_share), share


def _list_pairs(root: Place, split: Split, strict: bool) -> list[PairPaths]:
    """Return the pairs of a split; those that are broken are named."""
    pairs, problems = find_pairs(root, split, strict=strict)
    for problem in problems:
        _logger.warning("left out: %s", problem)
    if problems:
        _logger.warning("%s: %d of %d pairs left out", root, len(problems), len(problems) + len(pairs))
    return pairs


def _open_photos(
    paths: DataPaths, settings: TrainSettings, device: torch.device, threads: int
) -> tuple[LitPhotos, HeldPairs]:
    assert paths.lights is not None
    donors, held = lights.hold_out(lights.read_lights(paths.lights), paths.held_lights)
    kept = photos.find_photos(paths.photos, "val")
    hidden = settings.kinds.hidden > 0
    check = HeldPairs(kept, held, each=paths.held_composites, threads=threads, hidden=hidden)
    if not len(check):
        none = f"none of the {len(check.without)} photos of the split val"
        raise SourceError(
            f"{', '.join(map(str, paths.photos))}: {none} has a suitable donor light among {len(held)} held, wanted one"
        )
    found = photos.find_photos(paths.photos, "train", maskless=settings.kinds.regions > 0)
    if without := sum(photo.mask is None for photo in found):
        _logger.info("%d of %d photos have no mask: regions of them are foregrounds", without, len(found))
    memory = photos.read_memory(found, photos.side_for(settings.largest), threads).to(device)
    shares = (settings.relit, settings.mixed, settings.kinds, settings.balanced)
    return LitPhotos(memory, donors.to(device), settings.seed, *shares), check


def _join(sources: list[Source]) -> Source:
    return sources[0] if len(sources) == 1 else Joined(sources)
