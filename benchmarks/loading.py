"""How fast pairs are loaded, compared with how fast a training step on the CPU consumes them.

    python -m benchmarks.loading [--smoke] [--batch 4] [--pairs 64] [--threads N]

Pictures a second at 256×256 of JPEG pairs of 0.3 MP (most of iHarmony4) and of 0.7 MP (its HAdobe5k, shrunk to a longer
side of 1024 as its users do), each from a folder, from shards and from one HDF5 file that hold the same pairs, and of
photos held in memory that are relit on the fly. For comparison, what reading the bytes alone takes. Files are in the
page cache: this is the cost of finding and decoding, not of a disk. The consumer is the cheapest network,
iSSAM, in float32 and in bfloat16, with freed memory kept as `harmonize train` does. Wanted: at least 3 times its
rate in float32.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks import network, scene
from benchmarks.timing import medians
from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.dataset.formats import pair_folder
from ccharmony.dataset.formats.pair_files import PARTS, PairPaths
from ccharmony.dataset.packing.pack import pack_dataset
from ccharmony.images import pixels
from harmonize.data.batches import Source, schedule_epoch
from harmonize.data.lights import Lights
from harmonize.data.lit_photos import LitPhotos
from harmonize.data.photos import PhotoMemory
from harmonize.data.stored_pairs import StoredPairs
from harmonize.memory import keep_freed_memory

BOUND = 3.0
SHARE = 0.15
STORED = {"JPEG pairs of 640×480": (480, 640), "JPEG pairs of 1024×683": (683, 1024)}


@click.command()
@click.option("--smoke", is_flag=True, help="Small pictures, one repeat: shows that it runs; the ratios mean nothing.")
@click.option("--batch", default=4, show_default=True, help="Pictures a batch.")
@click.option("--pairs", default=64, show_default=True, help="Pairs of each shape.")
@click.option("--repeats", default=7, show_default=True, help="Runs that the medians are over.")
@click.option("--threads", default=torch.get_num_threads(), show_default=True, help="Threads of loader and network.")
def main(smoke: bool, batch: int, pairs: int, repeats: int, threads: int) -> None:
    """Print the rates and their ratios."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    size, repeats, pairs = (64, 1, batch) if smoke else (256, repeats, pairs)
    with tempfile.TemporaryDirectory() as folder:
        loaders, raw = _open_stored(Path(folder), pairs, batch, size, threads)
        loaders["photos lit on the fly"] = _load(_light(batch), batch, size)
        half = network.Load(batch, size, dtype=torch.bfloat16)
        steps = {
            "step in float32": network.training_step(network.BASIC, network.Load(batch, size)),
            "step in bfloat16": network.training_step(network.BASIC, half),
        }
        medians({**loaders, **raw, **steps}, 1)
        seconds = medians({**loaders, **raw, **steps}, repeats)
    click.echo(f"{size}×{size}, batch {batch}, {threads} thread(s), median of {repeats}")
    for name, value in seconds.items():
        ratios = "  ".join(f"{seconds[step] / value:6.1f}x the {step}" for step in steps if name in loaders)
        click.echo(f"  {name:34s} {batch / value:9.1f} pictures/s  {ratios}")
    slowest = min(seconds["step in float32"] / seconds[name] for name in loaders)
    click.echo(f"  loading is at least {slowest:.1f} times as fast as the step ({BOUND:g} wanted)")


def _open_stored(
    root: Path, count: int, batch: int, size: int, threads: int
) -> tuple[dict[str, Callable[[], object]], dict[str, Callable[[], object]]]:
    """Return what loads a batch, and what reads its bytes alone, of each shape and form."""
    loaders: dict[str, Callable[[], object]] = {}
    raw: dict[str, Callable[[], object]] = {}
    for name, (height, width) in STORED.items():
        folder = root / f"{width}"
        _store(folder, height, width, count)
        pack_dataset(folder, "shards", root / f"{width} shards")
        pack_dataset(folder, "h5", root / f"{width}.h5")
        for form, path in (("folder", folder), ("shards", root / f"{width} shards"), ("h5", root / f"{width}.h5")):
            pairs, _ = find_pairs(path, "all")
            source = StoredPairs(pairs, seed=0, strict=True, threads=threads)
            loaders[f"{name}, {form}"] = _load(source, batch, size)
            raw[f"bytes alone, {width}×{height}, {form}"] = _read_bytes(pairs, batch)
    return loaders, raw


def _load(source: Source, batch: int, size: int) -> Callable[[], object]:
    """Return a call that loads the next batch of a shuffled epoch, each time with new crops."""
    samples = ((epoch, rows) for epoch in itertools.count() for rows in schedule_epoch(0, epoch, len(source), batch))

    def load() -> object:
        epoch, rows = next(samples)
        return source.batch(epoch, rows, size)

    return load


def _read_bytes(pairs: Sequence[PairPaths], batch: int) -> Callable[[], object]:
    """Return a call that reads the files of the next batch of a shuffled epoch."""
    samples = (rows for epoch in itertools.count() for rows in schedule_epoch(0, epoch, len(pairs), batch))

    def read() -> object:
        return [getattr(pairs[row], part).read_bytes() for row in next(samples) for part in PARTS]

    return read


def _store(root: Path, height: int, width: int, count: int) -> None:
    """Write pairs of one shape as iHarmony4 has them."""
    for name in (pair_folder.COMPOSITES, pair_folder.MASKS, pair_folder.REALS):
        (root / name).mkdir(parents=True)
    for number in range(count):
        real = scene.photo(height, width, 1 - 0.5 * number / count)
        pixels.write_image(root / pair_folder.REALS / f"p{number}.jpg", real)
        pixels.write_image(root / pair_folder.COMPOSITES / f"p{number}_a_1.jpg", real[:, ::-1])
        pixels.write_mask(root / pair_folder.MASKS / f"p{number}_a.png", scene.mask(height, width, SHARE))


def _light(count: int) -> LitPhotos:
    """Photos with a short side of 256 in memory, and a dozen lights."""
    images = [scene.photo(256, 384, 1 - 0.05 * number) for number in range(count)]
    masks = [(scene.mask(256, 384, SHARE) * 255).astype(np.uint8)] * count
    memory = PhotoMemory(images, masks, [f"p{number}" for number in range(count)])
    records = [scene.light(f"light{number}", 1 - 0.05 * number) for number in range(12)]
    tables = (
        np.array([record.patches.mean(axis=0) for record in records]),
        np.array([record.to_standard for record in records]),
        np.array([record.from_standard for record in records]),
    )
    means, forward, backward = (torch.from_numpy(table.astype(np.float32)) for table in tables)
    return LitPhotos(memory, Lights(tuple(record.id for record in records), means, forward, backward), seed=0)


if __name__ == "__main__":
    main()
