"""The masks of a video's frames: another video, a folder of pictures, or one picture for all.

Contents: :class:`Masks`; :func:`open_masks`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ccharmony.arrays import Float32
from ccharmony.errors import ImageError, SourceError
from ccharmony.images import mask_rules, pixels
from harmonize.video import planes, reading, series
from harmonize.video.container import is_video
from harmonize.video.reading import Footage, VideoFrame

NOISE = 8 / 255
"""What a codec may add to black and take from white."""

_COLORED = 16
"""Levels of 255 that chroma is from gray where a mask is colored; a codec's noise stays below."""

_MOST_COLORED = 0.02
"""Share of a mask's pixels that may be colored, as of pictures."""

_SAME_RATE = 2e-3
"""Of two rates, as a share, up to which they are one; 29.97 and 30 frames a second are."""

_EARLY = 1e-3
"""Seconds that a mask may come too late: time stamps are rounded to a 1,000th in some files."""


@dataclass
class Masks:
    """Masks in the order of time. Each holds from its place on until the next one.

    Attributes
    ----------
    path
        Where they are from, for messages.
    masks
        Places and masks (H, W), in [0, 1]; a place is the number of a frame, or with `by_time` a time in seconds.
    by_time
        What places are.
    period
        How long the last mask holds, and how far after the last frame the last mask may be.
    notes
        What a person should know of them; more is added while they are read.
    gap
        Where their numbers leave one out; empty where they do not.
    """

    path: Path
    masks: Iterator[tuple[float, Float32]]
    by_time: bool = False
    period: float = 1
    notes: list[str] = field(default_factory=list)
    gap: str = ""

    def __post_init__(self) -> None:
        if self.gap:
            self.notes.append(f"{self.path}: {self.gap}; masks are taken in their order")

    def beside(self, frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, Float32]]:
        """Yield each frame and its mask (H, W), in [0, 1].

        Raises
        ------
        SourceError
            There are fewer masks than frames, or more.
        ImageError
            A mask has another proportion than its frame, or cannot be read.
        """
        start, mask, place = -math.inf, None, -math.inf
        following = next(self.masks, None)
        for number, frame in enumerate(frames):
            place = frame.time + _EARLY if self.by_time else number
            while following is not None and following[0] <= place:
                (start, mask), following = following, next(self.masks, None)
            if mask is None or (following is None and place >= start + self.period):
                raise SourceError(f"{self.path}: no mask from {self._spell(place)} on, the video goes on{self._hint}")
            yield frame, self._fit(mask, frame)
        if following is not None and following[0] >= place + self.period:
            raise SourceError(f"{self.path}: a mask at {self._spell(following[0])}, the video ends before{self._hint}")

    @property
    def _hint(self) -> str:
        return f" ({self.gap})" if self.gap else ""

    def _spell(self, place: float) -> str:
        return f"{place:.2f} s" if self.by_time else f"frame {place + 1:.0f}"

    def _fit(self, mask: Float32, frame: VideoFrame) -> Float32:
        try:
            fitted, note = mask_rules.fit_size(mask, frame.shape)
        except ImageError as error:
            raise ImageError(f"{self.path}: {error}") from error
        for each in (note, mask_rules.remark(fitted)):
            if each and not any(known.endswith(each) for known in self.notes):
                self.notes.append(f"{self.path}: {each}")
        return mask_rules.shares(fitted)


@contextlib.contextmanager
def open_masks(path: Path, footage: Footage) -> Iterator[Masks]:
    """Open the masks of a video.

    Parameters
    ----------
    path
        A video, whose alpha or luma is the mask; a folder of pictures, in the order of their numbers; or one picture,
        which holds for all frames.
    footage
        The video that they belong to, open. Masks of another frame rate go by their times, others by their numbers.

    Yields
    ------
    Masks
        To be gone through once.

    Raises
    ------
    SourceError, ImageError
        They cannot be read.
    """
    if path.is_dir():
        pictures = series.list_frames(path)
        yield Masks(path, enumerate(map(pixels.read_mask, pictures)), gap=series.find_gap(pictures))
    elif not is_video(path):
        yield Masks(path, iter([(0, pixels.read_mask(path))]), period=math.inf)
    else:
        with reading.open_footage(path) as found:
            masks = ((frame.time, mask_of(frame, path)) for frame in found.frames())
            notes = [f"{path}: the alpha channel is the mask where it is not opaque"] if found.has_alpha else []
            if _in_step(found, footage):
                yield Masks(path, ((number, mask) for number, (_, mask) in enumerate(masks)), notes=notes)
            else:
                rates = f"{float(found.rate):.5g} frames a second, its video has {float(footage.rate):.5g}"
                notes.append(f"{path}: {rates}; they go by time")
                period = float(1 / min(found.rate, footage.rate))
                yield Masks(path, masks, by_time=True, period=period, notes=notes)


def mask_of(frame: VideoFrame, path: Path) -> Float32:
    """Return the mask (H, W), in [0, 1], that a frame holds: its alpha, or its luma where it has none or is opaque.

    What a codec adds to black and white is taken off luma; alpha is stored without loss. Raises ImageError where it is
    colored; `path` is its file.
    """
    if frame.alpha is not None and frame.alpha.min() < 1 - NOISE:
        return frame.alpha
    bits, (gray, *chroma) = planes.bits_of(frame.image), planes.planes_of(frame.image)
    middle, most = 1 << bits - 1, _COLORED << bits - 8
    colored = max(float((np.abs(plane.astype(np.int32) - middle) > most).mean()) for plane in chroma)
    if colored > _MOST_COLORED:
        raise ImageError(f"{path}: a color video, masks are black and white ({colored:.0%} of its pixels are colored)")
    luma = gray.astype(np.float32)
    black, white = (0, 2**bits - 1) if frame.coding.is_full else (16 << bits - 8, 235 << bits - 8)
    opacity = (luma - black) / np.float32(white - black)
    return np.asarray(((opacity - NOISE) / np.float32(1 - 2 * NOISE)).clip(0, 1), np.float32)


def _in_step(masks: Footage, footage: Footage) -> bool:
    """Return whether two videos have one rate, or the same number of frames."""
    same_number = masks.expected == footage.expected > 0
    return same_number or abs(float(masks.rate / footage.rate) - 1) <= _SAME_RATE
