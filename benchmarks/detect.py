"""Finding a chart at 12 MP, compared with plain cv2.mcc on the same photo.

    python -m benchmarks.detect [--smoke] [--photos DIR]

Plain is what one would write first: chart type set, one pass over the whole photo, the best chart asked for. Without
--photos a photo is rendered; with it, every picture in the folder is scaled to 12 MP.
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks import scene
from benchmarks.timing import medians
from ccharmony.arrays import UInt8
from ccharmony.checker.detect import find_checker
from ccharmony.images import pixels
from ccharmony.images.headers import READABLE_SUFFIXES

MEGAPIXELS = 12.0
LIMIT = 1.5  # wanted where the first pass finds the chart


@click.command()
@click.option("--smoke", is_flag=True, help="A small photo, one repeat: shows that it runs.")
@click.option("--photos", type=click.Path(path_type=Path), help="Folder of photos that show a chart.")
def main(smoke: bool, photos: Path | None) -> None:
    """Print seconds and ratios."""
    megapixels, repeats = (1.0, 1) if smoke else (MEGAPIXELS, 5)
    images = _read(photos) if photos else {"rendered": scene.photo(1200, 1600)}
    ratios = [_compare(name, _scaled(image, megapixels), repeats) for name, image in images.items()]
    click.echo(f"median ratio {np.median(ratios):.2f}, wanted at most {LIMIT} where the first pass finds the chart")


def _read(folder: Path) -> dict[str, UInt8]:
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in READABLE_SUFFIXES]
    return {path.name: pixels.read_image(path) for path in paths}


def _scaled(image: UInt8, megapixels: float) -> UInt8:
    factor = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way), dtype=np.uint8)


def _compare(name: str, image: UInt8, repeats: int) -> float:
    seconds = medians({"plain": lambda: _plain(image), "find": lambda: find_checker(image)}, repeats)
    ratio = seconds["find"] / seconds["plain"]
    found = find_checker(image)
    said = found.reason or f"residual {found.residual:.1f}"
    click.echo(f"{name:32s} plain {seconds['plain']:6.2f} s, find {seconds['find']:6.2f} s, ratio {ratio:5.2f}  {said}")
    return ratio


def _plain(image: UInt8) -> None:
    detector = cv2.mcc.CCheckerDetector.create()
    detector.setColorChartType(cv2.mcc.MCC24)
    detector.process(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), 1)


if __name__ == "__main__":
    main()
