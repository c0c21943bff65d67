"""Which donors give their light to a foreground, and which photos go to test.

Both are decided by hashes of ids, so that neither the order of the photos nor the number of jobs matters.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Float64
from ccharmony.build.settings import TEST_SHARE, Limits
from ccharmony.color import difference, transfer
from ccharmony.errors import SettingsError
from ccharmony.records import Photo, Split

_SAMPLE = 2048
"""Pixels on which a candidate is measured; the mean ΔE of 2,048 pixels is within 1 % of that of all."""


@dataclass(frozen=True, eq=False)
class DonorChoice:
    """The donors of one foreground.

    Attributes
    ----------
    donors
        Ids, in the order in which they were selected.
    delta_e
        Mean CIEDE2000 of the change under each donor.
    passed_clipped, passed_unchanged
        Candidates rejected because they clip, or because they change too little.
    """

    donors: tuple[str, ...]
    delta_e: tuple[float, ...]
    passed_clipped: int
    passed_unchanged: int


def select_donors(
    name: str,
    foreground: transfer.Foreground,
    candidates: Mapping[str, Float64],
    count: int,
    *,
    seed: int = 0,
    limits: Limits | None = None,
) -> DonorChoice:
    """Select the donors of a foreground, each at most once.

    Parameters
    ----------
    name
        The foreground's id, which together with `seed` decides the order of the candidates.
    foreground
        Its pixels in standard colors.
    candidates
        Photo id -> from_standard (3, 11); the photo itself and the other split are already left out.
    count
        How many donors are wanted; fewer come back if the candidates run out.
    seed
        Another seed gives another order.
    limits
        When a candidate is rejected.

    Returns
    -------
    DonorChoice
        The first `count` candidates that are not rejected, and how many were rejected before them.
    """
    limits = limits or Limits()
    sample = foreground.sample(_SAMPLE)
    original = difference.to_lab(sample.original / 255)
    donors: list[str] = []
    changes: list[float] = []
    clipped = unchanged = 0
    ordered = order_candidates(name, candidates, seed)
    while next_donors := list(itertools.islice(ordered, count - len(donors))):
        relits = list(transfer.relight_each(sample, [candidates[donor] for donor in next_donors]))
        labs = difference.to_lab(np.stack([relit.colors for relit in relits]) / 255)
        measured = difference.delta_e_lab(labs, original).mean(axis=1).tolist()
        for donor, relit, change in zip(next_donors, relits, measured, strict=True):
            if relit.clipped_share > limits.max_clipped:
                clipped += 1
            elif change < limits.min_delta_e:
                unchanged += 1
            else:
                donors.append(donor)
                changes.append(change)
    return DonorChoice(tuple(donors), tuple(changes), clipped, unchanged)


def order_candidates(name: str, candidates: Mapping[str, object], seed: int) -> Iterator[str]:
    """Yield the candidates in the order of a foreground's hashes, sorted only as far as they are asked for."""
    start = f"{seed}\0{name}\0".encode()
    hashed = [(hashlib.sha256(start + donor.encode()).digest(), donor) for donor in candidates]
    heapq.heapify(hashed)  # a dozen of 100,000 are asked for: 0.06 s, sorting all takes 0.2
    while hashed:
        yield heapq.heappop(hashed)[1]


def assign_splits(photos: Sequence[Photo], test_share: float = TEST_SHARE, seed: int = 0) -> dict[str, Split]:
    """Assign each photo to train or test; photos of one group share a split, and a given split is not changed.

    Parameters
    ----------
    photos
        All photos of the build.
    test_share
        Share of the groups without a given split that go to test, in [0, 1).
    seed
        Another seed gives another test set.

    Returns
    -------
    dict[str, Split]
        Photo id -> split.

    Raises
    ------
    SettingsError
        The share is out of range.
    """
    if not 0 <= test_share < 1:
        raise SettingsError(f"test share {test_share}, wanted 0 or more and less than 1")
    groups = sorted({_group(photo) for photo in photos if photo.split is None}, key=lambda group: _digest(seed, group))
    test = set(groups[: round(test_share * len(groups))])
    return {photo.id: photo.split or ("test" if _group(photo) in test else "train") for photo in photos}


def adapt_splits(
    photos: Sequence[Photo], splits: Mapping[str, Split], counts: Mapping[str, int]
) -> tuple[dict[str, Split], str]:
    """Put all photos into train where a test set of few photos would leave a photo without a donor.

    Parameters
    ----------
    photos
        All photos of the build; a given split is not changed.
    splits
        Split by photo id, of `assign_splits`.
    counts
        Number of recorded lights by split, those of the photos and others.

    Returns
    -------
    splits
        Split by photo id: unchanged if each split that was assigned has two lights, a photo's own and a donor's.
    note
        One line on what was changed; empty if nothing was.
    """
    free = {photo.id for photo in photos if photo.split is None}
    used = {splits[photo.id] for photo in photos if photo.masks and photo.id in free}
    if "test" not in {splits[name] for name in free} or all(counts.get(split, 0) >= 2 for split in used):
        return dict(splits), ""
    few = " and ".join(f"{counts.get(split, 0)} in {split}" for split in sorted(used))
    note = f"too few lights for a test set ({few}; each photo needs a donor): photos without a given split go to train"
    return {name: "train" if name in free else split for name, split in splits.items()}, note


def _group(photo: Photo) -> str:
    return photo.group or photo.id


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
