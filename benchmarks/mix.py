"""Which kinds of mismatch in training help on which pictures: one network trained on by each mix, at an equal budget.

    python -m benchmarks.mix --photos DIR --others DIR --lights fits.h5 --out DIR [--steps N] [--seeds N] [--smoke]

All runs begin from the same weights, which know donor lights alone, and add one kind; the last has all of them. Each is
then scored on the rows of `benchmarks.kinds` (the half of the photos that chooses). A run that is finished is not
trained again: the command goes on where it was stopped.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from benchmarks import kinds, scene
from ccharmony import files
from harmonize.data.kind_settings import KindSettings
from harmonize.data.lights import read_lights
from harmonize.inference import network
from harmonize.markdown import make_table
from harmonize.training.settings import DistillSettings, TrainSettings
from harmonize.training.train_network import train_network
from harmonize.weights import bundled, checkpoint

ALL = KindSettings(
    none=0.1,
    statistics=0.12,
    retouch=0.18,
    ramp=0.05,
    pasted=0.35,
    regions=0.2,
    traced=0.15,
    hidden=0.45,
    loose=0.15,
)
MIXES: Mapping[str, KindSettings] = {
    "lights": KindSettings(),
    "nothing to do": KindSettings(none=0.2),
    "statistics": KindSettings(statistics=0.3),
    "retouch": KindSettings(retouch=0.3),
    "hidden seams": KindSettings(hidden=0.6),
    "pasted": KindSettings(pasted=0.5),
    "all": ALL,
}
_SCORES = "rows.json"
_PATH = click.Path(path_type=Path)
Scores = dict[str, tuple[float, float]]
"""By row of `benchmarks.kinds`: the mean fMSE of the composites and of the results."""


@click.command()
@click.option("--photos", type=_PATH, help="Photos with masks, train and val.")
@click.option("--others", type=_PATH, help="Photos of other sources, train and val.")
@click.option("--lights", type=_PATH, help="fits.h5: its train lights are learned from, its test lights score.")
@click.option("--out", type=_PATH, help="Folder of the runs.")
@click.option("--begin", default="giftnet_w16", show_default=True, help="Weights that all runs begin from.")
@click.option("--steps", type=click.IntRange(1), default=250, show_default=True, help="Of each run.")
@click.option("--size", type=click.IntRange(32), default=96, show_default=True, help="Side of the training pictures.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="Runs of each mix.")
@click.option("--every", type=click.IntRange(1), default=6, show_default=True, help="Score every Nth photo.")
@click.option("--smoke", is_flag=True, help="Rendered photos: shows that it runs; the numbers mean nothing.")
def main(
    photos: Path | None,
    others: Path | None,
    lights: Path | None,
    out: Path | None,
    begin: str,
    steps: int,
    size: int,
    seeds: int,
    every: int,
    smoke: bool,
) -> None:
    """Train every mix under every seed, score them, and print one table: rows down, mixes across."""
    mixes = MIXES
    with tempfile.TemporaryDirectory() as scratch:
        if smoke:
            mixes = {name: MIXES[name] for name in ("lights", "all")}
            photos, lights = scene.write_photos(Path(scratch), train=8, val=2, lights=60)
            others, out, steps, size, seeds, every = photos, Path(scratch) / "mixes", 1, 32, 1, 1
        if photos is None or others is None or lights is None or out is None:
            raise click.UsageError("wanted --photos, --others, --lights and --out, or --smoke")
        settings = _settings(begin, steps, size, 4 if smoke else 16)
        rows = kinds.make_rows(
            kinds.choose(photos, "all" if smoke else "choose")[::every],
            kinds.choose(others, "all" if smoke else "choose")[::every],
            read_lights(lights, "train" if smoke else "test"),
        )
        pairs = {title: those for title, those in rows if those}
        found: dict[str, list[Scores]] = {"begin": [_score(begin, pairs)]}
        for seed in range(seeds):  # every mix once before any twice
            for name, shares in mixes.items():
                folder = out / f"{name.replace(' ', '_')}_{seed}"
                _train(replace(settings, kinds=shares, seed=seed), folder, [photos, others], lights, begin, smoke)
                found.setdefault(name, []).append(_read_or_score(folder, pairs))
        click.echo(_tabulate(found))


def _settings(begin: str, steps: int, size: int, batch: int) -> TrainSettings:
    return TrainSettings(
        network=checkpoint.read_notes(bundled.find(begin))[0],
        distill=DistillSettings(kind="none"),
        loss="foreground",
        relit=0.4,
        mixed=0.5,
        balanced=True,
        size=size,
        batch=batch,
        steps=steps,
        warmup=min(25, steps - 1),
        decay="linear",
        ema=0.98,
        precision="bf16",
    )


def _train(settings: TrainSettings, folder: Path, photos: list[Path], lights: Path, begin: str, smoke: bool) -> None:
    if (folder / _SCORES).is_file():
        return
    resume = (folder / "state.pt").is_file()
    roots = photos[:1] if smoke else photos
    train_network(settings, folder, photos=roots, lights=lights, begin_from=None if resume else begin, resume=resume)


def _read_or_score(folder: Path, pairs: Mapping[str, list[kinds.Pair]]) -> Scores:
    table = folder / _SCORES
    if not table.is_file():
        files.write_bytes(table, json.dumps(_score(str(folder / "last.safetensors"), pairs)).encode())
    return {row: (before, after) for row, (before, after) in json.loads(table.read_bytes()).items()}


def _score(weights: str, pairs: Mapping[str, list[kinds.Pair]]) -> Scores:
    net = network.load_network(weights, "cpu")
    found = {}
    for row, those in pairs.items():
        before = [kinds.score(pair.composite.astype(np.float32), pair) for pair in those]
        after = [kinds.score(network.infer(net, pair.composite[None], pair.mask[None])[0], pair) for pair in those]
        found[row] = (float(np.mean(before)), float(np.mean(after)))
    return found


def _tabulate(found: Mapping[str, list[Scores]]) -> str:
    """Return the mean over the seeds, and half of what they differ by."""
    lines = []
    for row, (before, _) in found["begin"][0].items():
        cells = []
        for runs in found.values():
            after = np.array([run[row][1] for run in runs])
            spread = f" ± {np.ptp(after) / 2:.0f}" if len(after) > 1 else ""
            cells.append(f"{after.mean():.0f}{spread}")
        lines.append([row, f"{before:.0f}", *cells])
    return make_table(["pictures", "composite", *found], lines)


if __name__ == "__main__":
    main()
