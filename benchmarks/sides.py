"""The side of the picture that a network sees, and how the picture is shrunk to it.

    python -m benchmarks.sides --data DIR [--weights NAME|FILE …] [--sides 192,256,384] [--every N] [--smoke]

Pairs, such as `harmonize make-pairs` writes, are brought to each side by bilinear interpolation, as training and the
field's protocols do, and by averaged areas, which leave no aliasing. Each cell is the mean fMSE of the raw output at
that side; the real picture is shrunk in the same way.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from torch import nn

from benchmarks import scene
from ccharmony.arrays import Float32, UInt8
from ccharmony.dataset.find_pairs import find_pairs
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lights import read_lights
from harmonize.data.photos import find_photos
from harmonize.data.stored_pairs import read_pair
from harmonize.evaluation.metrics import fmse
from harmonize.inference import network
from harmonize.markdown import make_table
from harmonize.weights import bundled

WAYS = {"bilinear": cv2.INTER_LINEAR, "areas": cv2.INTER_AREA}
Pair = tuple[UInt8, Float32, UInt8]
"""Composite (H, W, 3), 8 bits, mask (H, W) in [0, 1] and real picture (H, W, 3), 8 bits."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Pairs in iHarmony4's layout, all splits.")
@click.option("--weights", multiple=True, help="Bundled weights or files. [all bundled GiftNets]")
@click.option("--sides", default="192,256,320,384,512", show_default=True, help="Sides in pixels.")
@click.option("--every", type=click.IntRange(1), default=7, show_default=True, help="Take every Nth pair.")
@click.option("--smoke", is_flag=True, help="Rendered photos: shows that it runs; the numbers mean nothing.")
def main(data: Path | None, weights: tuple[str, ...], sides: str, every: int, smoke: bool) -> None:
    """Print one table: sides and ways of shrinking down, composites and weights across."""
    names = weights or [name for name in bundled.list_weights() if name.startswith("giftnet")]
    with tempfile.TemporaryDirectory() as folder:
        if smoke:
            photos, lights = scene.write_photos(Path(folder), train=1, val=2)
            data, sides, every = Path(folder) / "pairs", "64,96", 1
            HeldPairs(find_photos(photos, "val"), read_lights(lights)).write(data)
        if data is None:
            raise click.UsageError("wanted --data, or --smoke")
        pairs = [read_pair(paths) for paths in find_pairs(data, "all", strict=True)[0][::every]]
    nets = [network.load_network(name, "cpu") for name in names]
    lines = []
    for side in map(int, sides.split(",")):
        for way, interpolation in WAYS.items():
            scores = np.mean([_score(_shrink(pair, side, interpolation), nets) for pair in pairs], axis=0)
            lines.append([str(side), way, *(f"{score:.0f}" for score in scores)])
    click.echo(f"{len(pairs)} pairs")
    click.echo(make_table(["side", "shrunk", "composite", *names], lines))


def _shrink(pair: Pair, side: int, interpolation: int) -> Pair:
    composite, mask, real = (cv2.resize(part, (side, side), interpolation=interpolation) for part in pair)
    return np.asarray(composite, np.uint8), np.asarray(mask.clip(0, 1), np.float32), np.asarray(real, np.uint8)


def _score(pair: Pair, nets: Sequence[nn.Module]) -> list[float]:
    """Return the fMSE of the composite and of the output of each network."""
    composite, mask, real = pair
    outputs = [network.infer(net, composite[None], mask[None])[0] for net in nets]
    return [fmse(picture, real, mask) for picture in (composite.astype(np.float32), *outputs)]


if __name__ == "__main__":
    main()
