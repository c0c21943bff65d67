"""What `--defringe` does at soft edges: color errors before and after, with known truth.

    python -m benchmarks.defringe [--smoke] [--photos DIR] [--count 24]

Foregrounds of photos get edges that are blurred, or frayed like hair, and are mixed with another photo's background.
Their colors are known everywhere: behind the edge they are those of the foreground, continued. Two uses are measured by
the mean CIEDE2000 of the pixels whose opacity lies between 0.02 and 0.98: a cut-out with its old background at the edge
is put on a new one; and the foreground of a composite gets a known change of colors.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from benchmarks import scene
from ccharmony.arrays import Bool, Float32, UInt8
from harmonize.data.photos import PhotoPaths, find_photos, read_photo
from harmonize.inference.defringe import estimate_foreground
from harmonize.markdown import make_table

SIZE = (384, 288)

Cells = dict[tuple[str, str], list[float]]


def soften(mask: Float32, kind: str, seed: int) -> Float32:
    """Return the opacity of a foreground (H, W) with a blurred edge, or with a frayed one."""
    if kind == "blurred":
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), 2.5).clip(0, 1), np.float32)
    noise = np.random.default_rng(seed).normal(0, 1, mask.shape).astype(np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), 1.0) / 0.28  # to a spread of about 1
    return np.asarray(((cv2.GaussianBlur(mask, (0, 0), 6) + 0.12 * fine - 0.4) * 4).clip(0, 1), np.float32)


def measure(found: list[PhotoPaths]) -> Cells:
    """Return the errors of each use and way, by kind of edge."""
    cells: Cells = {}
    for number, paths in enumerate(found):
        photo, mask = _read(paths)
        front = _continue(photo, mask)
        old, new = (_read(found[(number + step) % len(found)])[0] for step in (1, 2))
        for kind in ("blurred", "frayed"):
            opacity = soften(mask, kind, number)
            for way, error in (*_paste(front, old, new, opacity), *_change(front, new, opacity, number)):
                cells.setdefault((way, kind), []).append(error)
    return cells


def _paste(front: UInt8, old: UInt8, new: UInt8, opacity: Float32) -> Iterator[tuple[str, float]]:
    """Put a cut-out, cleared where it is transparent, on a new background."""
    cutout, truth = _mix(front, old, opacity), _mix(front, new, opacity)
    cutout[opacity == 0] = 0
    own = estimate_foreground(cutout, opacity, sees_background=False)
    yield "cut-out as it is", _error(_mix(cutout, new, opacity), truth, opacity)
    yield "cut-out, `--defringe`", _error(_mix(own, new, opacity), truth, opacity)


def _change(front: UInt8, back: UInt8, opacity: Float32, seed: int) -> Iterator[tuple[str, float]]:
    """Change the colors of a foreground in its composite."""
    lit, composite = scene.recolor(seed), _mix(front, back, opacity)
    truth = _mix(lit(front), back, opacity)
    for way, own in (
        ("change of the mixture", composite),
        ("change, `--defringe`", estimate_foreground(composite, opacity, sees_background=True)),
    ):
        moved = (lit(own).astype(np.float32) - own) * opacity[..., None]
        result = np.rint((composite + moved).clip(0, 255)).astype(np.uint8)
        yield way, _error(result, truth, opacity)


def _read(paths: PhotoPaths) -> tuple[UInt8, Float32]:
    image, mask = read_photo(paths)
    inside = np.asarray(cv2.resize((mask > 0).astype(np.float32), SIZE) > 0.5, np.float32)
    return np.asarray(cv2.resize(image, SIZE), np.uint8), inside


def _continue(photo: UInt8, mask: Float32) -> UInt8:
    """Return the photo with the colors of its foreground continued over the rest."""
    return np.asarray(cv2.inpaint(photo, (mask < 0.5).astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)


def _mix(front: UInt8, back: UInt8, opacity: Float32) -> UInt8:
    return np.rint(back + (front.astype(np.float32) - back) * opacity[..., None]).astype(np.uint8)


def _error(result: UInt8, truth: UInt8, opacity: Float32) -> float:
    band: Bool = (opacity > 0.02) & (opacity < 0.98)
    found, wanted = (rgb2lab(picture[band][None]) for picture in (result, truth))
    return float(deltaE_ciede2000(found, wanted).mean())  # type: ignore[no-untyped-call]


@click.command()
@click.option("--smoke", is_flag=True, help="Rendered photos: shows that it runs.")
@click.option("--photos", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Photos with masks.")
@click.option("--count", type=click.IntRange(1), default=24, show_default=True, help="Photos, evenly spread over val.")
def main(smoke: bool, photos: Path | None, count: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        if smoke:
            photos = scene.write_photos(Path(folder), train=1, val=3)[0]
        if photos is None:
            raise click.UsageError("wanted --photos, or --smoke")
        found = find_photos(photos, "val")
        cells = measure(found[:: max(len(found) // count, 1)][:count])
    ways = list(dict.fromkeys(way for way, _ in cells))
    rows = [[way, *(f"{np.mean(cells[way, kind]):.2f}" for kind in ("blurred", "frayed"))] for way in ways]
    click.echo(make_table(["mean CIEDE2000 at the edge", "blurred", "frayed"], rows))


if __name__ == "__main__":
    main()
