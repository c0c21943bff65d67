"""The array types of both packages, each named once.

Shapes, units and ranges are in the docstrings of the functions that take or return an array; a type names only the kind
of number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Samples = UInt8 | UInt16
"""Pixels as a file holds them, 8 or 16 bits a sample."""

Mask = Bool | UInt8 | Float32
"""A foreground (H, W): boolean, levels in [0, 255], or floats in [0, 1], which take four times the memory."""

SoftMask = Bool | Float32
"""A mask (H, W) whose values are weights: boolean, or floats in [0, 1], between 0 and 1 on soft edges."""

SameSamples = TypeVar("SameSamples", bound=Samples)
"""Pixels that come out with the depth they had."""

Shape = tuple[int, int]
"""Height and width in pixels."""


def as_real(values: npt.ArrayLike, what: str, error: Callable[[str], Exception]) -> Float64:
    """Return numbers in double precision; raises `error` where they are none: texts, complex numbers, uneven rows."""
    try:
        found = np.asarray(values)
        if found.dtype.kind in "biufO":
            return np.asarray(found, np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise error(f"{what}: {type(values).__name__} found, an array of numbers wanted")
