"""Small copies for the browser, as plain bytes: red, green, blue and opacity, or one level, a pixel.

They are not encoded, since that takes time (as PNG twelve times that of their plain bytes), and since some browsers
give pixels of a decoded picture back with noise, against tracking.
"""

from __future__ import annotations

import cv2
import numpy as np

from ccharmony.arrays import Float32, UInt8
from ccharmony.images.stored import to_8_bits
from harmonize.studio import edges
from harmonize.studio.edges import Edge
from harmonize.studio.looks import Found
from harmonize.studio.scene import Cutout, Scene, shrink


def of_picture(picture: UInt8) -> UInt8:
    """Return the small copy of a picture (H, W, 3), opaque, (h, w, 4)."""
    return np.asarray(cv2.cvtColor(shrink(picture), cv2.COLOR_RGB2RGBA), np.uint8)


def of_mask(scene: Scene, edge: Edge) -> UInt8:
    """Return the small copy of a mask, its edge edited, (h, w)."""
    small = shrink(scene.mask)
    return _levels(edges.edit(small, edge, small.shape[1] / scene.mask.shape[1]))


def of_change(scene: Scene, found: Found) -> UInt8:
    """Return the small copy of a composite under a network's change, background too, (h, w, 4)."""
    small = shrink(scene.colors)
    levels = found.change(small)(slice(0, small.shape[0]), slice(0, small.shape[1]))
    changed = np.rint(levels.clip(0, 255)).astype(np.uint8)
    return np.asarray(cv2.cvtColor(changed, cv2.COLOR_RGB2RGBA), np.uint8)


def of_cutout(cutout: Cutout) -> UInt8:
    """Return the small copy of a cut-out with its opacity, (h, w, 4); its colors are not multiplied by it."""
    return np.dstack([shrink(to_8_bits(cutout.colors)), _levels(shrink(cutout.opacity))])


def _levels(mask: Float32) -> UInt8:
    return np.rint(255 * mask).astype(np.uint8)
