"""The published release rebuilt at its real sizes: seconds by stage, memory, and the codecs alone in the same run.

    python -m benchmarks.release RELEASE [--smoke] [--photos FOLDER]

The photos of NUS and Gehler are not part of the release. They are rendered at the sizes of the cameras' pictures, so
that the published masks, patches, matrices and lists are used as they are: 350 photos, 426 foregrounds, 4,260 pairs.
The chart is where the published crop leaves it out. Photos of one size are copies of one file, a JPEG of quality 95.

The floor is what any method pays that encodes each picture: every photo and mask is decoded once, every picture encoded
whole.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks import scene
from benchmarks.timing import peak_megabytes
from ccharmony import catalog
from ccharmony.arrays import Shape
from ccharmony.build.pipeline import build_dataset
from ccharmony.build.settings import BuildSettings, Limits, PairSettings
from ccharmony.catalog import Camera
from ccharmony.dataset.build_report import BuildReport
from ccharmony.images import headers, mask_files, pixels
from ccharmony.images.readable import Readable
from ccharmony.sources.release.files import Release, read_release

COMPOSITES = 10
SOURCES = ("nus", "gehler")


_SHARED = Path("../shared/data/ccharmony_release")
"""Where CI may find the release."""


@click.command()
@click.argument("release", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
@click.option("--smoke", is_flag=True, help="Two small photos of each source: shows that it runs.")
@click.option("--photos", type=click.Path(path_type=Path), help="Folder that keeps the photos for the next run.")
@click.option("--jobs", default=2, show_default=True, help="Photos at a time.")
def main(release: Path | None, smoke: bool, photos: Path | None, jobs: int) -> None:
    """Print the seconds of each stage, the memory, and the ratio to the codecs alone."""
    if release is None and not smoke:
        raise click.UsageError("wanted RELEASE, the folder of the published release")
    release = release or _SHARED
    if not release.is_dir():
        click.echo(f"not run: {release} is not here, and no other RELEASE was given")
        return
    known = read_release(release)
    shapes = {name: headers.image_size(next(iter(masks.values()))) for name, masks in known.masks.items()}
    names = sorted(shapes, key=lambda name: (shapes[name][0] * shapes[name][1], name))
    if smoke:
        names = [name for source in SOURCES for name in [n for n in names if _camera(n)[0] == source][:2]]
    with tempfile.TemporaryDirectory(dir=photos and photos.parent) as folder:
        root = photos or Path(folder) / "photos"
        sizes = _render(root, {name: shapes[name] for name in names})
        click.echo(f"{len(sizes)} photos of {min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f} MP, {jobs} at a time")
        settings = BuildSettings(SOURCES, root, release=release, pair=PairSettings(COMPOSITES, limits=Limits(1, 0)))
        _measure_build(settings, Path(folder) / "out", jobs)
        _measure_floor(root, known, names, jobs)


def _measure_build(settings: BuildSettings, out: Path, jobs: int) -> None:
    marks: dict[str, list[float]] = {}
    reports: list[BuildReport] = []

    def build() -> None:
        report = build_dataset(
            settings, out, jobs=jobs, progress=lambda stage, *_: marks.setdefault(stage, []).append(time.perf_counter())
        )
        reports.append(report)

    started, used = time.perf_counter(), time.process_time()
    peak = peak_megabytes(build)
    ended, used = time.perf_counter(), time.process_time() - used
    for line in reports[0].problems:
        click.echo(f"  {line}")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    pairs = sum(reports[0].pairs.values())
    click.echo(f"{pairs} pairs, {size / 1e9:.2f} GB: {ended - started:.1f} s, {used:.1f} s of the processor; by stage:")
    lights, made = marks["lights"], marks["pairs"]
    stages = {
        "release, sources": lights[0] - started,
        "lights": lights[-1] - lights[0],
        "pairs": made[-1] - lights[-1],
        "tables, card": ended - made[-1],
    }
    for name, seconds in stages.items():
        click.echo(f"  {name:17s} {seconds:6.1f} s")
    click.echo(f"peak memory above the process at rest: {peak:.0f} MB, {peak / jobs:.0f} a job")


def _measure_floor(root: Path, known: Release, names: list[str], jobs: int) -> None:
    cv2.setNumThreads(1)
    files = {path.stem: path for path in root.rglob("*.[jJ][pP][gG]")}
    started, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda name: _run_codecs(files[name], list(known.masks[name].values())), names))
    used = time.process_time() - used
    click.echo(
        f"codecs alone, every picture whole: {time.perf_counter() - started:.1f} s, {used:.1f} s of the processor"
    )


def _run_codecs(photo: Path, masks: list[Readable]) -> None:
    """Decode a photo and its masks; encode the masks, the real picture and its composites, at the size of the crop."""
    picture = pixels.read_image(photo)
    for mask in masks:
        inside = mask_files.read_stored_mask(mask).levels > 0
        pixels.encode_mask(inside)
        crop = np.ascontiguousarray(picture[: inside.shape[0], : inside.shape[1]])
        for _ in range(COMPOSITES):
            pixels.encode_swapped(crop, ".jpg")
    pixels.encode_swapped(crop, ".jpg")


def _render(root: Path, shapes: dict[str, Shape]) -> list[int]:
    """Write the photos of published masks of these shapes, unless they are there; return their numbers of pixels."""
    encoded: dict[Shape, bytes] = {}
    sizes = []
    for name, mask in shapes.items():
        source, camera = _camera(name)
        stands = _stands(mask, camera.rendered_size)
        width, height = camera.rendered_size[:: -1 if stands else 1]
        sizes.append(width * height)
        folder = root / "nus" / camera.name if source == "nus" else root / "gehler"
        photo = folder / "JPG" / f"{name}.JPG" if source == "nus" else folder / f"{name}.jpg"
        if photo.exists():
            continue
        if (height, width) not in encoded:
            encoded[height, width] = pixels.encode(scene.photo(height, width), ".jpg")
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(encoded[height, width])
        write: Callable[[Path, str, Camera, bool, tuple[float, ...]], None] = (
            _write_nus_chart if source == "nus" else _write_gehler_chart
        )
        write(folder, name, camera, stands, _chart((height, width), mask))
    return sizes


def _camera(photo: str) -> tuple[str, Camera]:
    """Return the source and the camera of a photo."""
    found = ((source, catalog.read_source(source).identify(photo)) for source in SOURCES)
    return next((source, known[1]) for source, known in found if known)


def _stands(mask: Shape, size: tuple[int, int]) -> bool:
    """Return whether a mask spans a side of a photo that stands rather than of one that lies."""
    (height, width), (longer, shorter) = mask, size
    standing = min(abs(width / shorter - 1), abs(height / longer - 1))
    return standing < min(abs(width / longer - 1), abs(height / shorter - 1))


def _chart(photo: Shape, mask: Shape) -> tuple[float, ...]:
    """Return the box that the published crop leaves out, x0, y0, x1, y1 as fractions of the photo."""
    columns, rows = mask[1] / photo[1], mask[0] / photo[0]
    end = 0.98  # so that no chart is larger than a picture whose scale is not exactly the camera's
    return (columns, 0.0, end, end) if columns < rows else (0.0, rows, end, end)


def _write_nus_chart(folder: Path, name: str, camera: Camera, stands: bool, box: tuple[float, ...]) -> None:
    """Write corner and size of a chart, in pixels of the camera's linear picture."""
    width, height = camera.linear_size[:: -1 if stands else 1]
    x0, y0, x1, y1 = box
    path = folder / "CHECKER" / f"{name}_mask.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{x0 * width:.3f},{y0 * height:.3f},{(x1 - x0) * width:.3f},{(y1 - y0) * height:.3f}\n")


def _write_gehler_chart(folder: Path, name: str, camera: Camera, stands: bool, box: tuple[float, ...]) -> None:
    """Write corners of a chart and of its patches, which are all the chart's here: the release has their colors."""
    assert camera.raw_size is not None
    size = np.array(camera.raw_size[:: -1 if stands else 1])
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) * size
    rows = [size, *np.tile(corners, (25, 1))]
    (folder / f"{name}_macbeth.txt").write_text("".join(f"{x:g} {y:g}\n" for x, y in rows))


if __name__ == "__main__":
    main()
