"""A composite compared with the plain published method and with the codec floor; its peak memory.

    python -m benchmarks.transfer [--smoke]

The plain method is the published arithmetic: the whole frame in double precision, truncated to 8 bits after each of
the two steps, both steps again for every composite. The floor is what any method pays: decoding the photo and encoding
the pictures that are written, their channels swapped once for all.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks import scene
from benchmarks.timing import medians, peak_megabytes
from ccharmony.arrays import Float32, Float64, UInt8
from ccharmony.build import pairs, settings
from ccharmony.color import polynomial, transfer
from ccharmony.dataset.formats import pair_folder
from ccharmony.images import mask_files, pixels
from ccharmony.images.readable import Readable
from ccharmony.records import Photo

SHARE = 0.10
DONORS = 10


@click.command()
@click.option("--smoke", is_flag=True, help="A small photo, one repeat: shows that it runs.")
def main(smoke: bool) -> None:
    """Print the ratios."""
    cv2.setNumThreads(1)
    height, width = (600, 900) if smoke else (4000, 6000)
    repeats = 1 if smoke else 3
    _compare_with_plain(scene.photo(height, width), scene.mask(height, width, SHARE), repeats)
    with tempfile.TemporaryDirectory() as folder:
        photo = _store(Path(folder), height, width)
        _compare_with_floor(photo, Path(folder), repeats)
        _measure_memory(photo, Path(folder))


def _compare_with_plain(image: UInt8, mask: Float32, repeats: int) -> None:
    own, donor = scene.light("a", 0.9).to_standard, scene.light("b", 0.7).from_standard

    def masked(arithmetic: transfer.Arithmetic) -> None:
        foreground = transfer.standardize(image, mask, own, arithmetic)
        transfer.paste(image, foreground, transfer.relight_foreground(foreground, donor))

    methods = {
        "plain published method": lambda: plain_method(image, mask, own, donor),
        "masked, published arithmetic": lambda: masked("published"),
        "masked, float arithmetic": lambda: masked("float"),
    }
    seconds = medians(methods, repeats)
    plain = seconds["plain published method"]
    click.echo(f"one composite of {mask.size / 1e6:.1f} MP, foreground {SHARE:.0%}, median of {repeats}:")
    for name, value in seconds.items():
        click.echo(f"  {name:29s} {value:7.3f} s  {plain / value:5.1f}x faster")


def _compare_with_floor(photo: Photo, root: Path, repeats: int) -> None:
    runs = {
        "built": lambda: _make(photo, root, pixels.read_image(photo.path)),
        "floor": lambda: codec_floor(photo.path, photo.masks["a"], DONORS),
    }
    seconds = medians(runs, repeats)
    ratio = seconds["built"] / seconds["floor"]
    click.echo(f"one photo with {DONORS} composites, read, donors chosen, written, median of {repeats}:")
    click.echo(f"  {seconds['built']:.3f} s, codec floor {seconds['floor']:.3f} s: {ratio:.2f}x the floor")


def _measure_memory(photo: Photo, root: Path) -> None:
    picture = pixels.read_image(photo.path)
    click.echo(f"peak memory above the decoded photo: {peak_megabytes(lambda: _make(photo, root, picture)):.0f} MB")


def _make(photo: Photo, root: Path, picture: UInt8) -> None:
    donors = {f"d{number}": scene.light(f"d{number}", 0.5 + 0.03 * number) for number in range(DONORS)}
    light = pairs.PhotoLights(scene.light("a", 0.9), donors, None, "train")
    result = pairs.make_pairs(photo, picture, light, settings.PairSettings(), root, threading.Event())
    if len(result.pairs) != DONORS:
        raise RuntimeError(f"{len(result.pairs)} composites, wanted {DONORS}: {result.problems}")


def codec_floor(photo: Readable, mask: Readable, composites: int) -> None:
    """Decode a photo and its mask, and encode the mask, the real picture and the composites."""
    picture = pixels.read_image(photo)
    pixels.encode_mask(mask_files.read_stored_mask(mask).levels > 0)
    for _ in range(composites + 1):
        pixels.encode_swapped(picture, ".jpg")


def plain_method(image: UInt8, mask: Float32, first: Float64, second: Float64) -> UInt8:
    """Relight a foreground as published: the whole frame, in double precision, truncated after each step."""
    picture = image
    for matrix in (polynomial.to_levels(first), polynomial.to_levels(second)):
        r, g, b = np.moveaxis(picture.astype(np.float64), -1, 0)
        terms = np.stack([r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, np.ones_like(r)], axis=-1)
        picture = np.clip(terms @ matrix.T, 0, 255).astype(np.uint8)
    return np.where(mask[..., None] > 0, picture, image)


def _store(root: Path, height: int, width: int) -> Photo:
    for name in (pair_folder.COMPOSITES, pair_folder.MASKS, pair_folder.REALS):
        (root / name).mkdir()
    pixels.write_image(root / "photo.jpg", scene.photo(height, width))
    pixels.write_mask(root / "mask.png", scene.mask(height, width, SHARE))
    return Photo("photo", "benchmark", "none", root / "photo.jpg", masks={"a": root / "mask.png"})


if __name__ == "__main__":
    main()
