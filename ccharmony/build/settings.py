"""Every number that shapes a build: frozen dataclasses that refuse values outside their ranges."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccharmony import sources
from ccharmony.color.polynomial import FitKind
from ccharmony.color.transfer import Arithmetic
from ccharmony.errors import SettingsError
from ccharmony.files import StrPath
from ccharmony.images import pixels
from ccharmony.images.headers import MAX_PIXELS

TEST_SHARE = 0.2857
"""Share of the published photos that are in test, 100 of 350, in the digits that the command shows."""
MAX_CLIPPED = 0.2
"""A donor is rejected if its composite clips on a larger share of the foreground."""
MIN_DELTA_E = 2.0
"""A donor is rejected if the foreground changes less, in mean CIEDE2000: the pair would show almost no task."""


PLACES = ("data", "release", "lights")
"""Settings that are names of what is read."""

SUFFIXES = (".jpg", ".png")
"""Formats of composites and real pictures."""


def _is_whole(value: object) -> bool:
    """Return whether a value is a whole number of 64 bits, as JSON holds it."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


@dataclass(frozen=True)
class Limits:
    """When a donor is rejected.

    Attributes
    ----------
    max_clipped
        Largest share of foreground pixels that may clip, in [0, 1]; 1 accepts all.
    min_delta_e
        Smallest mean CIEDE2000 of the change; 0 accepts all.
    """

    max_clipped: float = MAX_CLIPPED
    min_delta_e: float = MIN_DELTA_E

    def __post_init__(self) -> None:
        if not _is_number(self.max_clipped) or not 0 <= self.max_clipped <= 1:
            raise SettingsError(f"largest clipped share {self.max_clipped!r:.60}, wanted 0 to 1")
        if not _is_number(self.min_delta_e) or self.min_delta_e < 0:
            raise SettingsError(f"smallest change {self.min_delta_e!r:.60}, wanted a ΔE of 0 or more")


@dataclass(frozen=True)
class PairSettings:
    """Settings of the pairs.

    Attributes
    ----------
    composites
        Donors a foreground.
    suffix, quality
        Format of composites and real pictures.
    size
        Longest side of the pictures in pixels; 0 leaves them as they are.
    crop
        Whether the chart is cropped away.
    soft
        Whether masks may have values between 0 and 1.
    seed
        Of the selection of donors and of the split.
    limits
        When a donor is rejected.
    """

    composites: int = 10
    suffix: str = ".jpg"
    quality: int = pixels.JPEG_QUALITY
    size: int = 0
    crop: bool = True
    soft: bool = False
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not _is_whole(self.composites) or self.composites < 1:
            raise SettingsError(f"{self.composites!r:.60} composites a foreground, wanted 1 or more")
        if not isinstance(self.suffix, str) or self.suffix not in SUFFIXES:
            raise SettingsError(f"suffix {self.suffix!r:.60}, wanted one of {' '.join(SUFFIXES)}")
        if not _is_whole(self.quality) or not 1 <= self.quality <= 100:
            raise SettingsError(f"quality {self.quality!r:.60}, wanted 1 to 100")
        if not _is_whole(self.size) or self.size < 0:
            raise SettingsError(f"size {self.size!r:.60}, wanted the longest side in pixels, or 0")
        if not _is_whole(self.seed):
            raise SettingsError(f"seed {self.seed!r:.60}, wanted a whole number of 64 bits")


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
        A fits.h5 whose lights are donors too, and are used for photos that show no checker; None without.
    fit
        Fit kind; None for ``published`` with a release and ``ridge`` without.
    drop_flagged
        Whether eleven plain terms may be fitted to fewer than 24 patches.
    keep_flagged
        Whether fits use flagged patches, too.
    test_share
        Share of the photos that go to test where the source does not say.
    exclude
        Ids of photos to leave out.
    override
        Fit kind by photo id.
    pair
        Settings of the pairs.
    max_pixels
        Photos with more pixels are refused before they are decoded; None lifts the limit. It shapes no picture, so
        `as_dict` leaves it out.
    """

    src: tuple[str, ...]
    data: StrPath
    release: StrPath | None = None
    lights: StrPath | None = None
    fit: FitKind | None = None
    drop_flagged: bool = False
    keep_flagged: bool = False
    test_share: float = TEST_SHARE
    exclude: frozenset[str] = frozenset()
    override: Mapping[str, FitKind] = field(default_factory=dict)
    pair: PairSettings = field(default_factory=PairSettings)
    max_pixels: int | None = MAX_PIXELS

    def __post_init__(self) -> None:
        named = self.src if isinstance(self.src, tuple | list) else (self.src,)
        unknown = [str(name) for name in named if not isinstance(name, str) or name not in sources.NAMES]
        if unknown or not named:
            raise SettingsError(f"source {' '.join(unknown) or 'none'}, wanted some of {' '.join(sources.NAMES)}")
        if not _is_number(self.test_share) or not 0 <= self.test_share <= 1:
            raise SettingsError(f"share of test {self.test_share!r:.60}, wanted 0 to 1")

    @property
    def kind(self) -> FitKind:
        """Return the fit kind that applies where no override does."""
        return self.fit or ("published" if self.release else "ridge")

    @property
    def arithmetic(self) -> Arithmetic:
        """Return how matrices are applied: as the authors did with published fits, in float otherwise."""
        return "published" if self.kind == "published" else "float"

    def inputs(self) -> list[Path]:
        """Return the files and folders that a build reads, whether or not they exist."""
        read = [Path(path) for path in (self.release, self.lights) if path is not None]
        return [*sources.folders(self.src, self.data), *read]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON stores them; folders by their last name, so that a dataset may move."""
        plain = dataclasses.asdict(self)
        del plain["max_pixels"]
        plain.update(
            src=list(self.src),
            data=Path(self.data).name,
            release=None if self.release is None else Path(self.release).name,
            lights=None if self.lights is None else Path(self.lights).name,
            fit=self.kind,
            exclude=sorted(self.exclude),
            override=dict(sorted(self.override.items())),
        )
        return plain

    def choices(self) -> dict[str, Any]:
        """Return the settings without the names of folders and files: their content counts, wherever it lies."""
        return {name: value for name, value in self.as_dict().items() if name not in PLACES}
