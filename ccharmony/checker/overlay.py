"""A picture of the chart found in a photo: where each patch was read, and what color it should have.

Contents: :func:`draw_finding`.
"""

from __future__ import annotations

import cv2
import numpy as np

from ccharmony.arrays import Float64, UInt8
from ccharmony.checker import chart, patches
from ccharmony.checker.chart import STANDARD
from ccharmony.checker.findings import Detection

Color = tuple[int, int, int]

_GREEN, _RED, _WHITE, _BLACK, _PAPER = (60, 255, 60), (255, 60, 60), (255, 255, 255), (0, 0, 0), (40, 40, 40)
_LINE = 40  # pixels a line of text
_SURROUNDINGS = 0.12  # shown around the chart in the close-up, as a share of its larger side


def draw_finding(image: UInt8, found: Detection, side: int = 1600) -> UInt8:
    """Draw a finding on its photo, and below it a close-up of the chart and its colors next to the standard ones.

    Green are the chart and the parts of its patches that were read, red are flagged patches and charts that were
    refused, the finding that came closest among them. Patches are numbered in chart order: 1 is dark skin, 24 is black.

    Parameters
    ----------
    image
        Photo, uint8 (H, W, 3), RGB.
    found
        The chart found in it.
    side
        Longer side of the photo in the picture, in pixels.

    Returns
    -------
    UInt8
        uint8 (H', W', 3), RGB.
    """
    parts = [_photo(image, found, side)]
    width = max(parts[0].shape[1], side // 2)
    if found.corners is not None and found.patches is not None:
        size = width // 2, width // 3
        parts.append(np.hstack([_close_up(image, found, size), _swatches(found, size)]))
    parts.append(_caption(found, width))
    field = np.full((sum(len(part) for part in parts), width, 3), _PAPER, dtype=np.uint8)
    for part, bottom in zip(parts, np.cumsum([len(part) for part in parts]), strict=True):
        field[bottom - len(part) : bottom, : part.shape[1]] = part
    return field


def _photo(image: UInt8, found: Detection, side: int) -> UInt8:
    """Shrink the photo and outline the charts in it."""
    scale = min(1.0, side / max(image.shape[:2]))
    small = _resized(image, scale)
    for other in found.others:
        if other.corners is not None:
            _outline(small, _scaled(other.corners, scale), _RED if other.reason else _WHITE)
    if found.closest is not None:
        _outline(small, _scaled(found.closest, scale), _RED)
    if found.corners is not None:
        _outline(small, _scaled(found.corners, scale), _GREEN)
    return small


def _close_up(image: UInt8, found: Detection, size: tuple[int, int]) -> UInt8:
    """Show the chart with the quads that were read and their numbers, in a field of some width and height."""
    assert found.corners is not None
    assert found.patches is not None
    width, height = size
    low, high = found.corners.min(axis=0), found.corners.max(axis=0)
    room = _SURROUNDINGS * (high - low).max()
    x0, y0 = np.maximum(np.floor(low - room), 0).astype(int)
    x1, y1 = np.ceil(high + room).astype(int) + 1
    part = image[y0:y1, x0:x1]
    scale = min(width / part.shape[1], height / part.shape[0])
    shown = _resized(part, scale)
    flags = found.patches.flags()
    for patch, quad in enumerate(chart.patch_quads(found.corners, patches.INNER_SHARE)):
        color = _RED if flags[chart.RELEASE_TO_CHART[patch]] else _GREEN
        corners = _scaled(quad - (x0, y0), scale)
        _outline(shown, corners, color)
        _write(shown, str(patch + 1), corners.mean(axis=0), np.ptp(corners[:, 1]) / 60)
    field = np.full((height, width, 3), _PAPER, dtype=np.uint8)
    field[: shown.shape[0], : shown.shape[1]] = shown[:height, :width]
    return field


def _swatches(found: Detection, size: tuple[int, int]) -> UInt8:
    """Show each patch as it was measured (left half) and as it should be (right half), as on the chart."""
    assert found.patches is not None
    width, height = size
    field = np.full((height, width, 3), _PAPER, dtype=np.uint8)
    flags = found.patches.flags()
    for patch, position in enumerate(chart.RELEASE_TO_CHART):
        row, column = divmod(patch, 6)
        x, y = width * column // 6, height * row // 4
        w, h = width * (column + 1) // 6 - 6 - x, height * (row + 1) // 4 - 6 - y
        for half, color in enumerate((found.patches.colors[position], STANDARD[position])):
            field[y : y + h, x + half * w // 2 : x + (half + 1) * w // 2] = np.nan_to_num(np.round(255 * color))
        if flags[position]:
            cv2.rectangle(field, (x, y), (x + w, y + h), _RED, 4)
        _write(field, str(patch + 1), np.array([x + w / 2, y + h / 2]), h / 150)
    return field


def _caption(found: Detection, width: int) -> UInt8:
    lines = [found.reason or f"residual {found.residual:.1f} levels, turned by {found.orientation} degrees"]
    if found.corners is not None and found.patches is not None:
        lines[0] += f", {found.patches.usable.sum()} of 24 patches usable; left as measured, right the standard"
    lines += [f"another chart: {other.reason or f'residual {other.residual:.1f} levels'}" for other in found.others]
    field = np.full((_LINE * len(lines) + 10, width, 3), _PAPER, dtype=np.uint8)
    for number, line in enumerate(lines, start=1):
        size = min(0.8, 0.8 * (width - 20) / cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 1)[0][0])
        cv2.putText(field, line, (10, _LINE * number - 8), cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 1, cv2.LINE_AA)
    return field


def _resized(image: UInt8, scale: float) -> UInt8:
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.array(cv2.resize(image, size, interpolation=way), dtype=np.uint8)


def _scaled(points: Float64, scale: float) -> Float64:
    return (points + 0.5) * scale - 0.5


def _outline(image: UInt8, corners: Float64, color: Color) -> None:
    """Draw a closed line with dark edges, so that it is seen on any ground; corners to a sixteenth of a pixel."""
    points = [np.round(corners * 16).astype(np.int32)]
    cv2.polylines(image, points, True, _BLACK, 4, cv2.LINE_AA, shift=4)
    cv2.polylines(image, points, True, color, 2, cv2.LINE_AA, shift=4)


def _write(image: UInt8, text: str, center: Float64, size: float) -> None:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    position = round(center[0] - width / 2), round(center[1] + height / 2)
    cv2.putText(image, text, position, cv2.FONT_HERSHEY_SIMPLEX, size, _BLACK, 3, cv2.LINE_AA)
    cv2.putText(image, text, position, cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, 1, cv2.LINE_AA)
