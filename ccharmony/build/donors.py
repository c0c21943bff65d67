"""Which photos lend their light to which foreground, and which photos go to test.

Both are drawn by hashes of ids, so that neither the order of the photos nor the number of jobs matters.
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
from ccharmony.color import residuals, transfer
from ccharmony.errors import SettingsError
from ccharmony.records import Photo, Split

_SAMPLE = 2048
"""Pixels on which a candidate is judged; the mean ΔE of 2,048 pixels is within 1 % of that of all."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The donors of one foreground.

    Attributes
    ----------
    donors
        Ids, in the order drawn.
    delta_e
        Mean CIEDE2000 of the change under each donor.
    passed_clipped, passed_unchanged
        Candidates passed over because they clip, or because they change too little.
    """

    donors: tuple[str, ...]
    delta_e: tuple[float, ...]
    passed_clipped: int
    passed_unchanged: int


def choose(
    name: str,
    foreground: transfer.Foreground,
    candidates: Mapping[str, Float64],
    count: int,
    *,
    seed: int = 0,
    limits: Limits | None = None,
) -> Choice:
    """Draw the donors of a foreground without repetition.

    Parameters
    ----------
    name
        The foreground's id, which with `seed` decides the order of the draw.
    foreground
        Its pixels in standard colors.
    candidates
        Photo id -> from_standard (3, 11); the photo itself and the other split are already left out.
    count
        How many donors are wanted; fewer come back if the candidates run out.
    seed
        Another seed gives another draw.
    limits
        When a candidate is passed over.
    """
    limits = limits or Limits()
    sample = foreground.sample(_SAMPLE)
    original = residuals.to_lab(sample.original / 255)
    donors: list[str] = []
    changes: list[float] = []
    clipped = unchanged = 0
    draw = order(name, candidates, seed)
    while drawn := list(itertools.islice(draw, count - len(donors))):
        relits = list(transfer.relight_each(sample, [candidates[donor] for donor in drawn]))
        labs = residuals.to_lab(np.stack([relit.colors for relit in relits]) / 255)
        judged = residuals.delta_e_lab(labs, original).mean(axis=1).tolist()
        for donor, relit, change in zip(drawn, relits, judged, strict=True):
            if relit.clipped_share > limits.max_clipped:
                clipped += 1
            elif change < limits.min_delta_e:
                unchanged += 1
            else:
                donors.append(donor)
                changes.append(change)
    return Choice(tuple(donors), tuple(changes), clipped, unchanged)


def order(name: str, candidates: Mapping[str, object], seed: int) -> Iterator[str]:
    """Give the candidates in the order in which a foreground draws them, sorted no further than they are taken."""
    start = f"{seed}\0{name}\0".encode()
    drawn = [(hashlib.sha256(start + donor.encode()).digest(), donor) for donor in candidates]
    heapq.heapify(drawn)  # a dozen of 100,000 are taken: 0.06 s, sorting all takes 0.2
    while drawn:
        yield heapq.heappop(drawn)[1]


def split(photos: Sequence[Photo], test_share: float = TEST_SHARE, seed: int = 0) -> dict[str, Split]:
    """Assign each photo to train or test; photos of one group stay together, and a split that is given stays.

    Parameters
    ----------
    photos
        All photos of the build.
    test_share
        Share of the groups without a given split that go to test, in [0, 1).
    seed
        Another seed gives another draw.

    Raises
    ------
    SettingsError
        The share is out of range.
    """
    if not 0 <= test_share < 1:
        raise SettingsError(f"test share {test_share}, wanted 0 or more and less than 1")
    groups = sorted({_group(photo) for photo in photos if photo.split is None}, key=lambda group: _draw(seed, group))
    test = set(groups[: round(test_share * len(groups))])
    return {photo.id: photo.split or ("test" if _group(photo) in test else "train") for photo in photos}


def _group(photo: Photo) -> str:
    return photo.group or photo.id


def _draw(*parts: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
