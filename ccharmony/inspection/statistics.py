"""The figures of a dataset that a paper prints: counts, foregrounds, changes, casts of lights, donors, duplicates.

Contents: :class:`Statistics`, :func:`measure_dataset`; :class:`Drift`, :func:`compare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from ccharmony import listing
from ccharmony.arrays import Float64
from ccharmony.color.cast import measure_casts
from ccharmony.dataset import tables
from ccharmony.dataset.card.facts import Facts
from ccharmony.dataset.fits import read_fits
from ccharmony.dataset.formats import hdf5, shards
from ccharmony.dataset.manifest import read_manifest
from ccharmony.errors import ImageError, ManifestError
from ccharmony.images import pixels
from ccharmony.progress import Progress, no_progress
from ccharmony.records import Pair

Result = TypeVar("Result")

FIGURES: Mapping[str, str] = {
    "share": "foreground, share of the picture",
    "delta_e": "change of the foreground, ΔE2000",
    "clipped": "clipped share of the foreground",
    "cct": "cast of the photo's own light, K",
    "cct_donor": "cast of the donor's light, K",
    "duv": "Duv of the photo's own light",
    "duv_donor": "Duv of the donor's light",
    "lent": "composites in the light of one donor",
}
"""Name of a figure -> its words. One value a foreground, a pair, a photo (own light), a pair (donor), a donor."""

NEAR = 6
"""Of 64 bits by which the hashes of two pictures may differ. Copies of half the size, or saved again at quality 60,
differ by 4 at most (37 photos, three copies each); two photos of one scene of the demo under other lights by 0 to 7;
photos of two scenes by 20 or more in the demo, by 23 or more in seven photos of other origin."""

_SIDE = 9, 8
_PREVIEW = 128


@dataclass(frozen=True, eq=False)
class Statistics:
    """What was measured.

    Attributes
    ----------
    facts
        Counts by split, camera and fit kind.
    figures
        Values by name, see `FIGURES`; NaN where unknown is left out.
    lent
        Composites by donor, most first.
    duplicates
        Real pictures of train and test that look the same, with the bits by which they differ.
    problems
        One line for each picture that cannot be read.
    """

    facts: Facts
    figures: Mapping[str, Float64]
    lent: Sequence[tuple[str, int]]
    duplicates: Sequence[tuple[str, str, int]]
    problems: Sequence[str]


@dataclass(frozen=True)
class Drift:
    """How far one figure of two datasets differs.

    Attributes
    ----------
    figure
        Its name.
    medians
        Of the first and the second dataset.
    distance, p_value
        Of the two-sample Kolmogorov-Smirnov test: the largest difference of the two cumulative shares, in [0, 1], and
        how often chance alone gives one as large.
    """

    figure: str
    medians: tuple[float, float]
    distance: float
    p_value: float


def measure_dataset(root: Path, *, jobs: int = 2, progress: Progress | None = None) -> Statistics:
    """Measure a built dataset.

    Parameters
    ----------
    root
        The dataset.
    jobs
        Pictures read at a time.
    progress
        Called with "pictures", those read and their number.

    Returns
    -------
    Statistics
        All figures.

    Raises
    ------
    ManifestError
        The manifest or fits.h5 cannot be read, or the dataset is packed.
    """
    if hdf5.is_packed(root) or shards.is_packed(root):
        raise ManifestError(f"{root}: packed, without fits; wanted the dataset that it was packed from")
    if not root.is_dir():
        raise ManifestError(f"{root}: {listing.why_no_folder(root)}, wanted a dataset that `ccharmony build` wrote")
    rows = read_manifest(root / tables.MANIFEST)
    lights = {record.id: record for record in read_fits(root / tables.FITS)}
    report = tables.read_report(root)
    facts = Facts(rows, lights, tables.read_settings(root), report)
    masks, reals = sorted({row.mask for row in rows}), sorted({row.real for row in rows})
    read = _Reader(root, jobs, len(masks) + len(reals), progress or no_progress)
    shares = read.each(masks, _measure_share)
    hashes = read.each(reals, _hash)
    lent = Counter(row.donor for row in rows).most_common()
    figures = {
        "share": np.array([*shares.values()]),
        "delta_e": np.array([row.delta_e for row in rows]),
        "clipped": np.array([row.clipped_share for row in rows]),
        "lent": np.array([count for _, count in lent], np.float64),
        **_measure_lights(facts),
    }
    found = {name: values[np.isfinite(values)] for name, values in figures.items()}
    return Statistics(facts, found, lent, _find_duplicates(rows, hashes), read.problems)


def compare(first: Statistics, second: Statistics) -> list[Drift]:
    """Compare the figures that both datasets have, the largest difference first."""
    from scipy import stats  # here, since it takes half a second

    found = []
    for name in FIGURES:
        one, other = first.figures[name], second.figures[name]
        if one.size and other.size:
            test = stats.ks_2samp(one, other)
            medians = float(np.median(one)), float(np.median(other))
            found.append(Drift(name, medians, float(test.statistic), float(test.pvalue)))
    return sorted(found, key=lambda drift: -drift.distance)


class _Reader:
    """Reads pictures side by side; one that cannot be read is a problem and has no result."""

    def __init__(self, root: Path, jobs: int, total: int, progress: Progress) -> None:
        self.problems: list[str] = []
        self._root, self._jobs, self._total, self._done, self._progress = root, jobs, total, 0, progress

    def each(self, names: Sequence[str], measure: Callable[[Path], Result]) -> dict[str, Result]:
        def read(name: str) -> Result | ImageError:
            try:
                return measure(self._root / name)
            except ImageError as error:
                return error

        found: dict[str, Result] = {}
        with ThreadPoolExecutor(self._jobs) as pool:
            for name, result in zip(names, pool.map(read, names), strict=True):
                self._done += 1
                self._progress("pictures", self._done, self._total)
                if isinstance(result, ImageError):
                    self.problems.append(str(result))
                else:
                    found[name] = result
        return found


def _measure_share(path: Path) -> float:
    return float(pixels.read_mask(path).mean())


def _hash(path: Path) -> int:
    """Return 64 bits that a picture keeps when it is scaled or saved again: whether it gets lighter to the right."""
    gray = cv2.cvtColor(pixels.read_preview(path, _PREVIEW), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, _SIDE, interpolation=cv2.INTER_AREA).astype(np.int16)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


def _measure_lights(facts: Facts) -> dict[str, Float64]:
    """Return the casts before and after: of the light of each photo with pairs, and of the donor of each pair."""
    names = list(facts.lights)
    patches = np.array([facts.lights[name].patches for name in names]).reshape(-1, 24, 3)
    cct, duv = measure_casts(patches)
    at = {name: number for number, name in enumerate(names)}
    own = [at[name] for name in dict.fromkeys(row.photo for row in facts.rows) if name in at]
    donors = [at[row.donor] for row in facts.rows if row.donor in at]
    return {"cct": cct[own], "cct_donor": cct[donors], "duv": duv[own], "duv_donor": duv[donors]}


def _find_duplicates(rows: Sequence[Pair], hashes: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Return pictures of train and of test whose hashes differ in few bits, the nearest first."""
    splits = {row.real: row.split for row in rows}
    train, test = ([name for name in hashes if splits[name] == split] for split in ("train", "test"))
    others = np.array([hashes[name] for name in train], np.uint64)
    found = []
    for name in test:
        bits = np.bitwise_count(others ^ np.uint64(hashes[name]))
        found += [(train[place], name, int(bits[place])) for place in np.flatnonzero(bits <= NEAR).tolist()]
    return sorted(found, key=lambda line: (line[2], line[:2]))
