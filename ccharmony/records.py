"""Plain rows that pass between stages: photos, charts, pairs, fits; nothing here touches a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ccharmony.arrays import Bool, Float64
from ccharmony.checker.chart import Box
from ccharmony.images.camera import Rendering
from ccharmony.images.readable import Readable

Split = Literal["train", "test"]

SPLITS: tuple[Split, ...] = get_args(Split)

FIT_ARRAYS = ("patches", "to_standard", "from_standard")
"""The fields of a `FitRecord` that are arrays."""


@dataclass(frozen=True, eq=False)
class Chart:
    """The position of the color checker in a photo, in pixels (x, y) of the upright photo.

    Attributes
    ----------
    box
        x0, y0, x1, y1 around the full chart: what the crop must leave out.
    corners
        Shape (4, 2): the chart's corners next to dark skin, bluish green, black and white; None if unknown.
    quads
        Shape (24, 4, 2): corners of each patch, standard chart order (dark skin first); None if unknown.
    others
        Boxes around further charts, which the crop must leave out, too.
    """

    box: Box
    corners: Float64 | None = None
    quads: Float64 | None = None
    others: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class Photo:
    """A source photograph and everything that its source knows about it.

    Attributes
    ----------
    id
        Unique name; file names of the dataset begin with it.
    source, camera
        Names of its source and of its camera.
    path
        The file.
    chart
        Position of the checker; None if it has to be found, or if the photo shows none.
    patches
        Shape (24, 3), in [0, 1], release order, NaN where not measured; None if they have to be read from the photo.
    to_standard, from_standard
        Published matrices (3, 11) on [0, 1], used as they are; None if they have to be fitted.
    masks
        Foreground letter -> mask file. A mask has the size of the photo, or of its crop.
    split
        Given by the source, or None to have it assigned.
    group
        Photos of one group (the same scene under several lights) share a split; empty if the photo stands alone.
    rendering
        How linear sensor values become a photo; None for a photo that is display-referred or RAW.
    orient
        Whether the EXIF orientation can be trusted.
    charted
        Whether the photo is meant to show a checker; if not, the nearest recorded light is used.
    """

    id: str
    source: str
    camera: str
    path: Path
    chart: Chart | None = None
    patches: Float64 | None = None
    to_standard: Float64 | None = None
    from_standard: Float64 | None = None
    masks: Mapping[str, Readable] = field(default_factory=dict)
    split: Split | None = None
    group: str = ""
    rendering: Rendering | None = None
    orient: bool = True
    charted: bool = True


@dataclass(frozen=True)
class Pair:
    """One row of manifest.csv: a composite, its mask and the real picture, and how the composite came about.

    Attributes
    ----------
    composite, mask, real
        Paths below the dataset's root, with forward slashes.
    photo, foreground, donor, source, camera, split
        Whose foreground, which one, whose light, and where the photo came from.
    fit_kind, donor_fit_kind
        How the photo's and the donor's matrices were fitted; ``borrowed:<id>:`` in front where the photo has no
        chart, and the light of another photo is used as its own.
    clipped_share
        Share of the foreground's pixels of which a channel fell outside [0, 1] before it was clipped.
    delta_e
        Mean CIEDE2000 between the composite's and the real foreground.
    note
        A note, such as a published mask that was resized; usually empty.
    composite_sha256, mask_sha256, real_sha256
        Hashes of the three files.
    profile
        Name of the color profile that the photo was converted from; empty where it was in sRGB, or raw.
    """

    composite: str
    mask: str
    real: str
    photo: str
    foreground: str
    donor: str
    source: str
    camera: str
    split: Split
    fit_kind: str
    donor_fit_kind: str
    clipped_share: float
    delta_e: float
    note: str
    composite_sha256: str
    mask_sha256: str
    real_sha256: str
    profile: str = ""


@dataclass(frozen=True, eq=False)
class FitRecord:
    """The light of one photo.

    Attributes
    ----------
    id, camera, source, split, group
        As in `Photo`; split and group may be empty.
    kind
        How the matrices were fitted: published, affine, ridge, or ``release`` for published ones used as they are.
    patches
        Shape (24, 3), in [0, 1], release order, NaN where not measured.
    to_standard, from_standard
        T_a and T'_a on [0, 1], shape (3, 11).
    residuals
        Figures by name, NaN where unknown.
    flags
        Why a person should look at this fit; empty if nothing is conspicuous.
    notes
        Why each of the 24 patches was left out of the fit, release order, an empty string where it was used; empty if
        none are stored, and then every measured patch was used.
    origin
        What the patch colors come from: ``release``, its tables; ``counts``, camera counts in the source's small files;
        empty for a picture, or where a file does not say.
    """

    id: str
    camera: str
    source: str
    kind: str
    patches: Float64
    to_standard: Float64
    from_standard: Float64
    split: str = ""
    group: str = ""
    residuals: Mapping[str, float] = dataclasses.field(default_factory=dict)
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    origin: str = ""

    @property
    def used(self) -> Bool:
        """Return which patches the fit used, shape (24,)."""
        unflagged = np.array([note == "" for note in self.notes or ("",) * 24])
        return np.asarray(unflagged & np.isfinite(self.patches).all(axis=1))
