"""What a build is asked for, and what it says when it is done."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccharmony import sources
from ccharmony.build import donors
from ccharmony.build.pairs import PairSettings
from ccharmony.color.polynomial import Kind
from ccharmony.color.transfer import Arithmetic
from ccharmony.dataset.manifest import Pair
from ccharmony.errors import SettingsError
from ccharmony.images import pixels


@dataclass(frozen=True)
class BuildSettings:
    """Everything that decides what a build writes.

    Attributes
    ----------
    src
        Names of sources.
    data
        Folder that holds one folder a source.
    release
        Clone of the authors' repository; None without.
    lights
        A fits.h5 whose lights are lent too, and borrowed by photos that show no checker; None without.
    fit
        Fit kind; None for ``published`` with a release and ``ridge`` without.
    drop_flagged
        Whether eleven plain terms may be fitted to fewer than 24 patches.
    test_share
        Share of the photos that go to test where the source does not say.
    exclude
        Ids of photos to leave out.
    override
        Fit kind by photo id.
    pair
        What shapes a pair.
    max_pixels
        Photos with more pixels are refused before they are decoded; None lifts the limit. It shapes no picture, so
        `as_dict` leaves it out.
    """

    src: tuple[str, ...]
    data: Path
    release: Path | None = None
    lights: Path | None = None
    fit: Kind | None = None
    drop_flagged: bool = False
    test_share: float = donors.TEST_SHARE
    exclude: frozenset[str] = frozenset()
    override: Mapping[str, Kind] = field(default_factory=dict)
    pair: PairSettings = field(default_factory=PairSettings)
    max_pixels: int | None = pixels.MAX_PIXELS

    def __post_init__(self) -> None:
        unknown = [name for name in self.src if name not in sources.NAMES]
        if unknown or not self.src:
            raise SettingsError(f"source {' '.join(unknown) or 'none'}, wanted some of {' '.join(sources.NAMES)}")

    @property
    def kind(self) -> Kind:
        """Return the fit kind that applies where no override does."""
        return self.fit or ("published" if self.release else "ridge")

    @property
    def arithmetic(self) -> Arithmetic:
        """Return how matrices are applied: as the authors did with published fits, without loss otherwise."""
        return "published" if self.kind == "published" else "float"

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON keeps them; folders by their last name, so that a dataset may move."""
        plain = dataclasses.asdict(self)
        del plain["max_pixels"]
        plain.update(
            src=list(self.src),
            data=self.data.name,
            release=None if self.release is None else self.release.name,
            lights=None if self.lights is None else self.lights.name,
            fit=self.kind,
            exclude=sorted(self.exclude),
            override=dict(sorted(self.override.items())),
        )
        return plain


@dataclass
class BuildReport:
    """How a build went.

    Attributes
    ----------
    photos, foregrounds, pairs
        What was written, by split.
    problems
        One line for each photo or foreground that was skipped, with the reason.
    shortages
        One line for each foreground that got fewer donors than asked for.
    found
        One line a source: what was found and what is missing.
    resumed
        Photos whose pairs were finished by an earlier run.
    passed_clipped, passed_unchanged
        Donors passed over because the composite would clip, or hardly change.
    seconds
        Wall time.
    plan
        Digest of settings and input files: a build of the same plan finds its work done.
    """

    photos: dict[str, int] = field(default_factory=dict)
    foregrounds: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    shortages: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    resumed: int = 0
    passed_clipped: int = 0
    passed_unchanged: int = 0
    seconds: float = 0.0
    plan: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as build.json keeps it: all but `resumed`, which an unbroken build would not know."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "resumed"}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BuildReport:
        """Return a report that build.json kept; raises KeyError where a field is missing."""
        return cls(**{name: content[name] for name in cls.__dataclass_fields__ if name != "resumed"})

    @property
    def first_problem(self) -> str:
        """Return the first problem or shortage, for the message of a build that failed as a whole."""
        lines = self.problems + self.shortages
        return f"the first problem: {lines[0]}" if lines else "no problem was met"

    def count(self, rows: Sequence[Pair]) -> None:
        """Fill in what was written from the rows of the manifest."""
        foregrounds = {(row.photo, row.foreground): row.split for row in rows}
        self.pairs = dict(Counter(row.split for row in rows))
        self.foregrounds = dict(Counter(foregrounds.values()))
        self.photos = dict(Counter({row.photo: row.split for row in rows}.values()))
