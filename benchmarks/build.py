"""A complete build with one job and with two, compared with the codecs alone and the plain method; its memory.

    python -m benchmarks.build [--smoke]

The floor is what any method pays on as many threads: every photo and mask decoded once, every picture encoded. The
plain method (see `benchmarks.transfer`) is measured on one composite, since all of them would take minutes; its codecs
are left out. Memory is what the process takes above its rest while photos of 24 MP are built.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import cv2

from benchmarks import scene, transfer
from benchmarks.timing import medians, peak_megabytes
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings
from ccharmony.images import pixels

SHARE = 0.10
JOBS = (1, 2)


@click.command()
@click.option("--smoke", is_flag=True, help="Few small photos, one repeat: shows that it runs.")
@click.option("--repeats", default=3, show_default=True, help="Runs that the medians are over.")
def main(smoke: bool, repeats: int) -> None:
    """Print the rates, their ratios, and the memory."""
    count, height, width = (4, 300, 450) if smoke else (12, 2800, 4200)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _store(root / "speed" / "folder", count, height, width)
        _compare(root / "speed", count, height, width, 1 if smoke else repeats)
        height, width = (600, 900) if smoke else (4000, 6000)
        _store(root / "memory" / "folder", 4, height, width)
        _measure_memory(root / "memory", height * width / 1e6)


def _compare(root: Path, count: int, height: int, width: int, repeats: int) -> None:
    pairs = _build(root, 1)
    runs: dict[str, Callable[[], object]] = {}
    for jobs in JOBS:
        runs[f"build, {jobs} at a time"] = functools.partial(_build, root, jobs)
        runs[f"codec floor, {jobs} at a time"] = functools.partial(_floor, root, count, pairs // count, jobs)
    seconds = medians(runs, repeats)
    size = f"{height * width / 1e6:.1f} MP"
    click.echo(f"{count} photos of {size}, {pairs} pairs, foreground {SHARE:.0%}, median of {repeats}:")
    for name, value in seconds.items():
        click.echo(f"  {name:25s} {value:7.2f} s  {pairs / value:6.2f} pairs a second")
    one, floor_one, two, floor_two = seconds.values()
    click.echo(f"  {one / floor_one:.2f}x the codec floor with one job, {two / floor_two:.2f}x with two")
    click.echo(f"  two jobs are {one / two:.2f}x as fast as one; two threads of codecs {floor_one / floor_two:.2f}x")
    plain = pairs * _plain_seconds(height, width)
    click.echo(f"  plain published method, transfers alone: {plain:.0f} s; the build is {plain / one:.1f}x as fast")


def _measure_memory(root: Path, megapixels: float) -> None:
    peaks = [peak_megabytes(functools.partial(_build, root, jobs)) for jobs in JOBS]
    peaks_by_jobs = ", ".join(f"{peak:.0f} MB with {jobs} at a time" for jobs, peak in zip(JOBS, peaks, strict=True))
    click.echo(f"peak memory of a build of {megapixels:.1f} MP photos, above the process at rest: {peaks_by_jobs}")


def _build(root: Path, jobs: int) -> int:
    """Build into a new folder and return the number of pairs; the folder is removed with the benchmark's."""
    out = Path(tempfile.mkdtemp(dir=root)) / "out"
    report = build_dataset(BuildSettings(("folder",), root, test_share=0), out, jobs=jobs)
    if report.problems:
        raise RuntimeError(report.first_problem)
    return sum(report.pairs.values())


def _floor(root: Path, count: int, composites: int, threads: int) -> None:
    """Decode every photo and mask, and encode every picture, with OpenCV's own threads off as in a build."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    folder = root / "folder"
    with ThreadPoolExecutor(threads) as pool:
        for done in [
            pool.submit(
                transfer.codec_floor,
                folder / "photos" / f"p{number}.jpg",
                folder / "masks" / f"p{number}_a.png",
                composites,
            )
            for number in range(count)
        ]:
            done.result()
    cv2.setNumThreads(before)


def _plain_seconds(height: int, width: int) -> float:
    """Return the seconds of one composite by the plain method."""
    image, mask = scene.photo(height, width), scene.mask(height, width, SHARE)
    own, donor = scene.light("a", 0.9).to_standard, scene.light("b", 0.7).from_standard
    return medians({"plain": lambda: transfer.plain_method(image, mask, own, donor)}, 1)["plain"]


def _store(folder: Path, count: int, height: int, width: int) -> None:
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True)
    corners = ",".join(f"{value:.1f}" for value in scene.corners(height, width).ravel())
    lines = ["photo,x1,y1,x2,y2,x3,y3,x4,y4"]
    for number in range(count):
        pixels.write_image(folder / "photos" / f"p{number}.jpg", scene.photo(height, width, 1 - 0.08 * number))
        pixels.write_mask(folder / "masks" / f"p{number}_a.png", scene.mask(height, width, SHARE))
        lines.append(f"p{number},{corners}")
    (folder / "checkers.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
