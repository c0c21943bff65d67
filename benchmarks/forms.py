"""What is lost when a network's change is kept in a form that can be edited, enlarged or carried from frame to frame.

    python -m benchmarks.forms --photos DIR [--others DIR] --lights fits.h5 [--weights NAME|FILE …] [--every N]

The pairs are those of benchmarks.kinds (lights never seen, the half of the photos that reports). A row is a form: the
network's own answer, the local color map that carries it to full resolution, curves with a shading map, and one
quadratic function of the color, as a video has it. A cell is the mean fMSE at 256×256 and what the form misses of the
network's squared change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks import kinds, scene
from ccharmony.arrays import Float32, UInt8
from harmonize.data.lights import read_lights
from harmonize.inference import adjustment, color_map, curve_fit, runtimes
from harmonize.inference.runtimes import Runtime
from harmonize.markdown import make_table
from harmonize.video import color_change
from harmonize.weights import bundled

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--photos", type=_PATH, help="Photos with masks, of the kind that was trained on.")
@click.option("--others", type=_PATH, help="Photos of other sources.")
@click.option("--lights", type=_PATH, help="fits.h5; its test lights are used.")
@click.option("--weights", multiple=True, help="Bundled weights or files. [all bundled]")
@click.option("--every", type=click.IntRange(1), default=1, help="Take every Nth photo.")
@click.option("--smoke", is_flag=True, help="Rendered photos: shows that it runs; the numbers mean nothing.")
def main(
    photos: Path | None, others: Path | None, lights: Path | None, weights: tuple[str, ...], every: int, smoke: bool
) -> None:
    """Print one table: forms down, weights across."""
    with tempfile.TemporaryDirectory() as folder:
        if smoke:
            photos, lights = scene.write_photos(Path(folder), train=1, val=2)
        if photos is None or lights is None:
            raise click.UsageError("wanted --photos and --lights, or --smoke")
        part: kinds.Part = "all" if smoke else "report"
        found = [paths for root in filter(None, (photos, others)) for paths in kinds.choose(root, part)[::every]]
        pairs = kinds.light(found, read_lights(lights, "train" if smoke else "test"))
        names = weights or tuple(bundled.list_weights())
        columns = [_measure(pairs, runtimes.find(name)) for name in names]
    rows = [[form, *(column[form] for column in columns)] for form in columns[0]]
    click.echo(f"{len(pairs)} composites\n\n{make_table(['fMSE; missed of the change', *names], rows)}")


def _measure(pairs: Sequence[kinds.Pair], net: Runtime) -> dict[str, str]:
    """Return the cell of each form."""
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for pair in pairs:
        answer = net.infer(pair.composite[None], pair.mask[None])[0]
        for form, levels in _forms(pair, answer):
            numbers = kinds.score(levels, pair), _squares(levels, answer, pair), _squares(answer, pair.composite, pair)
            scores.setdefault(form, []).append(numbers)
    means = {form: np.mean(numbers, axis=0) for form, numbers in scores.items()}
    return {form: f"{fmse:.0f}; {100 * missed / change:.1f} %" for form, (fmse, missed, change) in means.items()}


def _forms(pair: kinds.Pair, answer: Float32) -> Iterator[tuple[str, Float32]]:
    """Yield each form of an answer in levels, (256, 256, 3)."""
    whole = tuple(slice(0, side) for side in pair.mask.shape)
    before, after = pair.composite.astype(np.float32) / np.float32(255), answer / np.float32(255)
    mapped = color_map.fit(before, after, pair.mask).renderer(pair.composite)
    curves = adjustment.renderer(curve_fit.fit_adjustment(pair.composite, answer, pair.mask).adjustment, pair.composite)
    quadratic = color_change.fit(color_change.measure(before, after, pair.mask)).renderer(pair.composite)
    yield "the network's answer", answer
    for form, render in (("local color map", mapped), ("curves and shading map", curves), ("quadratic", quadratic)):
        yield form, render(*whole).clip(0, 255)


def _squares(first: Float32, second: UInt8 | Float32, pair: kinds.Pair) -> float:
    return float((((first - second) ** 2).mean(axis=2) * pair.mask).sum() / pair.mask.sum())


if __name__ == "__main__":
    main()
