"""The typed rows that the build passes on: photos, their charts and foregrounds, and the pairs made of them."""

from __future__ import annotations

import csv
import dataclasses
import io
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ccharmony import files
from ccharmony.errors import ManifestError
from ccharmony.images import pixels
from ccharmony.images.raw import Rendering
from ccharmony.names import flaw

Float = npt.NDArray[np.float64]
Split = Literal["train", "test"]
Box = tuple[float, float, float, float]

SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True, eq=False)
class Chart:
    """Where a photo shows its color checker, in pixels (x, y) of the upright photo.

    Attributes
    ----------
    box
        x0, y0, x1, y1 around the whole chart: what the crop must leave out.
    corners
        Shape (4, 2): the chart's corners next to dark skin, bluish green, black and white; None if unknown.
    quads
        Shape (24, 4, 2): corners of each patch, standard chart order (dark skin first); None if unknown.
    """

    box: Box
    corners: Float | None = None
    quads: Float | None = None


@dataclass(frozen=True, eq=False)
class Photo:
    """A source photograph and all that its source knows about it.

    Attributes
    ----------
    id
        Unique name; file names of the dataset begin with it.
    source, camera
        Where the photo comes from and what took it.
    path
        The file.
    chart
        Where the checker is; None if it has to be found, or if the photo shows none.
    patches
        Shape (24, 3), in [0, 1], release order, NaN where not measured; None if they have to be read from the photo.
    to_standard, from_standard
        Published matrices (3, 11) on [0, 1], used as they are; None if they have to be fitted.
    masks
        Foreground letter -> mask file. A mask has the size of the photo, or of its crop.
    split
        Given by the source, or None to have it drawn.
    group
        Photos of one group (the same scene under several lights) share a split; empty if the photo stands alone.
    rendering
        How linear sensor values become a photo; None for a photo that is display-referred or RAW.
    orient
        Whether the EXIF orientation can be trusted.
    charted
        Whether the photo is meant to show a checker; one that is not borrows a light.
    """

    id: str
    source: str
    camera: str
    path: Path
    chart: Chart | None = None
    patches: Float | None = None
    to_standard: Float | None = None
    from_standard: Float | None = None
    masks: Mapping[str, pixels.Readable] = field(default_factory=dict)
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
        How the photo's and the donor's matrices were fitted; ``borrowed:<id>`` in front of a light that another
        photo lent for want of a chart.
    clipped_share
        Share of the foreground's pixels of which a channel fell outside [0, 1] before it was clipped.
    delta_e
        Mean CIEDE2000 between the composite's and the real foreground.
    note
        What a reader should know, such as a published mask that was resized; empty mostly.
    composite_sha256, mask_sha256, real_sha256
        Hashes of the three files.
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


COLUMNS = tuple(column.name for column in dataclasses.fields(Pair))
_CELLS = operator.attrgetter(*COLUMNS)


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write manifest.csv atomically, in the order given; raises OutputError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(to_row(pair) for pair in pairs)
    files.write_bytes(path, text.getvalue().encode())


def read_pairs(path: Path) -> list[Pair]:
    """Read manifest.csv.

    Raises
    ------
    ManifestError
        The file is absent or not UTF-8, a column is missing or unknown, a number or a split is not one, or a path leads
        out of the dataset.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read ({error})") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        found = ",".join(rows[0]) if rows else "nothing"
        raise ManifestError(f"{path}: columns {found[:80]}, wanted {','.join(COLUMNS)[:80]}...")
    return [_parse(row, f"{path} line {number}") for number, row in enumerate(rows[1:], start=2)]


def to_row(pair: Pair) -> list[str]:
    """Return a pair as the cells of its row; numbers with six digits."""
    return [f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in _CELLS(pair)]


def _parse(row: list[str], place: str) -> Pair:
    if len(row) != len(COLUMNS):
        raise ManifestError(f"{place}: {len(row)} cells, wanted {len(COLUMNS)}")
    cells = dict(zip(COLUMNS, row, strict=True))
    for column in ("composite", "mask", "real"):
        _check_inside(cells[column], place)
    for column in ("photo", "foreground", "donor"):
        if reason := flaw(cells[column]):
            raise ManifestError(f"{place}: {column} {cells[column]!r} {reason}, wanted a name for files")
    if cells["split"] not in SPLITS:
        raise ManifestError(f"{place}: split {cells['split']!r}, wanted train or test")
    try:
        numbers = {name: float(cells[name]) for name in ("clipped_share", "delta_e")}
    except ValueError as error:
        raise ManifestError(f"{place}: {error}") from error
    return Pair(**{**cells, **numbers})  # type: ignore[arg-type]  # checked cell by cell above


def _check_inside(name: str, place: str) -> None:
    if not name or name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
        raise ManifestError(f"{place}: path {name!r} leads out of the dataset")
