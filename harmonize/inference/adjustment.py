"""Curves and shading map of one picture: applied at any size, saved as JSON, edited by hand.

-   :class:`Adjustment`: what PIH predicted for one composite.
-   :func:`apply`: to the foreground of a picture of any size; :func:`renderer`: part by part.
-   :func:`to_json`, :func:`read_json`, :func:`write_json`: all of it, to be edited and applied again.
-   :func:`to_cube`, :func:`write_cube`: the part that is the same everywhere, a table that image editors load.
"""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ccharmony import files, strict_json
from ccharmony.arrays import Float32, Float64, SameSamples, Samples
from ccharmony.errors import SettingsError
from harmonize.inference.defringe import estimate_foreground
from harmonize.inference.strips import Render, blend
from harmonize.models.pih import tables
from harmonize.settings import check_integer

CHANNELS = ("red", "green", "blue")
FORMAT = "harmonize adjustment 1"

CUBE_SIZE = 33
"""Side of a .cube table."""


HIGHEST = 20
"""Of a height or of the logarithm of a gain, which is then 5e8: far beyond what a network gives or a person wants."""


@dataclass(frozen=True)
class Adjustment:
    """What harmonizes one foreground.

    Attributes
    ----------
    curves
        Heights of the knots of red, green and blue, (3, K), sRGB-encoded, about [0, 1]; knots lie at the bin centers
        (i + 0.5) / K, lines between them are straight, outside the curves are flat.
    log_gain
        Natural logarithm of the gain that follows the curves, (h, w), cells of equal size over the whole picture.

    Raises
    ------
    SettingsError
        Arrays of another shape, or values that are not finite or beyond `HIGHEST`.
    """

    curves: Float64
    log_gain: Float64

    def __post_init__(self) -> None:
        if self.curves.ndim != 2 or self.curves.shape[0] != 3 or self.curves.shape[1] < 2:
            raise SettingsError(f"curves: shape {self.curves.shape} found, 3 curves of at least 2 knots wanted")
        if self.log_gain.ndim != 2 or 0 in self.log_gain.shape:
            raise SettingsError(f"log gain: shape {self.log_gain.shape} found, rows of equal length wanted")
        if not (np.isfinite(self.curves).all() and np.isfinite(self.log_gain).all()):
            raise SettingsError("adjustment: a value that is not a number found, finite ones wanted")
        if np.abs(self.curves).max() > HIGHEST or np.abs(self.log_gain).max() > HIGHEST:
            raise SettingsError(f"adjustment: a value beyond {HIGHEST} found, curves in [0, 1] and a small gain wanted")


def renderer(adjustment: Adjustment, image: Samples) -> Render:
    """Return a function that renders any part of a picture under the adjustment, the background too.

    Parameters
    ----------
    adjustment
        Curves and map.
    image
        Composite (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits, any size.

    Returns
    -------
    Render
        Of rows and columns, gives levels (rows, columns, 3) about [0, 255], neither clipped nor rounded.
    """
    height, width = image.shape[:2]
    whole = int(np.iinfo(image.dtype).max)
    heights = (255 * tables.table(adjustment.curves, whole + 1)).astype(np.float32)  # (3, levels)
    gain = np.exp(adjustment.log_gain).astype(np.float32)
    wide = np.ascontiguousarray(_interpolate(gain.T, _cell_positions(width, gain.shape[1])).T)  # (h, W)
    positions = _cell_positions(height, gain.shape[0])
    flat = not adjustment.log_gain.any()

    def render(rows: slice, columns: slice) -> Float32:
        levels = _look_up(image[rows, columns], heights)
        if not flat:
            levels *= _interpolate(wide[:, columns], positions[rows])[..., None]
        return levels

    return render


def _look_up(part: Samples, heights: Float32) -> Float32:
    """Replace levels (h, w, 3) by those of three heights (3, levels); OpenCV has it for 8 bits."""
    if part.dtype == np.uint8:
        return np.asarray(cv2.LUT(part, heights.T[None]), np.float32).reshape(part.shape)
    return np.stack([table[part[..., channel]] for channel, table in enumerate(heights)], axis=2)


def apply(
    adjustment: Adjustment, image: SameSamples, mask: Float32, strength: float = 1.0, *, defringe: bool = False
) -> SameSamples:
    """Apply curves and shading to the foreground of a picture.

    Parameters
    ----------
    adjustment, image
        As of :func:`renderer`.
    mask
        Foreground (H, W), in [0, 1]; soft edges blend.
    strength
        How much of the change is made, in [0, 1].
    defringe
        As of :func:`harmonize.harmonize_image`.

    Returns
    -------
    SameSamples
        Picture (H, W, 3) of the same depth; where the mask is 0 it equals `image` to the bit.
    """
    result = copy(image)
    own = estimate_foreground(image, mask, sees_background=True) if defringe else image
    blend(own, mask, strength, renderer(adjustment, own), result)
    return result


def to_json(adjustment: Adjustment, *, notes: dict[str, Any] | None = None) -> bytes:
    """Return an adjustment as a file that a person can read and edit.

    Parameters
    ----------
    adjustment
        Curves and map.
    notes
        More entries, such as the picture and the weights.

    Returns
    -------
    bytes
        JSON.
    """
    values = {
        "format": FORMAT,
        **(notes or {}),
        "knots": [round(float(x), 6) for x in tables.centers(adjustment.curves.shape[1])],
        "curves": {
            name: [round(float(y), 5) for y in row] for name, row in zip(CHANNELS, adjustment.curves, strict=True)
        },
        "log_gain": [[round(float(value), 5) for value in row] for row in adjustment.log_gain],
    }
    lines = ",\n".join(f" {json.dumps(key)}: {_spell(value)}" for key, value in values.items())
    return f"{{\n{lines}\n}}\n".encode()


def write_json(path: Path, adjustment: Adjustment, *, notes: dict[str, Any] | None = None) -> None:
    """Write what :func:`to_json` returns; raises OutputError."""
    files.write_bytes(path, to_json(adjustment, notes=notes))


def read_json(path: Path) -> Adjustment:
    """Read what :func:`to_json` made, edited or not.

    Parameters
    ----------
    path
        File to read.

    Returns
    -------
    Adjustment
        Curves and map.

    Raises
    ------
    SettingsError
        No such file, not JSON, another format, curves or map missing or misshapen, a value that is not a number.
    """
    try:
        values = strict_json.read(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}), an adjustment wanted") from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON ({error}), an adjustment wanted") from error
    found = values.get("format") if isinstance(values, dict) else type(values).__name__
    if found != FORMAT:
        raise SettingsError(f"{path}: format {found!r} found, {FORMAT!r} wanted")
    try:
        knots = np.array([values["curves"][name] for name in CHANNELS], np.float64)
        return Adjustment(knots, np.array(values["log_gain"], np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{path}: curves of {', '.join(CHANNELS)} and log_gain wanted ({error!r})") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def to_cube(adjustment: Adjustment, mask: Float32, *, size: int | None = CUBE_SIZE, title: str = "harmonize") -> bytes:
    """Return the curves as a .cube table, in [0, 1].

    A table knows colors, not places, so that it cannot hold the shading map. It holds the map's mean over the
    foreground, so that the mean brightness is right.

    Parameters
    ----------
    adjustment
        Curves and map.
    mask
        Foreground (H, W), in [0, 1].
    size
        Side of a three-dimensional table, which every editor reads, 2 to 129; None for a one-dimensional one of 256
        entries.
    title
        Name of the table in the file; characters that are not ASCII become question marks.

    Returns
    -------
    bytes
        The table as a file.

    Raises
    ------
    SettingsError
        The size is out of its range.

    References
    ----------
    Adobe: Cube LUT Specification 1.0, 2013.
    """
    gain = mean_gain(adjustment, mask)
    if size is None:
        dimensions, rows = "LUT_1D_SIZE 256", (tables.table(adjustment.curves) * gain).T  # (256, 3)
    else:
        check_integer("cube size", size, 2, 129)
        dimensions, rows = f"LUT_3D_SIZE {size}", _grid(adjustment.curves, size) * gain
    clean = "".join(sign if sign.isprintable() and sign != '"' else "'" for sign in title)
    head = f'TITLE "{clean}"\n# Curves of harmonize. The shading map is not in them, its mean gain {gain:.4f} is.\n'
    head += f"{dimensions}\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0\n"
    table = "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in rows.clip(0, 1).tolist())
    return (head + table).encode("ascii", "replace")


def write_cube(
    path: Path, adjustment: Adjustment, mask: Float32, *, size: int | None = CUBE_SIZE, title: str = "harmonize"
) -> None:
    """Write what :func:`to_cube` returns; raises SettingsError and OutputError."""
    files.write_bytes(path, to_cube(adjustment, mask, size=size, title=title))


def _grid(knots: Float64, size: int) -> Float64:
    """Return the curves at the points of a cube, (size³, 3), red fastest, as .cube has them."""
    positions, centers = np.linspace(0, 1, size), tables.centers(knots.shape[1])
    red, green, blue = (np.interp(positions, centers, row) for row in knots)
    cube = np.stack(np.meshgrid(blue, green, red, indexing="ij")[::-1], axis=-1)  # (blue, green, red, 3)
    return np.asarray(cube.reshape(-1, 3), np.float64)


def mean_gain(adjustment: Adjustment, mask: Float32) -> float:
    """Return the geometric mean of the gain over a foreground (H, W), in [0, 1]; 1 where that is empty."""
    height, width = adjustment.log_gain.shape
    shares = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    total = float(shares.sum())
    return float(np.exp((adjustment.log_gain * shares).sum() / total)) if total > 0 else 1.0


def _cell_positions(length: int, cells: int) -> Float32:
    """Return the positions of pixels in units of cells, (length,), constant beyond the centers of the outer ones."""
    positions = (np.arange(length) + 0.5) * cells / length - 0.5
    return np.asarray(positions.clip(0, cells - 1), np.float32)


def _interpolate(values: Float32, positions: Float32) -> Float32:
    """Take rows of `values` (cells, n) at fractional positions (m,), linear between neighbors: (m, n).

    A matrix product is shorter, but BLAS brings threads of its own, which fight with those of the strips.
    """
    below = positions.astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    low = values[below]
    low += (positions - below)[:, None].astype(np.float32) * (values[above] - low)
    return low


def _spell(value: Any) -> str:
    """Return JSON with one line for each curve and each row of the map."""
    if isinstance(value, dict):
        inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in value.items())
        return f"{{\n{inner}\n }}"
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in value) + "\n ]"
    return json.dumps(value)
