"""The pictures of a built dataset checked against what its tables say: decoded, relit and measured again.

Contents: :func:`check_foreground`, :func:`check_fit`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from ccharmony.arrays import UInt8
from ccharmony.checker.chart import STANDARD
from ccharmony.color import difference, polynomial, transfer
from ccharmony.errors import FitError, ImageError
from ccharmony.images import pixels
from ccharmony.records import FitRecord, Pair

_BACKGROUND = 3.0
"""Mean absolute difference, in levels, that JPEG may leave between the backgrounds of a composite and its real."""

_FOREGROUND = 12.0
"""The same between the foregrounds of a composite and of the real picture relit again. Of the demo's pairs the worst
has 4.7 at JPEG quality 95, 8.3 at 70, and 0 in PNG."""

_DELTA_E, _CLIPPED = 2.0, 0.05
"""How far ΔE and clipped share may be off where they are measured again on JPEGs or under soft masks; the demo's worst
pairs have 0.59 and 0.014 at quality 95, 1.26 and 0.022 at 70."""

_EXACT = 1e-6
"""The same of PNG under hard masks, where nothing is lost; the manifest has six digits."""

_SAME_FIT = 1e-3
"""Levels on the patches."""

_MEASURED = 2048
"""Pixels of a foreground on which ΔE is measured, as in a build."""


def check_foreground(
    root: Path, rows: Sequence[Pair], lights: Mapping[str, FitRecord], *, soft: bool, arithmetic: transfer.Arithmetic
) -> Iterator[str]:
    """Check the pictures of one foreground.

    Parameters
    ----------
    root
        The dataset.
    rows
        The rows of one mask.
    lights
        The lights by id; empty where the composites are not relit again.
    soft
        Whether the mask may hold values between 0 and 1.
    arithmetic
        How the build applied its matrices.

    Yields
    ------
    str
        One line a problem.
    """
    first = rows[0]
    try:
        real = pixels.read_image(root / first.real)
        mask = pixels.read_mask(root / first.mask, shape=real.shape[:2])
    except ImageError as error:
        yield str(error)
        return
    if not mask.any():
        yield f"{first.mask}: empty"
        return
    if ((mask > 0) & (mask < 1)).any() and not soft:
        yield f"{first.mask}: values between 0 and 1, wanted a binary mask"
    composites = {}
    for row in rows:
        try:
            composites[row.composite] = pixels.read_image(root / row.composite)
        except ImageError as error:
            yield str(error)
    background = np.asarray(mask == 0, np.uint8)
    for row in (row for row in rows if row.composite in composites):
        yield from _check_background(row, composites[row.composite], real, background)
    own = lights.get(_own_light(first))
    if own is not None:
        foreground = transfer.standardize(real, mask if soft else mask > 0, own.to_standard, arithmetic)
        for row in (row for row in rows if row.composite in composites and row.donor in lights):
            if composites[row.composite].shape == real.shape:
                yield from _check_relit(row, composites[row.composite], real, foreground, lights[row.donor])


def check_fit(record: FitRecord) -> str:
    """Fit a light again to its patches; return the problem, if there is one."""
    kinds = dict.fromkeys(polynomial.KINDS)
    if record.kind not in kinds:
        return ""  # published matrices used as they are
    measured, standard = record.patches[record.used], STANDARD[record.used]
    try:
        there = polynomial.fit_polynomial(measured, standard, record.kind)
    except FitError as error:
        return f"{record.id}: its patches give no {record.kind} fit ({error})"
    apart = polynomial.apply_polynomial(there, measured) - polynomial.apply_polynomial(record.to_standard, measured)
    if (off := 255 * float(np.abs(apart).max())) > _SAME_FIT:
        return f"{record.id}: its matrix is {off:.3f} levels off the {record.kind} fit of its patches"
    return ""


def _own_light(row: Pair) -> str:
    """Return the id of the light that a row's photo has: its own, or the borrowed one."""
    return row.fit_kind.split(":")[1] if row.fit_kind.startswith("borrowed:") else row.photo


def _check_background(row: Pair, composite: UInt8, real: UInt8, background: UInt8) -> Iterator[str]:
    if composite.shape != real.shape:
        yield f"{row.composite}: shape {composite.shape}, its real picture has {real.shape}"
        return
    # By OpenCV: NumPy's selection of the pixels took 60 % of what checking a dataset takes.
    total = cv2.norm(composite, real, cv2.NORM_L1, background)
    off = total / max(3 * cv2.countNonZero(background), 1)
    if off > (0.0 if _is_lossless(row) else _BACKGROUND):
        yield f"{row.composite}: background differs from the real picture by {off:.2f} levels"


def _check_relit(
    row: Pair, composite: UInt8, real: UInt8, foreground: transfer.Foreground, donor: FitRecord
) -> Iterator[str]:
    """Relight the real picture again, and compare the composite, its clipped share and its ΔE."""
    relit = transfer.relight_foreground(foreground, donor.from_standard)
    wanted = transfer.paste(real, foreground, relit).reshape(-1, 3)[foreground.index]
    found = composite.reshape(-1, 3)[foreground.index]
    off = float(np.abs(found.astype(np.int16) - wanted).mean())
    exact = _is_lossless(row) and foreground.weight is None
    if off > (0.0 if exact else _FOREGROUND):
        yield f"{row.composite}: foreground {off:.2f} levels off the photo in the light of {row.donor}"
    if abs(relit.clipped_share - row.clipped_share) > (_EXACT if exact else _CLIPPED):
        yield f"{row.composite}: clipped share {row.clipped_share:.6f}, measured {relit.clipped_share:.6f}"
    sample = foreground.sample(_MEASURED)
    again = transfer.relight_foreground(sample, donor.from_standard)
    change = float(difference.delta_e(again.colors / 255, sample.original / 255).mean())
    if abs(change - row.delta_e) > (_EXACT if exact else _DELTA_E):
        yield f"{row.composite}: ΔE {row.delta_e:.6f}, measured {change:.6f}"


def _is_lossless(row: Pair) -> bool:
    return Path(row.composite).suffix.lower() == ".png"
