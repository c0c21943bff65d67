"""Score the pictures that another method made, and compare two methods by a paired bootstrap.

    python score_another_method.py [DATASET] [PREDICTIONS] [OUT]

DATASET is in iHarmony4's layout; PREDICTIONS holds a picture for each composite, under its name with any extension.
Where they do not exist, 12 small pairs and the pictures of a simple method are made first: it moves the mean color of
the foreground to that of the background. The other side of the comparison are the composites as they are.
"""

import sys
from pathlib import Path

import numpy as np

import ccharmony
import harmonize


def main(dataset: Path, predictions: Path, out: Path) -> None:
    """Score both methods under two protocols, and print which is better and how sure that is."""
    if not dataset.exists():
        write_pairs(dataset, 12)
    if not predictions.exists():
        move_mean_colors(dataset, predictions)
    methods = {"predictions": predictions, "composites": dataset / "composite_images"}
    for protocol in ("issam", "standard"):
        for name, folder in methods.items():
            found = harmonize.evaluate(dataset, folder, protocol, out=out / protocol / name)["overall"]["harmonized"]
            print(f"{protocol}, {name}: fMSE {found['fmse']:.1f}, PSNR {found['psnr']:.2f} dB, {found['n']} pictures")
    tables = [out / "issam" / name / "images.csv" for name in methods]
    for row in harmonize.compare(*tables).differences:
        print(f"{row.metric}: {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], better: {row.better}")


def move_mean_colors(dataset: Path, folder: Path) -> None:
    """Give each foreground the mean color of its background."""
    folder.mkdir(parents=True)
    for pair in ccharmony.find_pairs(dataset, "test")[0]:
        composite, inside = ccharmony.read_image(pair.composite), ccharmony.read_mask(pair.mask) > 0.5
        factors = composite[~inside].mean(axis=0) / composite[inside].mean(axis=0)
        moved = np.rint(np.clip(composite * factors, 0, 255)).astype(np.uint8)
        ccharmony.write_image(folder / pair.name, np.where(inside[..., None], moved, composite))


def write_pairs(root: Path, count: int) -> None:
    """Write gray scenes with a ball, in iHarmony4's layout; in the composite the ball has another light."""
    random = np.random.default_rng(0)
    for name in ("composite_images", "masks", "real_images"):
        (root / name).mkdir(parents=True)
    y, x = np.mgrid[:64, :96]
    names = []
    for number in range(count):
        ball = np.hypot(x - random.integers(25, 70), y - random.integers(20, 44)) < 18
        gray = 0.5 + 0.2 * np.sin(x / 9 + number) * np.sin(y / 7)
        real, relit = (np.rint(255 * gray[..., None] * random.uniform(0.6, 1, 3)).astype(np.uint8) for _ in range(2))
        names.append(f"p{number}_1_1.png")
        ccharmony.write_image(root / "real_images" / f"p{number}.png", real)
        ccharmony.write_image(root / "masks" / f"p{number}_1.png", np.uint8(255) * np.dstack([ball] * 3))
        ccharmony.write_image(root / "composite_images" / names[-1], np.where(ball[..., None], relit, real))
    (root / f"{root.name}_test.txt").write_text("".join(f"{name}\n" for name in names))


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*given, *[Path("pairs"), Path("predictions"), Path("scores")][len(given) :])
