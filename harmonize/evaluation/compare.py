"""Is one method better than another, or is it the choice of pictures? A paired bootstrap over two tables of scores.

Both tables score the same composites, so their difference is taken picture by picture. Composites of one photo are not
independent of each other (ccHarmony has ten of each foreground), therefore whole photos are resampled, with all their
composites. What few photos can tell is limited, see :data:`LEAST_PHOTOS` and :data:`FEW_PHOTOS`.

References
----------
B. Efron, R. Tibshirani. An Introduction to the Bootstrap. Chapman & Hall, 1993, chapters 13 and 16.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony import inputs
from ccharmony.arrays import Float64, Indices
from ccharmony.dataset.formats.names import split_name
from ccharmony.errors import ManifestError, SettingsError
from ccharmony.files import StrPath
from ccharmony.names import from_cell
from harmonize.evaluation import metrics

Key = tuple[str, str]

RESAMPLES = 10_000
CONFIDENCE = 0.95

LEAST_PHOTOS = 6
"""Photos that a comparison needs: where n agree on the sign of a difference, chance does so with 2^(1 - n); of five
that is 0.062, so that no difference could count as found at 5 %."""

FEW_PHOTOS = 30
"""Below it the interval is too narrow: of 2,000 samples of a normal (exponential) distribution it held the mean in 85 %
(82 %) with 6 photos, 91 % (85 %) with 10, 93 % (89 %) with 20 and 94 % (92 %) with 30, in place of 95 %."""

_LARGEST_SCORE = 1e6  # a mean square of 8 bits is 65,025 at most

_CHUNK = 1_000_000
"""Photos sampled at a time, over all resamples of a chunk: 8 MB of indices."""


@dataclass(frozen=True, slots=True)
class Table:
    """Scores of one method.

    Attributes
    ----------
    path
        The images.csv that they were read from.
    protocol
        Name of the protocol that they follow.
    scores
        Six numbers by (set, composite's name), in the order of `metrics.NAMES`.
    photos
        The photo of each, by the same key; where it is missing, it is read from the composite's name.
    """

    path: Path
    protocol: str
    scores: dict[Key, tuple[float, ...]]
    photos: dict[Key, str] = field(default_factory=dict)

    def photo_of(self, key: Key) -> str:
        """Return what composites of one photo share: ``c1`` of ``c1_2_3.jpg``; the whole stem of another form."""
        stem = Path(key[1]).stem
        return f"{key[0]}/{self.photos.get(key) or split_name(stem)[1] or stem}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between two methods, A and B, in one metric.

    Attributes
    ----------
    metric
        Its name.
    a, b
        Means over the pictures that both have.
    difference
        b - a.
    low, high
        Ends of the interval that holds the difference with a confidence of 95 %.
    p
        Share of resamples in which the difference is 0 or has the other sign, times two, and at least 2^(1 - photos):
        near 0 the difference is real, near 1 it is due to the choice of photos.
    """

    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def better(self) -> str:
        """The better one, "A" or "B", or "-" where the interval holds 0."""
        if self.low <= 0 <= self.high:
            return "-"
        return "B" if (self.difference < 0) == (self.metric in metrics.LOWER_IS_BETTER) else "A"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods on the pictures that both scored.

    Attributes
    ----------
    pictures, photos
        How many were compared; photos are what is resampled.
    only_a, only_b
        Pictures that the other table lacks, as set/name.
    differences
        One a metric.
    """

    pictures: int
    photos: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    differences: tuple[Difference, ...]


def read_table(path: StrPath) -> Table:
    """Read the scores that an evaluation wrote.

    Parameters
    ----------
    path
        images.csv of an evaluation.

    Returns
    -------
    Table
        Its scores, by set and name.

    Raises
    ------
    ManifestError
        The file cannot be read, is no images.csv, or holds rows of several protocols.
    """
    path = Path(path)
    try:
        with inputs.open_text(path, newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read ({inputs.why(error)})") from error
    try:
        keys = [(from_cell(row["set"]), from_cell(row["name"])) for row in rows]
        scores = {key: _scores_of(row) for key, row in zip(keys, rows, strict=True)}
        photos = {key: from_cell(row.get("photo") or "") for key, row in zip(keys, rows, strict=True)}
        protocols = {row["protocol"] for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{path}: not the images.csv of an evaluation ({error!r})") from error
    if len(protocols) != 1:
        raise ManifestError(f"{path}: {len(rows)} rows of {len(protocols)} protocols, wanted rows of one")
    return Table(path, protocols.pop(), scores, photos)


def _scores_of(row: Mapping[str, str]) -> tuple[float, ...]:
    """Return the scores in a row; raises ValueError for what no metric gives."""
    scores = tuple(float(row[name]) for name in metrics.NAMES)
    for name, value in zip(metrics.NAMES, scores, strict=True):
        if not abs(value) < _LARGEST_SCORE:
            raise ValueError(f"{row['name']}: {name} {value}, wanted a finite score")
    return scores


def compare(a: Table | StrPath, b: Table | StrPath, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two methods by a paired bootstrap over photos.

    Parameters
    ----------
    a, b
        Scores under one protocol: the images.csv of two evaluations, or what `read_table` made of them. Pictures are
        matched by set and name.
    resamples
        How often the photos are resampled.
    seed
        Of the resampling; the same seed gives the same numbers.

    Returns
    -------
    Comparison
        How many pictures both have, and for each metric the difference with its interval of 95 %.

    Raises
    ------
    ManifestError
        A file is no images.csv of an evaluation.
    SettingsError
        The protocols differ, no picture is in both tables, or those that are show fewer than six photos.
    """
    a, b = (table if isinstance(table, Table) else read_table(table) for table in (a, b))
    if a.protocol != b.protocol:
        raise SettingsError(f"{a.path} follows {a.protocol}, {b.path} follows {b.protocol}: wanted the same protocol")
    keys = sorted(a.scores.keys() & b.scores.keys())
    if not keys:
        raise SettingsError(f"{a.path} and {b.path}: no picture in both, wanted scores of the same pictures")
    first, second = (np.array([table.scores[key] for key in keys]) for table in (a, b))
    groups = np.unique([a.photo_of(key) for key in keys], return_inverse=True)[1]
    photos = int(groups.max()) + 1
    if photos < LEAST_PHOTOS:
        found = f"{len(keys)} pictures of {photos} photos in both"
        raise SettingsError(f"{a.path} and {b.path}: {found}, a comparison needs {LEAST_PHOTOS} photos or more")
    resampled = _resample_means(second - first, groups, resamples, np.random.default_rng(seed))
    columns = zip(metrics.NAMES, first.mean(axis=0), second.mean(axis=0), resampled.T, strict=True)
    return Comparison(
        pictures=len(keys),
        photos=photos,
        only_a=_names(a.scores.keys() - b.scores.keys()),
        only_b=_names(b.scores.keys() - a.scores.keys()),
        differences=tuple(
            _describe(name, float(mean_a), float(mean_b), values, photos) for name, mean_a, mean_b, values in columns
        ),
    )


def _resample_means(differences: Float64, groups: Indices, resamples: int, random: np.random.Generator) -> Float64:
    """Return the mean difference of each resample of groups, (resamples, 6)."""
    photos = int(groups.max()) + 1
    sums = np.zeros((photos, differences.shape[1] + 1))
    np.add.at(sums, groups, np.column_stack([differences, np.ones(len(differences))]))
    means = []
    for start in range(0, resamples, step := max(_CHUNK // photos, 1)):
        sample = random.integers(photos, size=(min(step, resamples - start), photos))
        # How often each photo is in a sample, then one product: indexing the sums would copy them for each sample.
        offsets = np.arange(len(sample))[:, None] * photos
        counts = np.bincount((sample + offsets).ravel(), minlength=sample.size).reshape(sample.shape)
        totals = counts @ sums
        means.append(totals[:, :-1] / totals[:, -1:])
    return np.concatenate(means)


def _describe(name: str, a: float, b: float, resampled: Float64, photos: int) -> Difference:
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    turned = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    p = min(max(2 * (turned + 1) / (len(resampled) + 1), 2.0 ** (1 - photos)), 1.0)
    return Difference(name, a, b, b - a, float(low), float(high), p)


def _names(keys: set[Key]) -> tuple[str, ...]:
    return tuple(f"{name}/{composite}" for name, composite in sorted(keys))
