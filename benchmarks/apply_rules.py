"""What `harmonize apply` does with several foregrounds and with transparent pixels, against other ways.

    python -m benchmarks.apply_rules DATASET

DATASET is the built demo, whose photos have two masks, a and b, and ten composites each. Prints the mean and the median
fMSE to the real pictures of 30 composites.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

import harmonize
from ccharmony import Picture, read_image, read_mask
from ccharmony.arrays import Float32, UInt8
from harmonize import harmonize_image
from harmonize.inference.composite import Composite
from harmonize.inference.image import harmonize_into

MOST = 30
WEIGHTS = "giftnet_w16"
_RECOLOR = partial(harmonize_into, net=WEIGHTS)


def main(root: Path) -> None:
    """Print both tables."""
    change = partial(harmonize_image, net=harmonize.load_network(WEIGHTS, "cpu"))
    names = sorted(path.name.removesuffix("_b_1.jpg") for path in (root / "composite_images").glob("*_b_1.jpg"))
    several, transparent = [], []
    for number, name in enumerate(names[:MOST]):
        real = read_image(root / "real_images" / f"{name}.jpg")
        masks = [read_mask(root / "masks" / f"{name}_{which}.png", shape=real.shape[:2]) for which in "ab"]
        if (masks[0] * masks[1]).any():
            continue
        composites = [
            read_image(root / "composite_images" / f"{name}_{which}_{donor}.jpg")
            for which, donor in (("a", number % 10 + 1), ("b", (3 * number + 4) % 10 + 1))
        ]
        pasted = [np.where(mask[..., None] > 0, other, real) for mask, other in zip(masks, composites, strict=True)]
        several.append(_score_several(real, masks, pasted, change))
        transparent.append(_score_transparent(real, masks[0], pasted[0], change))
    _show("two foregrounds", ("composite", "one mask", "each", "each after the other"), several)
    _show("transparent background", ("composite", "opaque", "black", "mean color"), transparent)


def _score_several(real: UInt8, masks: list[Float32], pasted: list[UInt8], change: partial[UInt8]) -> tuple[float, ...]:
    """Return the fMSE of a composite with both foregrounds, harmonized in three ways."""
    whole = np.where(masks[1][..., None] > 0, pasted[1], pasted[0])
    both = np.maximum(*masks)
    each = Composite(Picture(whole), masks).recolor(_RECOLOR).colors
    in_turn = change(change(whole, masks[0]), masks[1])
    return tuple(harmonize.fmse(result, real, both) for result in (whole, change(whole, both), each, in_turn))


def _score_transparent(real: UInt8, mask: Float32, whole: UInt8, change: partial[UInt8]) -> tuple[float, ...]:
    """Return the fMSE of a composite whose upper two fifths are transparent, black below."""
    alpha = np.full(mask.shape, 255, np.uint8)
    alpha[: round(0.4 * len(mask))] = 0
    alpha[mask > 0] = 255
    black = np.where(alpha[..., None] > 0, whole, 0).astype(np.uint8)
    seen = Composite(Picture(black, alpha), [mask]).recolor(_RECOLOR).colors
    return tuple(
        harmonize.fmse(result, real, mask) for result in (whole, change(whole, mask), change(black, mask), seen)
    )


def _show(title: str, ways: tuple[str, ...], scores: list[tuple[float, ...]]) -> None:
    print(f"{title}: {len(scores)} composites")
    for way, mean, median in zip(ways, np.mean(scores, axis=0), np.median(scores, axis=0), strict=True):
        print(f"  {way}: mean {mean:.0f}, median {median:.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
