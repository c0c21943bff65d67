"""A share of the photos of a dataset, held back from training to choose the checkpoint by; the test list stays unseen.

Which photos these are depends on the hash of their ids alone: adding photos, another order, another machine or a
resumed run moves none of them. All composites of a photo go together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ccharmony.dataset.formats.pair_files import PairPaths


def hold_out_photos(pairs: Sequence[PairPaths], share: float) -> tuple[list[PairPaths], list[PairPaths]]:
    """Divide the pairs of the train list by photo.

    Parameters
    ----------
    pairs
        Pairs to train on.
    share
        Share of the photos to hold back, in [0, 1). Of two photos and more at least one is held back and one is not.

    Returns
    -------
    tuple[list[PairPaths], list[PairPaths]]
        The pairs to train on and those to validate on, in their order.
    """
    places = sorted({(place_of(pair.photo), pair.photo) for pair in pairs})
    below = sum(place < share for place, _ in places)
    count = min(max(below, 1), len(places) - 1) if share > 0 else 0
    held = {photo for _, photo in places[:count]}
    return [pair for pair in pairs if pair.photo not in held], [pair for pair in pairs if pair.photo in held]


def place_of(photo: str) -> float:
    """Return where the hash of a photo's id lies between 0 and 1: photos below the share are held back.

    Examples
    --------
    >>> round(place_of("c1"), 3), round(place_of("c2"), 3)
    (0.816, 0.61)
    """
    return int.from_bytes(hashlib.sha256(photo.encode()).digest()[:8]) / 2**64
