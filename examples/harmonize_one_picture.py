"""Harmonize the foreground of one picture with bundled weights.

    python harmonize_one_picture.py [COMPOSITE] [MASK] [RESULT]

Where COMPOSITE does not exist, a small one is drawn first: a wall in the evening, and in it a round part of the wall
under a blue sky. The weights are made for photos: a drawing shows how they are called, not how good they are. Prints by
how much the foreground was changed, and how far it is from the real one where that is known.
"""

import sys
from pathlib import Path

import numpy as np

import ccharmony
import harmonize


def main(composite_file: Path, mask_file: Path, result_file: Path) -> None:
    """Read the files, harmonize, write the result, and print what changed."""
    real = None if composite_file.exists() else draw_composite(composite_file, mask_file)
    composite, mask = ccharmony.read_image(composite_file), ccharmony.read_mask(mask_file)
    net = harmonize.load_network("giftnet_w16")  # once for any number of pictures
    result = harmonize.harmonize_image(composite, mask, net)
    ccharmony.write_image(result_file, result)
    print(f"{result_file}: differs from the composite by an fMSE of {harmonize.fmse(result, composite, mask):.1f}")
    if real is not None:
        before, after = (harmonize.fmse(picture, real, mask) for picture in (composite, result))
        print(f"fMSE to the real picture: composite {before:.1f}, result {after:.1f}")


def draw_composite(composite_file: Path, mask_file: Path) -> np.ndarray:
    """Write a composite and its mask, and return the real picture (256, 320, 3), 8 bits."""
    y, x = np.mgrid[:256, :320]
    waves = np.stack([np.sin(x / 40), np.sin(y / 30 + 1), np.sin((x + y) / 50)], axis=-1)
    distance = np.hypot(x - 130, y - 140) / 60
    inside = distance < 1
    colors = (0.5 + 0.08 * waves) * np.where(inside, 1.2 - 0.5 * distance**2, 1)[..., None]
    real, other = (np.rint(255 * colors * light).astype(np.uint8) for light in ((1, 0.85, 0.65), (0.65, 0.8, 1)))
    ccharmony.write_image(composite_file, np.where(inside[..., None], other, real))
    ccharmony.write_image(mask_file, np.uint8(255) * np.dstack([inside] * 3))
    return real


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*given, *[Path("composite.png"), Path("mask.png"), Path("harmonized.png")][len(given) :])
