"""From your own photos of a scene with a color checker to a dataset of composite/real pairs.

    python own_photos_to_dataset.py [PHOTOS] [DATASET]

PHOTOS holds ``photos/*.png`` (or any other picture or raw format) and ``masks/<photo>_<letter>.png``. Where it does
not exist, six small photos are rendered first: one scene with a checker and a ball, under six lights. The photos of a
split swap their lights, so each gets the ball as every other one of its split would show it.
"""

import sys
from pathlib import Path

import numpy as np

import ccharmony

LIGHTS = {"noon": (1, 1, 1), "shade": (0.75, 0.9, 1.1), "bulb": (1.1, 0.8, 0.5), "led": (0.9, 1, 0.75)}
LIGHTS |= {"dusk": (1, 0.75, 0.7), "dawn": (1.1, 0.85, 0.95)}
"""Factors on linear R, G and B."""

CHECKER = """
735244 c29682 627a9d 576c43 8580b1 67bdaa
d67e2c 505ba6 c15a63 5e3c6c 9dbc40 e0a32e
383d96 469449 af363c e7c71f bb5695 0885a1
f3f3f2 c8c8c8 a0a0a0 7a7a7a 555555 343434
"""
"""sRGB colors of the 24 patches."""


def main(photos: Path, dataset: Path) -> None:
    """Build the dataset, check it, and print what it holds."""
    if not photos.exists():
        photograph(photos)
    settings = ccharmony.BuildSettings(("folder",), photos, pair=ccharmony.PairSettings(composites=2))
    report = ccharmony.build_dataset(settings, dataset)
    for line in (*report.found, *report.problems):
        print(line)
    for pair in ccharmony.read_manifest(dataset / "manifest.csv"):
        print(f"{pair.composite}: {pair.photo} with the light of {pair.donor}, {pair.split}")
    print(f"files that do not fit the tables: {len(ccharmony.verify_dataset(dataset).problems)}")


def photograph(folder: Path) -> None:
    """Write six photos of one scene with a checker, and the mask of a ball in it."""
    scene, ball = draw_scene()
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True)
    for name, light in LIGHTS.items():
        photo = 255 * np.clip(0.9 * scene**2.2 * light, 0, 1) ** (1 / 2.2)  # light acts on linear colors
        ccharmony.write_image(folder / "photos" / f"{name}.png", np.rint(photo).astype(np.uint8))
        ccharmony.write_image(folder / "masks" / f"{name}_a.png", np.uint8(255) * np.dstack([ball] * 3))


def draw_scene() -> tuple[np.ndarray, np.ndarray]:
    """Return a scene (600, 900, 3), sRGB-encoded, in [0, 1], and where its ball is, (600, 900)."""
    y, x = np.mgrid[:600, :900]
    waves = np.stack([np.sin(x / 90), np.sin(y / 70 + 1), np.sin((x + y) / 110)], axis=-1)
    scene = 0.45 + 0.15 * waves
    distance = np.hypot(x - 230, y - 330) / 140
    ball = distance < 1
    scene[ball] = np.array([0.75, 0.35, 0.25]) * (1 - 0.5 * distance[ball, None] ** 2)
    scene[60:350, 440:870] = 0.1  # the frame of the checker
    for row, line in enumerate(CHECKER.split("\n")[1:-1]):
        for column, color in enumerate(line.split()):
            top, left = 70 + 70 * row, 450 + 70 * column
            scene[top : top + 60, left : left + 60] = np.array(list(bytes.fromhex(color))) / 255
    return scene, ball


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*given, *[Path("own_photos"), Path("own_dataset")][len(given) :])
