"""OpenCV's encoders, with their complaints as errors, and how many threads a codec may start."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ccharmony.arrays import UInt8
from ccharmony.errors import OutputError


def threads() -> int:
    """Return how many threads a codec may start, at least 1: as many as OpenCV may use, which the caller decides."""
    return max(cv2.getNumThreads(), 1)


def encode(values: UInt8, suffix: str, flags: Sequence[int] = ()) -> UInt8:
    """Return a picture as a file.

    Parameters
    ----------
    values
        Shape (H, W, 3), BGR, or (H, W), gray.
    suffix
        Names the format, such as ``.png``.
    flags
        Parameters of the format, as `cv2.imencode` takes them.

    Returns
    -------
    UInt8
        The bytes, shape (n,), writable.

    Raises
    ------
    OutputError
        The codec refuses the picture.
    """
    try:
        done, data = cv2.imencode(suffix, values, list(flags))
    except cv2.error as error:
        raise OutputError(f"{suffix} of shape {values.shape}: {str(error).splitlines()[0]}") from error
    if not done:
        raise OutputError(f"{suffix} of shape {values.shape}: the codec refused the picture")
    return np.asarray(data, np.uint8)
