"""How weights do on other pictures than those they learned from, and on other kinds of mismatch, in one table.

    python -m benchmarks.kinds --photos DIR [--others DIR] --lights fits.h5 [--weights NAME|FILE …] [--part choose]

One row a kind: photos of the split val under lights that no training saw (the split test of fits.h5), photos of other
sources, one source alone, foregrounds with the color statistics of another photo's, retouched ones, pictures with
nothing to do; and some again with the seam hidden (two pixels of background next to the foreground inpainted; as a
control, six pixels farther out). Each cell is the mean fMSE at 256×256, protocol issam, its share of the composites'
and the share of pictures that got worse than their composite. Beside the weights stand tools that match colors without
learning.

A checkpoint is chosen on one half of the photos (`--part choose`, by a hash of their names) and reported on the other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import numpy as np
import torch
from skimage.exposure import match_histograms
from torch import Tensor, nn

from benchmarks import scene
from ccharmony.arrays import Float32, UInt8
from harmonize.data import crops, mismatch
from harmonize.data.held_out_pairs import HeldPairs
from harmonize.data.lights import Lights, hash_of, read_lights
from harmonize.data.mismatch import Retouch
from harmonize.data.photos import PhotoPaths, find_photos, read_photo
from harmonize.evaluation.metrics import fmse
from harmonize.evaluation.ring import Ring, hide_ring
from harmonize.inference import network
from harmonize.markdown import make_table
from harmonize.weights import bundled

SIDE = 256
RING, CONTROL = Ring(0, 2), Ring(7, 13)
Part = Literal["choose", "report", "all"]
Method = Callable[[UInt8, Float32], Float32]


@dataclass(frozen=True)
class Pair:
    """Composite and real picture (256, 256, 3), uint8, and the mask (256, 256), in [0, 1]."""

    composite: UInt8
    mask: Float32
    real: UInt8


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), help="Photos with masks, of the kind that was trained on.")
@click.option("--others", type=click.Path(path_type=Path), help="Photos of other sources.")
@click.option("--lights", type=click.Path(path_type=Path), help="fits.h5; its test lights are used.")
@click.option("--weights", multiple=True, help="Bundled weights or files. [all bundled]")
@click.option("--part", type=click.Choice(["choose", "report", "all"]), default="report", show_default=True)
@click.option("--alone", default="clothing", show_default=True, help="Source that also has a row of its own.")
@click.option("--every", type=click.IntRange(1), default=1, help="Take every Nth photo: a first look.")
@click.option("--smoke", is_flag=True, help="Rendered photos: shows that it runs; the numbers mean nothing.")
def main(
    photos: Path | None,
    others: Path | None,
    lights: Path | None,
    weights: tuple[str, ...],
    part: Part,
    alone: str,
    every: int,
    smoke: bool,
) -> None:
    """Print one table: kinds down, methods across."""
    names = weights or bundled.list_weights()
    with tempfile.TemporaryDirectory() as folder:
        if smoke:
            photos, lights = scene.write_photos(Path(folder), train=1, val=2)
            others, part = photos, "all"
        if photos is None or lights is None:
            raise click.UsageError("wanted --photos and --lights, or --smoke")
        donors = read_lights(lights, "train" if smoke else "test")
        own, other = choose(photos, part)[::every], (choose(others, part)[::every] if others else [])
        rows = dict(make_rows(own, other, donors, alone))
        click.echo(_tabulate(rows, _methods(names)))


def choose(root: Path, part: Part) -> list[PhotoPaths]:
    """Return the photos of the split val that choose a checkpoint, that report, or both."""
    found = find_photos(root, "val")
    wanted = {"choose": (0,), "report": (1,), "all": (0, 1)}[part]
    return [paths for paths in found if hash_of(f"part {paths.id}") % 2 in wanted]


def make_rows(
    own: Sequence[PhotoPaths], others: Sequence[PhotoPaths], donors: Lights, alone: str = "clothing"
) -> Iterator[tuple[str, list[Pair]]]:
    """Yield each kind and its pairs.

    Parameters
    ----------
    own, others
        Photos of the kind that was trained on, and of other sources.
    donors
        Lights that no training saw.
    alone
        Source that also has a row of its own.

    Yields
    ------
    str, list[Pair]
        Title and pairs of each row.
    """
    lit, other = light(own, donors), light(others, donors)
    yield "lights never seen", lit
    yield "the same, seam hidden", _hide(lit)
    yield "the same, a ring farther out hidden", _hide(lit, CONTROL)
    if others:
        yield "photos of other sources", other
        yield "other sources, seam hidden", _hide(other)
        yield f"of these, {alone}", light([paths for paths in others if paths.source == alone], donors)
    yield "statistics of another photo", _transfer(own)
    yield "retouched", _retouch(own)
    for title, found in (("nothing to do", own), ("nothing to do, other sources", others)):
        untouched = [Pair(image, mask, image) for image, mask in map(_read, found)]
        yield title, untouched
        yield f"{title}, seam hidden", _hide(untouched)


def light(found: Sequence[PhotoPaths], donors: Lights) -> list[Pair]:
    """Return a pair of each photo under a donor light; those that no light suits are left out."""
    if not found:
        return []
    pairs = HeldPairs(found, donors).pairs
    return [Pair(_cut(pair.composite), _share(pair.mask), _cut(pair.real)) for pair in pairs]


def _transfer(found: Sequence[PhotoPaths]) -> list[Pair]:
    """Give each foreground mean and spread in Lab of that of the next photo but one, or what of it clips little."""
    pictures = [_read(paths) for paths in found]
    pairs = []
    for (image, mask), (other, inside) in zip(pictures, pictures[2:] + pictures[:2], strict=True):
        photo, weight = _tensors(image, mask)
        changed = mismatch.transfer_mean(
            photo, mismatch.measure(photo, weight), mismatch.measure(*_tensors(other, inside))
        )
        pairs.append(Pair(_paste(image, changed, mask), mask, image))
    return pairs


def _retouch(found: Sequence[PhotoPaths]) -> list[Pair]:
    pairs = []
    for paths in found:
        image, mask = _read(paths)
        gains, *factors = mismatch.choose_retouch(np.random.default_rng(hash_of(f"retouch {paths.id}")))
        how = Retouch(
            torch.from_numpy(gains)[None], *(torch.tensor([factor], dtype=torch.float32) for factor in factors)
        )
        pairs.append(Pair(_paste(image, mismatch.retouch(*_tensors(image, mask), how), mask), mask, image))
    return pairs


def _hide(pairs: Sequence[Pair], ring: Ring = RING) -> list[Pair]:
    return [Pair(hide_ring(pair.composite, pair.mask, ring), pair.mask, pair.real) for pair in pairs]


def _methods(names: Sequence[str]) -> dict[str, Method]:
    learned = {Path(name).stem if "/" in name else name: _network(network.load_network(name, "cpu")) for name in names}
    return learned | {"Reinhard, Lab": _match_mean, "covariance, RGB": _match_covariance, "histogram": _match_histogram}


def _network(net: nn.Module) -> Method:
    return lambda composite, mask: network.infer(net, composite[None], mask[None])[0]


def _match_mean(composite: UInt8, mask: Float32) -> Float32:
    """Give the foreground mean and spread of the background, in Lab."""
    photo, inside = _tensors(composite, mask)
    return _levels(mismatch.transfer_mean(photo, mismatch.measure(photo, inside), mismatch.measure(photo, 1 - inside)))


def _match_covariance(composite: UInt8, mask: Float32) -> Float32:
    photo, inside = _tensors(composite, mask)
    of, to = mismatch.measure(photo, inside), mismatch.measure(photo, 1 - inside)
    return _levels(mismatch.transfer_covariance(photo, of, to))


def _match_histogram(composite: UInt8, mask: Float32) -> Float32:
    result = composite.astype(np.float32)
    inside = mask > 0.5
    if inside.any() and not inside.all():
        matched = match_histograms(composite[inside][None], composite[~inside][None], channel_axis=-1)
        result[inside] = matched[0]
    return result


def _tabulate(rows: dict[str, list[Pair]], methods: dict[str, Method]) -> str:
    lines = []
    for title, pairs in rows.items():
        if not pairs:
            continue
        before = np.array([score(pair.composite.astype(np.float32), pair) for pair in pairs])
        cells = []
        for method in methods.values():
            after = np.array([score(method(pair.composite, pair.mask), pair) for pair in pairs])
            cells.append(_cell(before, after))
        lines.append([title, str(len(pairs)), f"{before.mean():.0f}", *cells])
        click.echo(" | ".join(lines[-1]), err=True)  # the table takes an hour on a busy core
    return make_table(["pictures", "n", "composite", *methods], lines)


def _cell(before: np.ndarray, after: np.ndarray) -> str:
    """Return the mean, its share of the composites' and the share that got worse; the mean alone for no change."""
    if before.mean() < 1:
        return f"{after.mean():.0f}"
    return f"{after.mean():.0f} ({after.mean() / before.mean():.0%}; {(after > before).mean():.0%} worse)"


def score(picture: Float32, pair: Pair) -> float:
    """Return the fMSE of a picture in levels, (256, 256, 3)."""
    return fmse(np.clip(picture, 0, 255), pair.real, pair.mask)


def _read(paths: PhotoPaths) -> tuple[UInt8, Float32]:
    image, mask = read_photo(paths)
    return _cut(image), _share(mask)


def _share(mask: UInt8) -> Float32:
    return np.asarray(_cut(mask) / np.float32(255), np.float32)


def _cut(picture: UInt8) -> UInt8:
    return crops.cut(picture, crops.whole(*picture.shape[:2]), SIDE)


def _tensors(image: UInt8, mask: Float32) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255, torch.from_numpy(mask)[None, None]


def _levels(picture: Tensor) -> Float32:
    return np.asarray(picture[0].permute(1, 2, 0).numpy() * 255, np.float32)


def _paste(image: UInt8, changed: Tensor, mask: Float32) -> UInt8:
    levels = np.clip(_levels(changed), 0, 255)
    mixed = image + mask[..., None] * (levels - image)
    return np.asarray(np.rint(mixed), np.uint8)


if __name__ == "__main__":
    main()
