"""A composite against the plain published method, against the codec floor, and its peak memory.

    python -m benchmarks.transfer [--smoke]

The plain method is the published arithmetic: the whole frame in double precision, truncated to 8 bits after each of
the two steps, both steps anew for every composite. The floor is what any method pays: decoding the photo and encoding
the pictures that are written.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.timing import medians, peak_megabytes
from ccharmony import checker, layout, pairs, pixels, polynomial, transfer
from ccharmony.manifest import Photo
from ccharmony.pixels import UInt8
from ccharmony.store import FitRecord

SHARE = 0.10
DONORS = 10


@click.command()
@click.option("--smoke", is_flag=True, help="A small photo, one repeat: shows that it runs.")
def main(smoke: bool) -> None:
    """Print the ratios."""
    cv2.setNumThreads(1)
    size = (600, 900) if smoke else (4000, 6000)
    repeats = 1 if smoke else 3
    image = _photo(*size)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in (layout.COMPOSITES, layout.MASKS, layout.REALS):
            (root / name).mkdir()
        photo = _store(root, image)
        _compare_with_plain(image, repeats)
        _compare_with_floor(photo, root, image, repeats)
        _measure_memory(photo, root)


def _compare_with_plain(image: UInt8, repeats: int) -> None:
    mask = _mask(image)
    own, donor = _light("a", 0.9), _light("b", 0.7)

    def masked() -> None:
        foreground = transfer.take(image, mask, own.to_standard)
        transfer.paste(image, foreground, transfer.relight(foreground, donor.from_standard))

    def published() -> None:
        foreground = transfer.take(image, mask, own.to_standard, "published")
        transfer.paste(image, foreground, transfer.relight(foreground, donor.from_standard))

    def plain() -> None:
        _plain_method(image, mask, own.to_standard, donor.from_standard)

    seconds = medians({"plain": plain, "masked": masked, "published": published}, repeats)
    megapixels = image.shape[0] * image.shape[1] / 1e6
    click.echo(f"one composite of {megapixels:.1f} MP, foreground {SHARE:.0%}, median of {repeats}:")
    click.echo(f"  plain published method  {seconds['plain']:.3f} s")
    for name in ("masked", "published"):
        click.echo(f"  {name:9s} arithmetic    {seconds[name]:.3f} s   {seconds['plain'] / seconds[name]:.0f}x faster")


def _compare_with_floor(photo: Photo, root: Path, image: UInt8, repeats: int) -> None:
    def build() -> None:
        _make(photo, root, pixels.read_image(photo.path))

    def floor() -> None:
        picture = pixels.read_image(photo.path)
        pixels.encode_mask(pixels.read_mask(photo.masks["a"]))
        for _ in range(DONORS + 1):
            pixels.encode(picture, ".jpg")

    seconds = medians({"build": build, "floor": floor}, repeats)
    click.echo(f"one photo, {DONORS} composites, decoded, chosen, made, encoded, written:")
    click.echo(f"  {seconds['build']:.3f} s, codec floor {seconds['floor']:.3f} s: {seconds['build'] / seconds['floor']:.2f}x")


def _measure_memory(photo: Photo, root: Path) -> None:
    picture = pixels.read_image(photo.path)
    click.echo(f"peak memory above the decoded photo: {peak_megabytes(lambda: _make(photo, root, picture)):.0f} MB")


def _make(photo: Photo, root: Path, picture: UInt8) -> None:
    donors = {f"d{number}": _light(f"d{number}", 0.5 + 0.03 * number) for number in range(DONORS)}
    light = pairs.PhotoLight(_light("a", 0.9), donors, None, "train")
    result = pairs.make_pairs(photo, picture, light, pairs.PairSettings(), root, threading.Event())
    if len(result.pairs) != DONORS:
        raise RuntimeError(f"{len(result.pairs)} composites, wanted {DONORS}: {result.problems}")


def _plain_method(image: UInt8, mask: pixels.Float32, first: polynomial.Float, second: polynomial.Float) -> UInt8:
    picture = image
    for matrix in (polynomial.to_levels(first), polynomial.to_levels(second)):
        terms = polynomial.expand(picture.reshape(-1, 3).astype(np.float64))
        picture = np.clip(terms @ matrix.T, 0, 255).astype(np.uint8).reshape(image.shape)
    return np.where(mask[..., None] > 0, picture, image)


def _photo(height: int, width: int) -> UInt8:
    """Render smooth colors with a little noise, so that the codecs have a photo's work."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(40, 200, (height // 100, width // 100, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-6, 7, (height, width, 1), np.int8)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


def _mask(image: UInt8) -> pixels.Float32:
    """Draw an ellipse of the wanted share."""
    height, width = image.shape[:2]
    y, x = np.ogrid[:height, :width]
    radius = np.sqrt(SHARE / np.pi)
    inside = ((x / width - 0.5) / radius) ** 2 + ((y / height - 0.5) / radius) ** 2 < 1
    return inside.astype(np.float32)


def _store(root: Path, image: UInt8) -> Photo:
    pixels.write_image(root / "photo.jpg", image)
    pixels.write_mask(root / "mask.png", _mask(image))
    return Photo("photo", "benchmark", "none", root / "photo.jpg", masks={"a": root / "mask.png"})


def _light(photo: str, warmth: float) -> FitRecord:
    patches = checker.STANDARD * [1, 0.5 + 0.5 * warmth, warmth] * 0.95 + 0.02
    return FitRecord(
        id=photo,
        camera="none",
        source="benchmark",
        kind="ridge",
        patches=patches,
        to_standard=polynomial.fit(patches, checker.STANDARD),
        from_standard=polynomial.fit(checker.STANDARD, patches),
    )


if __name__ == "__main__":
    main()
