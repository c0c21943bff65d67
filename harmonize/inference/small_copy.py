"""The small copy of a picture from which curves and shading map are predicted."""

from __future__ import annotations

import cv2
import numpy as np

from ccharmony.arrays import Float32, UInt8
from harmonize.models.settings import SIDE


def average(composite: UInt8, mask: Float32) -> tuple[Float32, Float32]:
    """Average a composite (H, W, 3) and its mask (H, W), in [0, 1], over squares of `SIDE`: both in [0, 1]."""
    small, inside = (cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for part in (composite, mask))
    return np.asarray(small, np.float32) / np.float32(255), np.asarray(inside, np.float32)
