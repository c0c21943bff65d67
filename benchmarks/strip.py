"""Eight pairs side by side for a card: composite, mask, harmonized, real; from the best to the worst.

    python -m benchmarks.strip --data DIR --weights W --scores images.csv -o strip.webp

The pairs are chosen by rank, not by eye: those whose composites are the worse 60 % are ordered by what is left of
their fMSE, and eight are taken at fixed shares, the last two near and at the bottom; no real picture comes twice.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import click
import torch

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats.pair_files import PairPaths
from ccharmony.images import pixels
from ccharmony.names import from_cell
from harmonize.data.stored_pairs import StoredPairs
from harmonize.training import validation
from harmonize.weights import checkpoint

RANKS = (0.02, 0.15, 0.3, 0.45, 0.6, 0.75, 0.97, 1.0)
HARDER = 0.6
SIDE = 192

_PATH = click.Path(path_type=Path)


class Scored(NamedTuple):
    """A pair and its fMSE before and after."""

    pair: PairPaths
    before: float
    after: float


@click.command()
@click.option("--data", type=_PATH, required=True, help="Dataset in iHarmony4's layout.")
@click.option("--weights", required=True, help="Name of bundled weights, or a file.")
@click.option("--scores", type=_PATH, required=True, help="images.csv of `harmonize evaluate` on them, --split all.")
@click.option("-o", "--out", type=_PATH, required=True)
def main(data: Path, weights: str, scores: Path, out: Path) -> None:
    """Select the pairs, draw them, and print the scores of each."""
    torch.set_num_threads(1)
    found = _read(data, scores)
    chosen = choose(found)
    source = StoredPairs([entry.pair for entry in chosen])
    net = checkpoint.load(weights).net
    picture = validation.strip(net, source.batch(0, range(len(chosen)), SIDE), torch.device("cpu"))
    pixels.write_image(out, picture, 85)
    for entry in chosen:
        click.echo(f"{entry.pair.name}: fMSE {entry.before:.0f} -> {entry.after:.0f}")
    worse = sum(entry.after > entry.before for entry in found)
    click.echo(f"worse than the composite: {worse} of {len(found)}")


def choose(found: list[Scored]) -> list[Scored]:
    """Return one pair for each of `RANKS`, best first; no real picture comes twice while others are left."""
    hard = sorted(found, key=lambda entry: entry.before)[round((1 - HARDER) * len(found)) :]
    order = sorted(hard, key=lambda entry: entry.after / max(entry.before, 1e-6))
    chosen: list[Scored] = []
    for rank in RANKS:
        position = round(rank * (len(order) - 1))
        seen = {entry.pair.real for entry in chosen}
        nearest = sorted(range(len(order)), key=lambda index: abs(index - position))
        chosen.append(next((order[index] for index in nearest if order[index].pair.real not in seen), order[position]))
    return chosen


def _read(data: Path, scores: Path) -> list[Scored]:
    pairs = {pair.name: pair for pair in find_pairs(data, "all")[0]}
    with scores.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if from_cell(row["name"]) in pairs]
    return [Scored(pairs[from_cell(row["name"])], float(row["composite_fmse"]), float(row["fmse"])) for row in rows]


if __name__ == "__main__":
    main()
