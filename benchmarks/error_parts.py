"""What a network's error consists of: a wrong estimate of the light, or a wrong rendering of it.

    python -m benchmarks.error_parts --data DIR --weights A [--weights B] [--smoke]

Of the foreground of each pair at 256×256, raw output: its mean squared error; what is left of it once the foreground's
mean color is corrected, which no rendering does; and what is left once the output is the polynomial of the composite's
colors that is nearest to it: what a change of light could do at best. A foreground counts where its mask is above
one half; one of fewer pixels than a chart has patches is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks import scene
from ccharmony.arrays import Float64
from ccharmony.color.polynomial import apply_polynomial, fit_polynomial
from ccharmony.dataset.find_pairs import find_pairs
from harmonize.data import lights
from harmonize.data.batches import Source
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.photos import find_photos
from harmonize.data.stored_pairs import StoredPairs
from harmonize.training import validation
from harmonize.weights import bundled, checkpoint

SIDE = 256
FEWEST = 24

PARTS: dict[str, Callable[[Float64, Float64, Float64], Float64]] = {
    "composite": lambda composite, _output, _real: composite,
    "output": lambda _composite, output, _real: output,
    "mean color corrected": lambda _composite, output, real: output + (real - output).mean(axis=0),
    "nearest polynomial": lambda composite, output, _real: _smooth(composite, output),
}
"""Foreground colors (n, 3) in [0, 1] of composite, output and real picture to the colors whose error is printed."""


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Pairs in iHarmony4's layout, all splits.")
@click.option("--weights", multiple=True, help="Name of bundled weights, or a file; may be given again.")
@click.option("--threads", default=2, show_default=True)
@click.option("--smoke", is_flag=True, help="Rendered photos and the bundled weights: shows that it runs.")
def main(data: Path | None, weights: tuple[str, ...], threads: int, smoke: bool) -> None:
    """Print the parts of the error of each network."""
    torch.set_num_threads(threads)
    if smoke:
        with tempfile.TemporaryDirectory() as folder:
            root, fits = scene.write_photos(Path(folder), train=1, val=2)
            held = lights.read_lights(fits)
            _print(HeldPairs(find_photos(root, "val"), held), weights or tuple(bundled.list_weights()))
    elif data is None or not weights:
        raise click.UsageError("wanted --data and --weights, or --smoke")
    else:
        _print(StoredPairs(find_pairs(data, "all", strict=True)[0], strict=True), weights)


def measure(network: torch.nn.Module, source: Source) -> Float64:
    """Return the mean squared error in levels squared of each of `PARTS` for each pair, (pairs, parts)."""
    rows = []
    for index in range(len(source)):
        batch = source.batch(0, [index], SIDE)
        with torch.inference_mode():
            output = validation.run(network, batch)
        inside = batch.mask[0, 0] > 0.5
        colors = [
            picture[0].permute(1, 2, 0)[inside].double().numpy() for picture in (batch.composite, output, batch.real)
        ]
        if len(colors[0]) >= FEWEST:
            rows.append([255**2 * np.square(part(*colors) - colors[2]).mean() for part in PARTS.values()])
    return np.array(rows)


def _print(source: Source, weights: tuple[str, ...]) -> None:
    for name in weights:
        found = measure(checkpoint.load(name).net.eval(), source)
        means = found.mean(axis=0)
        click.echo(f"{name}: {len(found)} foregrounds of {len(source)}")
        for part, mean in zip(PARTS, means, strict=True):
            click.echo(f"  {part:22s} {mean:8.1f}  {mean / means[1]:6.1%} of the output's")


def _smooth(composite: Float64, output: Float64) -> Float64:
    return apply_polynomial(fit_polynomial(composite, output), composite).clip(0, 1)


if __name__ == "__main__":
    main()
