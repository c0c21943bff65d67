"""Unpaired composites: the foreground of one photo in the position of another's subject; the right answer is unknown.

The subject is taken out of its photo by OpenCV's inpainting (no clean plate was taken), and the foreground of another
photo, scaled to the subject's box, is pasted in its position.

-   :func:`paste`: one composite from a subject's photo and a donor's.
-   :class:`Streams`: pairs with answers, and composites of photos without, as one source.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from ccharmony.arrays import Int64, UInt8
from ccharmony.errors import SourceError
from harmonize.data import batches, crops
from harmonize.data.batches import Batch, Source, Streamed
from harmonize.data.photos import PhotoMemory

LEAST_PHOTOS = 100
"""Fewest photos that unpaired composites are made from: 9,900 composites; with fewer the critic soon memorizes each
photo."""

_PLATE_SIDE = 96
"""Side at which the subject is painted over; the fill is smooth, and mostly hidden behind the new foreground."""

_RADIUS = 3
_GROWTH = 5
"""The subject's mask grows by this many pixels of the small copy, so that its edge does not bleed into the fill."""

_UNPAIRED_STREAM = 1


class Streams:
    """The two streams that PIH learns from.

    Parameters
    ----------
    paired
        Composites whose answer is known.
    photos
        Photos with masks that unpaired composites are made from.
    seed
        Seed of crops, and of which photo gives its foreground to which.

    Raises
    ------
    SourceError
        Fewer than :data:`LEAST_PHOTOS` photos show a foreground.
    """

    def __init__(self, paired: Source, photos: PhotoMemory, seed: int) -> None:
        self.paired, self.photos, self.seed = paired, photos, seed
        self._donors = [index for index in range(len(photos)) if photos.mask(index).any()]
        if len(self._donors) < LEAST_PHOTOS:
            found = f"{len(self._donors)} photos with a foreground"
            raise SourceError(f"unpaired stream: {found}, wanted at least {LEAST_PHOTOS}, or --set streams.unpaired=0")

    def __len__(self) -> int:
        return len(self.paired)

    def stream_order(self, seed: int, epoch: int, batch: int) -> Int64 | None:
        """Return the order of an epoch that suits the pairs; None where any is as good."""
        return self.paired.stream_order(seed, epoch, batch) if isinstance(self.paired, Streamed) else None

    def batch(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return pairs, size x size pixels."""
        return self.paired.batch(epoch, indices, size)

    def unpaired(self, epoch: int, indices: Sequence[int], size: int) -> Batch:
        """Return composites without an answer, size x size pixels.

        `real` holds the subjects' own photos, unchanged: not the answer, but pictures that the critic may call real.
        """
        composites, masks, reals = zip(*(self._compose(epoch, index, size) for index in indices), strict=True)
        composite, mask, real = (torch.from_numpy(np.stack(part)) for part in (composites, masks, reals))
        names = tuple(f"unpaired {index}" for index in indices)
        return Batch(batches.to_unit(composite), mask[:, None].float() / 255, batches.to_unit(real), names)

    def _compose(self, epoch: int, index: int, size: int) -> tuple[UInt8, UInt8, UInt8]:
        random = np.random.default_rng((self.seed, epoch, index, _UNPAIRED_STREAM))
        target, source = random.choice(self._donors, 2, replace=False)
        photo, subject = self._cut(random, int(target), size)
        donor, foreground = self._cut(random, int(source), size)
        composite, mask = paste(photo, subject, donor, foreground)
        return composite, mask, photo

    def _cut(self, random: np.random.Generator, index: int, size: int) -> tuple[UInt8, UInt8]:
        """Return a crop of a photo, (S, S, 3), and of its mask, (S, S)."""
        image, mask = self.photos.picture(index)
        crop = crops.random_crop_of(random, mask > 127, size)
        return crops.cut(image, crop, size), crops.cut(mask, crop, size)


def paste(photo: UInt8, subject: UInt8, donor: UInt8, foreground: UInt8) -> tuple[UInt8, UInt8]:
    """Replace a photo's subject by the donor's foreground.

    Parameters
    ----------
    photo, subject
        Photo (H, W, 3) and the mask of its subject (H, W), 8 bits.
    donor, foreground
        Another photo (h, w, 3) and the mask of its foreground (h, w).

    Returns
    -------
    composite, mask
        (H, W, 3) and (H, W). Without a subject or without a foreground the photo itself and an empty mask.
    """
    target, source = _box(subject), _box(foreground)
    if target is None or source is None:
        return photo.copy(), np.zeros_like(subject)
    piece, shape = donor[source], foreground[source]
    room = subject[target].shape
    scale = min(room[0] / shape.shape[0], room[1] / shape.shape[1])
    height, width = (max(round(side * scale), 1) for side in shape.shape)
    piece = np.asarray(cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    shape = np.asarray(cv2.resize(shape, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    # Subjects stand on the ground: centered from left to right, on the lower edge of the box.
    top = target[0].start + room[0] - height
    left = target[1].start + (room[1] - width) // 2
    mask = np.zeros_like(subject)
    mask[top : top + height, left : left + width] = shape
    composite = fill(photo, subject)
    share = shape[..., None].astype(np.float32) / 255
    under = composite[top : top + height, left : left + width]
    composite[top : top + height, left : left + width] = np.rint(under + (piece - under.astype(np.float32)) * share)
    return composite, mask


def fill(photo: UInt8, subject: UInt8) -> UInt8:
    """Paint a subject over with its surroundings (Telea's inpainting, on a small copy).

    Parameters
    ----------
    photo
        Picture (H, W, 3), 8 bits.
    subject
        Mask of the subject (H, W), 8 bits.

    Returns
    -------
    UInt8
        Picture (H, W, 3); the photo itself where the subject fills it.
    """
    small = cv2.resize(photo, (_PLATE_SIDE, _PLATE_SIDE), interpolation=cv2.INTER_AREA)
    hole = cv2.resize(subject, (_PLATE_SIDE, _PLATE_SIDE), interpolation=cv2.INTER_AREA)
    grown = cv2.dilate((hole > 0).astype(np.uint8), np.ones((_GROWTH, _GROWTH), np.uint8))
    if grown.all():
        return photo.copy()  # a subject that fills the picture has no surroundings
    painted = cv2.inpaint(small, grown, _RADIUS, cv2.INPAINT_TELEA)
    height, width = subject.shape
    plate = cv2.resize(painted, (width, height), interpolation=cv2.INTER_LINEAR)
    share = cv2.resize(grown.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.rint(photo + (plate - photo.astype(np.float32)) * share), np.uint8)


def _box(mask: UInt8) -> tuple[slice, slice] | None:
    """Return rows and columns that hold a mask; None where it is empty."""
    inside = mask > 127
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
