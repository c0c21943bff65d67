"""Search windows for cv2.mcc: parts of a photo, their enlargement, and the charts that it proposes there.

cv2.mcc wants patches of some 20 pixels and loses small charts among other edges. The whole photo at a moderate size
finds the charts of nine photos in ten at a fifth of the time; full resolution and enlarged tiles find the rest. No pass
looks at more than 8000 x 8000 pixels, however large the photo is.

Contents: :class:`Window`, :func:`passes`, :func:`passes_in_box`, :func:`propose_charts`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ccharmony.arrays import Float64, UInt8
from ccharmony.checker import chart
from ccharmony.checker.chart import Box

MIN_WIDTH = 60
"""Smallest chart that can be read, in pixels along its longer side: ten pixels between neighboring patches."""

MODERATE_SIDE = 2000
"""Longer side, in pixels, at which a photo or a box is looked at first."""

ENLARGED_SIDE = 8000
"""Longer side to which a photo is enlarged last: a chart a fortieth as wide then measures 200 pixels, of which 11 in
12 are found (80 pixels doubled); the 85-pixel chart of NUS 0002 is found from here on. A larger photo is searched at
this side, too, and its chart refined at full size: 361 megapixels without a chart took 60 s of one processor."""

_FOUND_WIDTH = 200  # pixels that a chart needs in order to be found
_TILE, _OVERLAP = 2400, 700  # pixels of the enlarged photo; larger charts were found at full resolution
_LARGE, _LARGE_TILE, _LARGE_OVERLAP = (
    25_000_000,
    4000,
    1200,
)  # larger photos are cut, since cv2.mcc takes 40 bytes a pixel
_WORTH = 1.2  # a pass that enlarges by less than this beyond the one before shows nothing new
_MARGINS = (0.25, 0.6, 0.05)  # around a given box, as shares of its longer side, in the order of their success
_SHORTER_SIDE, _MOST_ENLARGED = 1000, 10.0  # smaller pictures are enlarged to this side, but not without limit
_MOST = 50  # charts asked for; sorting them out costs cv2.mcc no measurable time
_ANY_COST = 1.0  # cv2.mcc's own gate compares colors without regard to the light
_SAMPLES, _WHITE_PERCENTILE, _LIFT = 40_000, 99.5, 0.7
_SMALL_WINDOWS = (11, 59)  # of the threshold, pixels: as good as 23 to 153 on small charts, in two thirds of the time


@dataclass(frozen=True)
class Window:
    """A part of a photo (x1 and y1 excluded), the factor by which it is scaled, and whether its charts are small."""

    x0: int
    y0: int
    x1: int
    y1: int
    scale: float = 1.0
    small_charts: bool = False


def passes(height: int, width: int) -> Iterator[list[Window]]:
    """Yield the windows of a whole photo: at a moderate size, at full resolution, enlarged in tiles.

    Passes that would show nothing new are left out.
    """
    if min(height, width) < MIN_WIDTH * chart.SIZE[1] / chart.SIZE[0]:
        return
    longer = max(height, width)
    moderate = MODERATE_SIDE / longer
    if moderate * _WORTH < 1:
        yield [Window(0, 0, width, height, moderate)]
    seen = _readable_scale(height, width)
    if height * width > _LARGE:
        largest = min(1.0, ENLARGED_SIDE / longer)
        tile = round(_LARGE_TILE / largest)
        yield list(_tiles(height, width, Window(0, 0, tile, tile, largest), round(_LARGE_OVERLAP / largest)))
    else:
        yield [Window(0, 0, width, height, seen)]
    enlarged = min(ENLARGED_SIDE / longer, _FOUND_WIDTH / MIN_WIDTH)
    if enlarged > _WORTH * seen:
        tile = round(_TILE / enlarged)
        yield list(_tiles(height, width, Window(0, 0, tile, tile, enlarged, True), round(_OVERLAP / enlarged)))


def passes_in_box(height: int, width: int, box: Box) -> Iterator[list[Window]]:
    """Yield the windows around a box that is known to hold the chart: with some margin, with more, with hardly any."""
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    for margin in _MARGINS:
        room = margin * longer
        left, top = max(int(x0 - room), 0), max(int(y0 - room), 0)
        right, bottom = min(int(x1 + room) + 1, width), min(int(y1 + room) + 1, height)
        scale = min(_readable_scale(bottom - top, right - left), MODERATE_SIDE / max(bottom - top, right - left))
        yield [Window(left, top, right, bottom, scale)]


def propose_charts(image: UInt8, window: Window) -> list[tuple[float, Float64]]:
    """Run cv2.mcc on a window of a photo.

    Parameters
    ----------
    image
        Photo, uint8 (H, W, 3), RGB.
    window
        Part of the photo to search, and its scale.

    Returns
    -------
    list of (float, Float64)
        Cost (cv2.mcc's own distance of colors, 0 is perfect) and corners in pixels of the photo, shape (4, 2), best
        first. Many are false: nothing is gated here.
    """
    part = image[window.y0 : window.y1, window.x0 : window.x1]
    height, width = part.shape[:2]
    size = max(round(width * window.scale), 1), max(round(height * window.scale), 1)
    if size != (width, height):
        way = cv2.INTER_AREA if window.scale < 1 else cv2.INTER_CUBIC
        part = np.asarray(cv2.resize(part, size, interpolation=way), dtype=np.uint8)
    detector = _detector(window.small_charts)
    detector.process(cv2.cvtColor(_brightened(part), cv2.COLOR_RGB2BGR), _MOST)
    scale = np.array(size) / (width, height)
    found = [
        (
            float(chart.getCost()),
            (np.array(chart.getBox(), dtype=np.float64) + 0.5) / scale - 0.5 + (window.x0, window.y0),
        )
        for chart in detector.getListColorChecker()
    ]
    # cv2.mcc fills its list from several threads; sorted completely, the order is the same every time.
    return sorted(found, key=lambda item: (item[0], item[1].tolist()))


def _brightened(part: UInt8) -> UInt8:
    """Stretch a picture to full brightness and lift its shadows, since cv2.mcc wants edges of seven levels.

    Of 12 charts darkened to an eighth, 11 are found so instead of 9; of 12 in a shadow of a sixteenth, all instead of
    10. With the square root instead of this power, one in the sun is lost.
    """
    step = max(1, round((part.shape[0] * part.shape[1] / _SAMPLES) ** 0.5))
    white = max(float(np.percentile(part[::step, ::step].max(axis=2), _WHITE_PERCENTILE)), 1.0)
    curve = 255 * np.minimum(np.arange(256) / white, 1.0) ** _LIFT
    return np.asarray(cv2.LUT(part, np.rint(curve).astype(np.uint8)), dtype=np.uint8)


def _readable_scale(height: int, width: int) -> float:
    """Return the factor that makes a small picture as large as cv2.mcc's filters want it; 1 for others."""
    return float(np.clip(_SHORTER_SIDE / min(height, width), 1.0, _MOST_ENLARGED))


def _tiles(height: int, width: int, first: Window, overlap: int) -> Iterator[Window]:
    """Yield copies of a square window that cover a photo and overlap by at least so many pixels."""
    side = first.x1
    for y0, x0 in itertools.product(_starts(height, side, overlap), _starts(width, side, overlap)):
        yield replace(first, x0=x0, y0=y0, x1=min(x0 + side, width), y1=min(y0 + side, height))


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixels of tiles that cover a length evenly and overlap by at least so much."""
    count = max(1, int(np.ceil((length - overlap) / (tile - overlap))))
    return [round(start) for start in np.linspace(0, max(length - tile, 0), count)]


def _detector(small_charts: bool) -> cv2.mcc.CCheckerDetector:
    detector = cv2.mcc.CCheckerDetector.create()
    detector.setColorChartType(cv2.mcc.MCC24)  # else 5.0 reads uninitialised memory
    parameters = detector.getDetectionParams()
    parameters.maxError = _ANY_COST
    parameters.minImageSize = 1  # enlarging is decided here
    if small_charts:
        parameters.adaptiveThreshWinSizeMin, parameters.adaptiveThreshWinSizeMax = _SMALL_WINDOWS
    detector.setDetectionParams(parameters)
    return detector
