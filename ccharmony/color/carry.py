"""Matrices applied to colors: each distinct color is carried once, in strips, in one of two arithmetics.

Contents: :func:`find_distinct`, :func:`look_up`, :func:`carry`, :func:`carry_published`, :func:`carry_to_levels`.
Colors are *planes*, shape (3, n): NumPy applies a polynomial to whole rows.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Bool, Float32, Float64, Indices, UInt8
from ccharmony.color import polynomial

STRIP = 16_384
"""Pixels a strip: its eleven terms in single precision, 0.7 MB, stay in a core's cache."""


def find_distinct(colors: UInt8) -> tuple[UInt8, Indices]:
    """Return the distinct ones of colors (n, 3) as planes (3, k), and the position of each color among them (n,).

    Color and place are sorted as one number, in half the time of `np.unique`: 25 ns a pixel.
    """
    keys = cv2.cvtColor(colors[None], cv2.COLOR_RGB2RGBA).view(np.uint32).ravel().astype(np.uint64)
    keys <<= np.uint64(32)
    keys += np.arange(len(colors), dtype=np.uint64)
    keys.sort()
    places = keys.astype(np.uint32)  # the lower half
    keys >>= np.uint64(32)
    first = np.concatenate([[True], keys[1:] != keys[:-1]])
    del keys  # 19 MB of a foreground of 2.4 MP
    which = np.empty(len(colors), np.intp)
    which[places] = np.cumsum(first, out=np.empty(len(colors), np.intp))
    which -= 1
    return np.ascontiguousarray(colors[places[first]].T), which


def look_up(planes: UInt8, which: Indices) -> UInt8:
    """Return the color at each position of planes (3, k), shape (n, 3).

    Four bytes each on the way: NumPy takes whole numbers from a table in a quarter of the time of rows of three.
    """
    table = np.asarray(cv2.merge([*planes, planes[0]]), np.uint8).view(np.uint32).ravel()
    found = np.take(table, which).view(np.uint8).reshape(1, -1, 4)
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_RGBA2RGB), np.uint8).reshape(-1, 3)


def carry(planes: UInt8, matrix: Float64) -> Float32:
    """Apply a matrix (3, 11) on [0, 1] to 8-bit planes (3, n) in single precision; neither clipped nor rounded."""
    count = planes.shape[1]
    result = np.empty((3, count), np.float32)
    apply = _Polynomials(matrix.astype(np.float32), min(count, STRIP))
    for part in _strips(count):
        result[:, part] = apply(planes[:, part] * np.float32(1 / 255))
    return result


def carry_published(planes: UInt8, matrix: Float64) -> tuple[UInt8, Bool]:
    """Apply a matrix (3, 11) on [0, 1] to 8-bit planes (3, n) as the authors do.

    Returns planes (3, n), clipped and truncated to 8 bits, and whether a color was clipped (n,).
    """
    count = planes.shape[1]
    result, clipped = np.empty((3, count), np.uint8), np.empty(count, bool)
    apply = _Polynomials(polynomial.to_levels(matrix), min(count, STRIP))
    for part in _strips(count):
        carried = apply(planes[:, part].astype(np.float64))
        clipped[part] = ((carried < 0) | (carried >= 256)).any(axis=0)
        result[:, part] = np.clip(carried, 0, 255).astype(np.uint8)
    return result, clipped


def carry_to_levels(planes: Float32, matrices: Float64) -> tuple[UInt8, Bool]:
    """Apply each of k matrices (k, 3, 11) to planes (3, n) on [0, 1].

    Returns rounded 8-bit planes (k, 3, n), and whether a pixel was clipped (k, n).
    """
    donors, count = len(matrices), planes.shape[1]
    result, clipped = np.empty((donors, 3, count), np.uint8), np.empty((donors, count), bool)
    single = (255 * matrices).astype(np.float32)
    apply = _Polynomials(single, min(count, STRIP))
    for part in _strips(count):
        carried = apply(planes[:, part])
        # Half a level below 0 rounds to 0, half a level above 255 to 256.
        clipped[:, part] = (carried.min(axis=1) < -0.5) | (carried.max(axis=1) >= 255.5)
        result[..., part] = np.clip(np.rint(carried, out=carried), 0, 255, out=carried)
    return result, clipped


class _Polynomials:
    """Applies matrices (..., 3, 11) to planes (3, n) of their precision, n up to `most`, in one work space."""

    def __init__(self, matrices: npt.NDArray[Any], most: int) -> None:
        self._matrices = matrices
        self._terms = np.empty((len(polynomial.TERMS), most), matrices.dtype)
        self._product = np.empty((3, most), matrices.dtype)
        self._carried = np.empty((*matrices.shape[:-1], most), matrices.dtype)

    def __call__(self, planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return planes (..., 3, n), which the next call overwrites."""
        count = planes.shape[1]
        terms = polynomial.expand_planes(planes, self._terms[:, :count])
        carried, product = self._carried[..., :count], self._product[:, :count]
        flat = carried.reshape(-1, 3, count) if carried.ndim == 2 else carried
        for matrix, planes_of_one in zip(self._matrices.reshape(-1, 3, len(polynomial.TERMS)), flat, strict=True):
            polynomial.add_terms(matrix, terms, planes_of_one, product)
        return carried


def _strips(count: int) -> list[slice]:
    return [slice(start, min(start + STRIP, count)) for start in range(0, count, STRIP)]
