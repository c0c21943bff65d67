"""Draw docs/strip.png, the first picture of the README and of the site, from a built demo.

    ccharmony build --src demo --out out/demo
    python docs/make_strip.py out/demo

A row a composite: real, mask, composite, and what the bundled default weights make of it. The composites are chosen by
rank, not by eye. Of the 600 of the demo, 95 have a foreground far from the truth (fMSE of 1,000 and more, from
`harmonize evaluate --data out/demo --split all --paste`). Ordered by the share of that error which is left, the first
two lie a tenth and four tenths of the way down, and the last is the worst of all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from ccharmony.arrays import Float32, UInt8
from ccharmony.dataset import manifest
from ccharmony.images import pixels
from ccharmony.records import Pair
from harmonize.evaluation import metrics
from harmonize.inference.image import harmonize_image

CHOSEN = ("study_A_a_10", "garden_FL7_a_1", "kitchen_D100_a_1")
WIDTH, GAP = 200, 4


def main(dataset: Path) -> None:
    """Write the strip, and print the foreground's squared error of each row before and after."""
    pairs = {Path(pair.composite).stem: pair for pair in manifest.read_manifest(dataset / "manifest.csv")}
    rows = [_draw_row(dataset, pairs[name]) for name in CHOSEN]
    between = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    stacked = [part for row in rows for part in (between, row)][1:]
    pixels.write_image(Path(__file__).with_name("strip.png"), np.vstack(stacked))


def _draw_row(dataset: Path, pair: Pair) -> UInt8:
    real, composite = (pixels.read_image(dataset / path) for path in (pair.real, pair.composite))
    mask = pixels.read_mask(dataset / pair.mask)
    harmonized = harmonize_image(composite, mask)
    before, after = (_fmse(picture, real, mask) for picture in (composite, harmonized))
    print(f"{Path(pair.composite).name}: fMSE {before:.0f} -> {after:.0f}")
    white = np.repeat(np.rint(255 * mask).astype(np.uint8)[..., None], 3, axis=2)
    return _side_by_side([real, white, composite, harmonized])


def _fmse(picture: UInt8, real: UInt8, mask: Float32) -> float:
    return metrics.fmse(picture.astype(np.float64), real.astype(np.float64), mask.astype(np.float64))


def _side_by_side(pictures: list[UInt8]) -> UInt8:
    height, width = pictures[0].shape[:2]
    size = (WIDTH, round(height * WIDTH / width))
    scaled = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
    between = np.full((size[1], GAP, 3), 255, np.uint8)
    return np.hstack([part for picture in scaled for part in (between, picture)][1:]).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
