"""The constants of a camera that are needed to render a photo from its linear counts.

Contents: :class:`Rendering`, :data:`TYPICAL_DAYLIGHT`, :func:`daylight_constants`.

References
----------
- Adobe, *Digital Negative Specification* 1.7, chapter 6: from camera color to XYZ.
- IEC 61966-2-1:1999, the sRGB primaries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccharmony.errors import SettingsError

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

TYPICAL_DAYLIGHT: Triple = (2.57, 1.0, 1.40)
"""Daylight balance of an unknown camera: channel medians over ten DSLR and mirrorless cameras of 2004 to 2013."""

# XYZ of the linear sRGB primaries; its row sums are the white D65.
_SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@dataclass(frozen=True)
class Rendering:
    """The constants of a camera (and of one exposure), in the order in which ``rendering`` applies them.

    Only plain numbers and tuples: it pickles, goes through JSON by :func:`dataclasses.asdict` and
    ``Rendering(**fields)``, and compares by value.

    Parameters
    ----------
    black
        Count that stands for no light, in the file's own counts.
    saturation
        Count at which the sensor clips, in the file's own counts; larger than `black`.
    balance
        Factors for red, green and blue that make a neutral surface in daylight (D65) gray; only their ratios
        count. ``None`` stands for :data:`TYPICAL_DAYLIGHT`; (1, 1, 1) for counts that are balanced already.
    camera_matrix
        Rows of the (3, 3) matrix from balanced camera color to linear sRGB; each row sums to 1, so that gray stays
        gray. ``None`` takes camera color for sRGB: colors are then duller than they were.
    compensation
        Stops that the photo is made brighter (or, if negative, darker) than metered.

    Raises
    ------
    SettingsError
        A number that is not finite, a saturation not above black, a factor that is not positive, a matrix of
        another shape or whose rows do not sum to 1.

    Examples
    --------
    >>> Rendering(black=1024, saturation=15279, balance=(2.47, 1.0, 1.29)).gains
    (2.47, 1.0, 1.29)
    """

    black: float = 0.0
    saturation: float = 65535.0
    balance: Triple | None = None
    camera_matrix: Matrix | None = None
    compensation: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.black) and math.isfinite(self.saturation) and self.saturation > self.black):
            found = f"black {self.black}, saturation {self.saturation}"
            raise SettingsError(f"rendering: {found}, wanted black below saturation")
        if not math.isfinite(self.compensation):
            raise SettingsError(f"rendering: compensation {self.compensation}, wanted a number of stops")
        if self.balance is not None:
            object.__setattr__(self, "balance", _checked_balance(self.balance))
        if self.camera_matrix is not None:
            object.__setattr__(self, "camera_matrix", _checked_matrix(self.camera_matrix))

    @property
    def gains(self) -> Triple:
        """Daylight factors of red, green and blue, the smallest being 1."""
        red, green, blue = self.balance or TYPICAL_DAYLIGHT
        least = min(red, green, blue)
        return red / least, green / least, blue / least


def _checked_balance(balance: npt.ArrayLike) -> Triple:
    factors = np.asarray(balance, dtype=np.float64)
    if factors.shape != (3,) or not np.isfinite(factors).all() or factors.min() <= 0:
        raise SettingsError(f"rendering: daylight balance {factors.tolist()}, wanted three positive numbers")
    return float(factors[0]), float(factors[1]), float(factors[2])


def _checked_matrix(matrix: npt.ArrayLike) -> Matrix:
    rows = np.asarray(matrix, dtype=np.float64)
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise SettingsError(f"rendering: camera matrix of shape {rows.shape}, wanted (3, 3) finite numbers")
    if np.abs(rows.sum(axis=1) - 1).max() > 0.01:
        raise SettingsError(f"rendering: rows of the camera matrix sum to {rows.sum(axis=1).round(3)}, wanted 1 each")
    red, green, blue = ((float(row[0]), float(row[1]), float(row[2])) for row in rows)
    return red, green, blue


def daylight_constants(xyz_to_camera: npt.ArrayLike) -> tuple[Triple, Matrix]:
    """Return daylight balance and camera matrix, from the matrix that DNG files and LibRaw list for a camera.

    Parameters
    ----------
    xyz_to_camera
        Matrix (3, 3) from CIE XYZ to raw camera color under D65, at any scale (a DNG's ``ColorMatrix``).

    Returns
    -------
    balance
        Factors of red, green and blue that make D65 gray; green is 1.
    camera_matrix
        Balanced camera color → linear sRGB; rows sum to 1.

    Raises
    ------
    SettingsError
        The matrix has another shape, no inverse, or sees no light in a channel.

    Examples
    --------
    A camera that sees CIE XYZ itself sees D65 as 0.950, 1, 1.089:

    >>> balance, _ = daylight_constants(np.eye(3))
    >>> [round(factor, 3) for factor in balance]
    [1.052, 1.0, 0.918]
    """
    matrix = np.asarray(xyz_to_camera, dtype=np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix) < 3:
        raise SettingsError(f"XYZ to camera matrix {matrix.tolist()}, wanted (3, 3) with an inverse")
    srgb_to_camera = (matrix[:, :, None] * _SRGB_TO_XYZ).sum(axis=1)
    white = srgb_to_camera.sum(axis=1)
    balance = _checked_balance(white[1] / white)
    return balance, _checked_matrix(_inverse(srgb_to_camera / white[:, None]))


def _inverse(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the inverse of a matrix (3, 3), with the same bits on every processor, unlike LAPACK's."""
    first, second, third = rows
    columns = np.stack([np.cross(second, third), np.cross(third, first), np.cross(first, second)], axis=1)
    return np.asarray(columns / (first * columns[:, 0]).sum())
