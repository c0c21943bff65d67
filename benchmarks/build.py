"""Pairs a second of a whole build, with one job and with two.

`python -m benchmarks.build [--smoke]`
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks import scene
from benchmarks.timing import medians
from ccharmony import build, pixels
from ccharmony.settings import BuildSettings

SHARE = 0.10


@click.command()
@click.option("--smoke", is_flag=True, help="Few small photos, one repeat: shows that it runs.")
def main(smoke: bool) -> None:
    """Print the rates and their ratio."""
    count, height, width, repeats = (4, 300, 450, 1) if smoke else (8, 2800, 4200, 3)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _store(root / "data" / "folder", count, height, width)
        _compare(root, count, height * width / 1e6, repeats)


def _compare(root: Path, count: int, megapixels: float, repeats: int) -> None:
    settings = BuildSettings(("folder",), root / "data", test_share=0)
    runs = iter(range(1000))
    made: list[int] = []

    def run(jobs: int) -> None:
        report = build.build(settings, root / f"out{next(runs)}", jobs=jobs)
        made.append(sum(report.pairs.values()))

    seconds = medians({"1 job": lambda: run(1), "2 jobs": lambda: run(2)}, repeats)
    click.echo(f"{count} photos of {megapixels:.1f} MP, {made[0]} pairs, foreground {SHARE:.0%}, median of {repeats}:")
    for name, value in seconds.items():
        click.echo(f"  {name:6s}  {value:6.2f} s  {made[0] / value:6.2f} pairs a second")
    click.echo(f"  two jobs are {seconds['1 job'] / seconds['2 jobs']:.2f}x as fast as one")


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
