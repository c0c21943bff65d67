"""Curves and shading map drawn as a picture."""

from __future__ import annotations

import cv2
import numpy as np

from ccharmony.arrays import UInt8
from harmonize.inference.adjustment import Adjustment
from harmonize.models.pih import tables

_PLOT = 512
_MARGIN = 24
_INKS = ((214, 39, 40), (44, 160, 44), (31, 119, 180))
_GRAY, _DARK = (210, 210, 210), (60, 60, 60)


def plot(adjustment: Adjustment) -> UInt8:
    """Draw the three curves and, to their right, the map: white is a gain of 2, black 0, middle gray no change.

    Parameters
    ----------
    adjustment
        Curves and map.

    Returns
    -------
    UInt8
        Picture (H, W, 3), RGB, on white.
    """
    side = _PLOT + 2 * _MARGIN
    canvas = np.full((side, 2 * side, 3), 255, np.uint8)
    for share in np.linspace(0, 1, 5):
        for start, end in (((share, 0), (share, 1)), ((0, share), (1, share))):
            cv2.line(canvas, _to_pixel(*start), _to_pixel(*end), _GRAY, 1, cv2.LINE_AA)
    cv2.line(canvas, _to_pixel(0, 0), _to_pixel(1, 1), _GRAY, 2, cv2.LINE_AA)
    for table, ink in zip(tables.table(adjustment.curves), _INKS, strict=True):
        points = np.array([_to_pixel(x, y) for x, y in zip(np.linspace(0, 1, 256), table.clip(0, 1), strict=True)])
        cv2.polylines(canvas, [points.reshape(-1, 1, 2)], False, ink, 3, cv2.LINE_AA)
    gain = np.exp(adjustment.log_gain)
    shade = cv2.resize(gain.astype(np.float32), (_PLOT, _PLOT), interpolation=cv2.INTER_LINEAR)
    levels = np.rint((shade * 127.5).clip(0, 255)).astype(np.uint8)
    canvas[_MARGIN : _MARGIN + _PLOT, side + _MARGIN : side + _MARGIN + _PLOT] = levels[..., None]
    for text, left in (("curves", _MARGIN), (f"gain {gain.min():.2f} to {gain.max():.2f}", side + _MARGIN)):
        cv2.putText(canvas, text, (left, _MARGIN - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _DARK, 1, cv2.LINE_AA)
    return canvas


def _to_pixel(x: float, y: float) -> tuple[int, int]:
    """Return the pixel of a point of the unit square, its origin below left."""
    return _MARGIN + round(x * (_PLOT - 1)), _MARGIN + round((1 - y) * (_PLOT - 1))
