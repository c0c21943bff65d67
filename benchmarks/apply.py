"""What applying GiftNet at full resolution costs and what detail it preserves, compared with the plain ways.

    python -m benchmarks.apply [--smoke] [--megapixels 1] [--photos DIR] [--file-megapixels 24]

*Cost*: seconds a megapixel and peak memory of the default (the network sees 256×256, its change is carried to full
resolution) over the plain way, the network run at full size. The weights are untrained: time does not depend on them.
*Files*: processor seconds of `harmonize apply` from a JPEG and a PNG mask to a JPEG, with the default weights open,
over those of the codecs alone. *Detail*: a foreground in another light, with an exact answer at 256×256: how much
squared error is left at full resolution by the color map, and by the two ways without one: the small answer enlarged,
and its difference from the small composite enlarged and added. `--photos` takes real photos (of the first one files
are made); without them a picture of noise is made.
"""

from __future__ import annotations

import functools
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from benchmarks.timing import medians, peak_megabytes
from ccharmony.arrays import Float32, UInt8
from ccharmony.images import pixels
from harmonize import processors
from harmonize.inference import color_map, runtimes
from harmonize.inference.folders import PictureTask
from harmonize.inference.harmonizer import Harmonizer
from harmonize.inference.image import Size, harmonize_image, shrink
from harmonize.models import giftnet
from harmonize.models.settings import NetworkSettings
from harmonize.weights.cards import default_weights

CARRIED, PLAIN = "carried from 256×256", "network at full size"
SIZES: dict[str, Size] = {CARRIED: 256, PLAIN: "full"}


def make_photo(height: int, width: int, seed: int = 0) -> UInt8:
    """Make noise of every scale whose colors vary together: as much detail as a photo, or more."""
    random = np.random.default_rng(seed)
    photo = np.full((height, width, 3), 0.45, np.float32)
    for octave in range(2, 11):
        shape = (min(2**octave, height), min(2**octave, width))
        gray, tint = random.normal(0, 0.1, (*shape, 1)), random.normal(0, 0.04, (*shape, 3))
        photo += cv2.resize((gray + tint).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) * 0.7
    return np.asarray(np.rint(photo.clip(0, 1) * 255), np.uint8)


def draw_mask(height: int, width: int) -> Float32:
    """Draw a wavy ellipse in the middle, 15 % of the picture, with a soft edge."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = (rows - 0.5 * height) / height, (columns - 0.5 * width) / width
    radius = 0.22 * (1 + 0.12 * np.sin(5 * np.arctan2(y, x)))
    return np.asarray(np.clip((radius - np.hypot(y, x)) * min(height, width) / 2 + 0.5, 0, 1), np.float32)


def relight(photo: UInt8, mask: Float32, seed: int) -> UInt8:
    """Put the foreground under another light: a gain and a gamma for each channel, and a slope over the picture."""
    random = np.random.default_rng(seed)
    first, last = random.uniform(0.75, 1.1, 2)
    slope = np.linspace(float(first), float(last), photo.shape[1])[None, :, None]
    moved = 255 * random.uniform(0.7, 1.1, 3) * (photo / 255) ** random.uniform(0.75, 1.35, 3) * slope
    return np.asarray(np.rint(photo + (moved.clip(0, 255) - photo) * mask[..., None]), np.uint8)


def _draw(megapixels: float) -> tuple[UInt8, Float32]:
    height, width = round(1000 * (megapixels / 1.5) ** 0.5), round(1500 * (megapixels / 1.5) ** 0.5)
    return make_photo(height, width), draw_mask(height, width)


def _harmonize(way: str, photo: UInt8, mask: Float32) -> None:
    harmonize_image(photo, mask, _network(), size=SIZES[way])


@functools.cache
def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    return giftnet.build(NetworkSettings()).eval()


def _peak(way: str, megapixels: float) -> float:
    """Measure in a process of its own how far memory rises above the photo, the network and torch itself."""
    photo, mask = _draw(megapixels)
    small = photo[:64, :64].copy(), mask[:64, :64].copy() + np.float32(0)
    harmonize_image(*small, _network(), size=32)
    return peak_megabytes(lambda: _harmonize(way, photo, mask))


def _compare_cost(megapixels: float, repeats: int) -> None:
    photo, mask = _draw(megapixels)
    ways = {way: functools.partial(_harmonize, way, photo, mask) for way in SIZES}
    seconds = medians(ways, repeats)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        peaks = {way: pool.submit(_peak, way, megapixels).result() for way in SIZES}
    click.echo(f"{megapixels:g} megapixels, {torch.get_num_threads()} thread(s), median of {repeats}")
    for way, value in seconds.items():
        share, memory = value / seconds[PLAIN], peaks[way] / peaks[PLAIN]
        times = f"{value / megapixels:7.3f} s/MP {share:6.3f}x"
        click.echo(f"  {way:22s} {times}   peak {peaks[way] / megapixels:6.0f} MB/MP {memory:6.3f}x")


def _compare_files(photos: list[UInt8], megapixels: float, repeats: int) -> None:
    """Print processor seconds from files to a file, and of the codecs that read and write them."""
    height, width = round(1000 * (megapixels / 1.5) ** 0.5), round(1500 * (megapixels / 1.5) ** 0.5)
    photo = np.asarray(cv2.resize(photos[0], (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    net = runtimes.choose(default_weights(), "cpu", 256, 1)
    with tempfile.TemporaryDirectory() as folder, processors.one_thread_a_call():
        task = PictureTask(*(Path(folder) / name for name in ("composite.jpg", "mask.png", "out.jpg")))
        pixels.write_image(task.composite, photo)
        pixels.write_mask(task.mask, draw_mask(height, width))

        def run_codecs() -> None:
            composite, _ = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (task.composite, task.mask))
            assert composite is not None
            cv2.imwrite(str(task.output), composite, [cv2.IMWRITE_JPEG_QUALITY, pixels.JPEG_QUALITY])

        ways = {"apply": lambda: Harmonizer(net, device="cpu").run(task), "codecs alone": run_codecs}
        ways["apply"]()
        seconds = medians(ways, repeats, time.process_time)
    click.echo(f"files of {megapixels:g} megapixels, processor seconds of one thread, median of {repeats}")
    for way, value in seconds.items():
        click.echo(f"  {way:22s} {value:7.3f} s {value / seconds['codecs alone']:6.2f}x")


def _compare_detail(photos: list[UInt8], lights: int) -> None:
    """Print the share of the composite's squared error that each way leaves, mean over photos and lights."""
    left: dict[str, list[float]] = {}
    for photo in photos:
        mask = draw_mask(photo.shape[0], photo.shape[1])
        for seed in range(lights):
            for way, share in _errors(photo, relight(photo, mask, seed), mask).items():
                left.setdefault(way, []).append(share)
    click.echo(f"error left of an exact answer at 256×256, {len(photos)} photo(s), {lights} light(s) each")
    for way, shares in left.items():
        click.echo(f"  {way:22s} {np.mean(shares):7.2%} {np.mean(shares) / np.mean(left['difference enlarged']):6.3f}x")


def _errors(photo: UInt8, composite: UInt8, mask: Float32) -> dict[str, float]:
    before, after, inside = shrink(composite, 256), shrink(photo, 256), shrink(mask, 256)
    shape = photo.shape[:2]
    before, after, full = (np.asarray(picture / 255, np.float32) for picture in (before, after, composite))
    everything = slice(0, shape[0]), slice(0, shape[1])
    results = {
        "answer enlarged": cv2.resize(after, shape[::-1]),
        "difference enlarged": full + cv2.resize(after - before, shape[::-1]),
        "color map": color_map.fit(before, after, inside).change(full, *everything, shape),
    }
    start = _error(full, photo, mask)
    return {way: _error(np.asarray(result, np.float32), photo, mask) / start for way, result in results.items()}


def _error(result: Float32, photo: UInt8, mask: Float32) -> float:
    return float((np.square(result.clip(0, 1) * 255 - photo) * mask[..., None]).sum())


@click.command()
@click.option("--smoke", is_flag=True, help="A small picture, one repeat: shows that it runs; the ratios mean little.")
@click.option("--megapixels", default=1.0, show_default=True, help="Size of the picture that is timed.")
@click.option("--repeats", default=3, show_default=True, help="Runs that the medians are over.")
@click.option("--photos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Real photos for detail.")
@click.option("--file-megapixels", default=24.0, show_default=True, help="Size of the files.")
def main(smoke: bool, megapixels: float, repeats: int, photos: Path | None, file_megapixels: float) -> None:
    """Print the ratios."""
    megapixels, repeats, lights = (0.2, 1, 1) if smoke else (megapixels, repeats, 3)
    _compare_cost(megapixels, repeats)
    pictures = [pixels.read_image(path) for path in sorted(photos.rglob("*")) if path.is_file()] if photos else []
    pictures = pictures or [_draw(megapixels)[0]]
    _compare_files(pictures, 0.2 if smoke else file_megapixels, repeats)
    _compare_detail(pictures, lights)


if __name__ == "__main__":
    main()
