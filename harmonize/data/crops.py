"""Random crops and flips, each a pure function of the run's seed, the epoch and the sample's index.

The recipe is iSSAM's: a crop of 50 to 100 % of the area with an aspect ratio within a factor 4/3 of the square,
resized to the training size without keeping that ratio, and a flip for every second picture. A crop whose mask sums
to 1 or less is replaced by another, but for one in twenty: the network should see a few pictures that need no change.

References
----------
Sofiiuk, Popenova, Konushin, Foreground-aware semantic representations for image harmonization, WACV 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Value = TypeVar("Value", np.uint8, np.float32)

LEAST_AREA = 0.5
MOST_STRETCH = 4 / 3
EMPTY_SHARE = 0.05
"""Probability with which a crop is accepted whatever its mask holds."""

_TRIES = 10
# With an empty mask a crop is accepted only by EMPTY_SHARE: after this many, one picture in thirteen has none yet.
_CROPS = 50


@dataclass(frozen=True)
class Crop:
    """A rectangle of a picture, in pixels, and whether it is mirrored left to right after it is cut."""

    top: int
    left: int
    height: int
    width: int
    flip: bool = False


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the RNG of one sample, the same whichever process or thread asks, and in whatever order."""
    return np.random.default_rng((seed, epoch, index))


def whole(height: int, width: int) -> Crop:
    """Return the crop that is the whole picture of height x width pixels."""
    return Crop(0, 0, height, width)


def random_crop(random: np.random.Generator, height: int, width: int) -> Crop:
    """Choose a random crop and flip.

    Parameters
    ----------
    random
        RNG of the sample.
    height, width
        Size of the picture in pixels.

    Returns
    -------
    Crop
        Of `LEAST_AREA` to all of the area, flipped in half of the cases.
    """
    for _ in range(_TRIES):
        area = random.uniform(LEAST_AREA, 1) * height * width
        stretch = math.exp(random.uniform(-math.log(MOST_STRETCH), math.log(MOST_STRETCH)))
        rows, columns = round(math.sqrt(area / stretch)), round(math.sqrt(area * stretch))
        if 0 < rows <= height and 0 < columns <= width:
            break
    else:
        rows, columns = _closest(height, width)
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    return Crop(int(top), int(left), rows, columns, bool(random.random() < 0.5))


def random_crop_of(random: np.random.Generator, mask: npt.NDArray[np.generic], size: int) -> Crop:
    """Choose a random crop that shows some of the foreground, nearly always.

    Parameters
    ----------
    random
        RNG of the sample.
    mask
        Mask (H, W); boolean, or in [0, 1].
    size
        Side of the training picture in pixels; the mask's sum is counted in its pixels.

    Returns
    -------
    Crop
        One in twenty may show no foreground.
    """
    height, width = mask.shape
    for _ in range(_CROPS):
        crop = random_crop(random, height, width)
        if random.random() < EMPTY_SHARE:
            break
        inside = mask[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        if float(inside.sum(dtype=np.float64)) * size * size > crop.height * crop.width:
            break
    return crop


def cut(picture: npt.NDArray[Value], crop: Crop, size: int) -> npt.NDArray[Value]:
    """Cut a crop out and resize it, bilinear without antialiasing, as the field does.

    Parameters
    ----------
    picture
        Picture (H, W, 3) or mask (H, W), 8 bits or floats.
    crop
        What is cut out.
    size
        Side of the result in pixels.

    Returns
    -------
    NDArray
        Shape (size, size, 3) or (size, size), of the picture's type.
    """
    part = picture[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    resized = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(resized[:, ::-1] if crop.flip else resized, picture.dtype)


def _closest(height: int, width: int) -> tuple[int, int]:
    """Return the largest sides whose ratio is allowed, for pictures so elongated that no random crop fits."""
    return min(height, round(width * MOST_STRETCH)), min(width, round(height * MOST_STRETCH))
