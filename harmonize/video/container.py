"""What is known of video files: PyAV, which opens them, the kinds that are read and written, and how colors are coded.

Contents: :func:`load_av`, :func:`is_video`, :data:`SUFFIXES`; :class:`Coding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ccharmony.errors import SettingsError, SourceError

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
"""Suffixes that are written, and FFmpeg's name of their container."""

SUFFIXES = (*MUXERS, ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv")
"""Suffixes of files that are taken for videos."""

_LIMITED, _FULL = 1, 2

_LUMA = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 BG, as BT.601
    6: (0.299, 0.114),  # SMPTE 170M, as BT.601
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
}
"""Shares of red and blue in luma, by the number of a matrix in ITU-T H.273."""

_UNKNOWN = 2
_LARGE = 720
"""Lines from which a video that names no matrix is taken for BT.709, as players do; below for BT.601."""

_NOT_FOR_SCREENS = {8: "linear light", 16: "PQ (HDR)", 18: "HLG (HDR)"}
"""Transfer curves for which the values of a picture are not what the networks know."""


@dataclass(frozen=True)
class Coding:
    """How the samples of a video stand for colors, by the numbers of ITU-T H.273; kept as they are in the result.

    Attributes
    ----------
    matrix
        Of Y'CbCr.
    is_full
        Whether 8-bit luma reaches from 0 to 255 and not from 16 to 235.
    """

    matrix: int
    is_full: bool

    @property
    def luma(self) -> tuple[float, float]:
        """Return the shares of red and blue in luma."""
        return _LUMA[self.matrix]

    @property
    def range(self) -> int:
        """Return FFmpeg's number of the range."""
        return _FULL if self.is_full else _LIMITED


def load_av() -> ModuleType:
    """Return PyAV; raises SettingsError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise SettingsError("videos need PyAV: pip install 'ccharmony[video]'") from error
    av.logging.set_level(None)  # what FFmpeg says of a damaged frame; errors are raised all the same
    return av


def is_video(path: Path) -> bool:
    """Return whether a name is that of a video."""
    return path.suffix.lower() in SUFFIXES


def read_coding(frame: Any, path: Path) -> Coding:
    """Return how a decoded frame is coded.

    Parameters
    ----------
    frame
        PyAV's frame.
    path
        Its file, for messages.

    Returns
    -------
    Coding
        As its tags say; without them by its size.

    Raises
    ------
    SourceError
        Its transfer curve or its matrix is one that the networks or this code do not know.
    """
    if kind := _NOT_FOR_SCREENS.get(frame.color_trc):
        raise SourceError(f"{path}: its transfer curve is {kind}, wanted a video for ordinary screens (SDR)")
    matrix = frame.colorspace
    if matrix in (0, _UNKNOWN):
        matrix = 1 if min(frame.width, frame.height) >= _LARGE else 6
    if matrix not in _LUMA:
        raise SourceError(f"{path}: matrix {matrix} of ITU-T H.273, wanted one of {', '.join(map(str, _LUMA))}")
    return Coding(matrix, frame.color_range == _FULL or frame.format.name.startswith("yuvj"))
