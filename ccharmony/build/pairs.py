"""The pairs of one photo: the photo is cropped, each foreground relit by its donors, and the pictures are written.

Apart from the files that it writes, `make_pairs` depends on its arguments alone, so that photos can be processed in
any order, on any worker.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ccharmony import files
from ccharmony.arrays import Shape, SoftMask, UInt8
from ccharmony.build import donors
from ccharmony.build.canvas import Canvas
from ccharmony.build.foreground_mask import cut_foreground, read_foregrounds, shrink
from ccharmony.build.settings import PairSettings
from ccharmony.checker import crop
from ccharmony.checker.chart import Box
from ccharmony.color import transfer
from ccharmony.dataset.formats.pair_folder import COMPOSITES, MASKS, REALS
from ccharmony.errors import CcharmonyError, ImageError
from ccharmony.images import pixels
from ccharmony.images.mask_rules import StoredMask
from ccharmony.records import FitRecord, Pair, Photo, Split
from ccharmony.sources import reading


@dataclass(frozen=True, eq=False)
class PhotoLights:
    """A photo's own light and its donor lights.

    Attributes
    ----------
    own
        The photo's own light; of a photo without a chart, the recorded light used instead.
    donors
        Donor lights by id: of the same split, without the photo's own.
    box
        Box around the chart, in pixels of the photo; None if it shows none.
    split
        The photo's split.
    arithmetic
        How the matrices are applied, see `transfer`.
    others
        Boxes around further charts; the crop leaves out all of them.
    """

    own: FitRecord
    donors: Mapping[str, FitRecord]
    box: Box | None
    split: Split
    arithmetic: transfer.Arithmetic = "float"
    others: tuple[Box, ...] = ()


@dataclass
class PhotoPairs:
    """The pairs of one photo, and what was left out.

    Attributes
    ----------
    pairs
        Rows of the manifest.
    problems
        One line for each foreground that could not be used.
    shortages
        One line for each foreground that got fewer donors than asked for.
    passed_clipped, passed_unchanged
        Donors rejected.
    unread
        Masks whose file could not be read; another build may read them.
    inputs, lights
        See `fingerprint.digest_files` and `digest_lights`.
    sizes
        Bytes of each picture written, by name.
    """

    pairs: list[Pair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    shortages: list[str] = field(default_factory=list)
    passed_clipped: int = 0
    passed_unchanged: int = 0
    unread: int = 0
    inputs: list[str] = field(default_factory=list)
    lights: str = ""
    sizes: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the result as the journal stores it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PhotoPairs:
        """Return a result that the journal stored."""
        return cls(**{**data, "pairs": [Pair(**row) for row in data["pairs"]]})


class StoppedError(CcharmonyError):
    """The build was asked to stop between two composites."""


def make_pairs(
    photo: Photo, image: UInt8, light: PhotoLights, settings: PairSettings, out: Path, stop: threading.Event
) -> PhotoPairs:
    """Make and write all pairs of a photo.

    Parameters
    ----------
    photo
        The photo, with its masks.
    image
        Its picture (H, W, 3).
    light
        Its own light and its donor lights.
    settings
        Settings of the pairs.
    out
        Root of the dataset; its three folders exist.
    stop
        Raises `StoppedError` before the next file once it is set.

    Returns
    -------
    PhotoPairs
        Rows of the manifest, and one line for each foreground that got no or too few composites.

    Raises
    ------
    CheckerError
        The chart lies outside the photo.
    OutputError
        A file cannot be written.
    """
    result = PhotoPairs()
    shape = (image.shape[0], image.shape[1])
    window = crop.largest_without(light.box, shape, light.others) if light.box else (0, 0, *shape[::-1])
    prepared = _prepare(photo, image, window, settings)
    del image  # the canvas is a copy, and a photo of 24 MP takes 72 MB
    for letter, stored in _read_foregrounds(photo, shape, result):
        try:
            mask, note = cut_foreground(stored, shape, window, settings)
            _make_composites(
                _ForegroundContext(photo, letter, prepared, mask, note, light, settings, out, stop), result
            )
        except ImageError as error:
            result.problems.append(f"{photo.id}_{letter}: {error}")
    if result.pairs:
        _write(out / result.pairs[0].real, prepared.canvas.encoded, photo, stop)
    return result


@dataclass(frozen=True, eq=False)
class _PreparedPhoto:
    """The picture as the dataset will store it: a canvas to paste into, the hash of its file, its profile."""

    canvas: Canvas
    sha256: str
    profile: str


@dataclass(frozen=True, eq=False)
class _ForegroundContext:
    """One foreground and everything that its composites need."""

    photo: Photo
    letter: str
    prepared: _PreparedPhoto
    mask: SoftMask
    note: str
    light: PhotoLights
    settings: PairSettings
    out: Path
    stop: threading.Event

    @property
    def name(self) -> str:
        return f"{self.photo.id}_{self.letter}"


def _prepare(photo: Photo, image: UInt8, window: tuple[int, int, int, int], settings: PairSettings) -> _PreparedPhoto:
    x0, y0, x1, y1 = window
    part = image[y0:y1, x0:x1] if settings.crop else image
    canvas = Canvas(shrink(part, settings.size), settings.suffix, settings.quality)
    return _PreparedPhoto(canvas, _sha256(canvas.encoded), _profile_of(photo))


def _profile_of(photo: Photo) -> str:
    """Return the name of a photo's profile; of a file that has vanished since it was decoded the stage tells."""
    try:
        return reading.read_profile(photo)
    except ImageError:
        return ""


def _read_foregrounds(photo: Photo, shape: Shape, result: PhotoPairs) -> Iterator[tuple[str, StoredMask]]:
    """Yield the foregrounds of a photo with their letters; a label map has one for each label."""
    for letter, source in sorted(photo.masks.items()):
        try:
            foregrounds = read_foregrounds(source, shape)
        except ImageError as error:
            result.problems.append(f"{photo.id}_{letter}: {error}")
            result.unread += isinstance(error.__cause__, OSError)
        else:
            yield from ((letter + label, stored) for label, stored in foregrounds)


def _make_composites(context: _ForegroundContext, result: PhotoPairs) -> None:
    own, settings = context.light.own, context.settings
    try:
        foreground = context.prepared.canvas.standardize(context.mask, own.to_standard, context.light.arithmetic)
    except ImageError as error:
        raise ImageError(f"{error} (after the crop)" if settings.crop else str(error)) from error
    candidates = {donor: record.from_standard for donor, record in context.light.donors.items()}
    choice = donors.select_donors(
        context.name, foreground, candidates, settings.composites, seed=settings.seed, limits=settings.limits
    )
    result.passed_clipped += choice.passed_clipped
    result.passed_unchanged += choice.passed_unchanged
    if len(choice.donors) < settings.composites:
        lines = result.shortages if choice.donors else result.problems  # without any composite it is lost
        lines.append(_describe_shortage(context.name, choice, settings.composites, len(candidates)))
    if not choice.donors:
        return
    mask_bytes = pixels.encode_mask(context.mask)
    mask_sha256 = _sha256(mask_bytes)
    _write(context.out / MASKS / f"{context.name}.png", mask_bytes, context.photo, context.stop)
    relits = transfer.relight_each(foreground, [candidates[donor] for donor in choice.donors])
    made = zip(choice.donors, choice.delta_e, context.prepared.canvas.encode_each(foreground, relits), strict=True)
    for count, (donor, change, (relit, composite)) in enumerate(made, start=1):
        name = f"{context.name}_{count}{settings.suffix}"
        _write(context.out / COMPOSITES / name, composite, context.photo, context.stop)
        result.pairs.append(_make_row(context, composite, donor, relit.clipped_share, change, count, mask_sha256))


def _write(path: Path, data: bytes, photo: Photo, stop: threading.Event) -> None:
    if stop.is_set():
        raise StoppedError(f"{photo.id}: stopped")
    files.write_bytes(path, data)


def _make_row(
    context: _ForegroundContext,
    composite: bytes,
    donor: str,
    clipped: float,
    change: float,
    count: int,
    mask_sha256: str,
) -> Pair:
    own = context.light.own
    return Pair(
        composite=f"{COMPOSITES}/{context.name}_{count}{context.settings.suffix}",
        mask=f"{MASKS}/{context.name}.png",
        real=f"{REALS}/{context.photo.id}{context.settings.suffix}",
        photo=context.photo.id,
        foreground=context.letter,
        donor=donor,
        source=context.photo.source,
        camera=context.photo.camera,
        split=context.light.split,
        fit_kind=own.kind if own.id == context.photo.id else f"borrowed:{own.id}:{own.kind}",
        donor_fit_kind=context.light.donors[donor].kind,
        clipped_share=clipped,
        delta_e=change,
        note=context.note,
        composite_sha256=_sha256(composite),
        mask_sha256=mask_sha256,
        real_sha256=context.prepared.sha256,
        profile=context.prepared.profile,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _describe_shortage(name: str, choice: donors.DonorChoice, wanted: int, candidates: int) -> str:
    if not candidates:
        return f"{name}: no other photo of its split is a donor, wanted two photos a split, or --test-share 0"
    return (
        f"{name}: {len(choice.donors)} composites of {wanted} ({candidates} donors; "
        f"{choice.passed_clipped} would clip, {choice.passed_unchanged} would hardly change it)"
    )
