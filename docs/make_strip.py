"""Draw docs/strip.png, the README's first picture, from a built demo.

`ccharmony build --src demo --out out/demo && python docs/make_strip.py out/demo`
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from ccharmony.arrays import UInt8
from ccharmony.dataset.manifest import read_manifest
from ccharmony.images import pixels

FOREGROUNDS = ("kitchen_D65_b", "nursery_D60_a", "garden_D50_b")
COMPOSITES = 3
HEIGHT, GAP = 200, 4


def main(dataset: Path) -> None:
    """Write the strip: a row a foreground, its real picture, its mask, and its first composites."""
    rows = read_manifest(dataset / "manifest.csv")
    lines = []
    for name in FOREGROUNDS:
        pairs = [row for row in rows if f"{row.photo}_{row.foreground}" == name][:COMPOSITES]
        mask = pixels.read_mask(dataset / pairs[0].mask)
        white = np.repeat(np.rint(255 * mask).astype(np.uint8)[..., None], 3, axis=2)
        pictures = [pixels.read_image(dataset / path) for path in (pairs[0].real, *(row.composite for row in pairs))]
        lines.append(_line([pictures[0], white, *pictures[1:]]))
    width = min(line.shape[1] for line in lines)
    between = np.full((GAP, width, 3), 255, np.uint8)
    stacked = [part for line in lines for part in (between, line[:, :width])][1:]
    pixels.write_image(Path(__file__).with_name("strip.png"), np.vstack(stacked))


def _line(pictures: list[UInt8]) -> UInt8:
    height, width = pictures[0].shape[:2]
    size = (round(width * HEIGHT / height), HEIGHT)
    scaled = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
    between = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    return np.hstack([part for picture in scaled for part in (between, picture)][1:]).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
