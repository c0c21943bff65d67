"""The whole release on blank pictures in the real layout: what a user with all NUS and Gehler photos on disk gets.

NUS pictures are an eighteenth of the JPGs, lie or stand as the published masks do, and have their chart where another
project's fractions say; Gehler pictures have their published size and the real coordinates.
"""

import json
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccharmony import catalog, sources
from ccharmony.checker import crop
from ccharmony.sources.release import files

SMALLER = 18


def save(path: Path, width: int, height: int, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", (width, height), (90, 100, 110)).save(path, exif=exif)


def stands(mask_shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Tell whether a mask spans the sides of a photo that stands."""
    (height, width), (longer, shorter) = mask_shape, size
    return min(abs(width / shorter - 1), abs(height / longer - 1)) < min(
        abs(width / longer - 1), abs(height / shorter - 1)
    )


@pytest.fixture(scope="module")
def shapes(shared_data):
    """Height and width of the published mask ``a`` by photo."""
    published = files.read_release(shared_data / "ccharmony_release")
    headers = {photo: masks["a"].read_bytes()[16:24] for photo, masks in published.masks.items()}
    return {photo: struct.unpack(">II", header)[::-1] for photo, header in headers.items()}


@pytest.fixture(scope="module")
def data(shared_data, shapes, tmp_path_factory):
    root = tmp_path_factory.mktemp("layout")
    entries = json.loads((shared_data / "fixtures" / "meta" / "nus.json").read_text())
    polygons = {entry["img_name"].partition(".")[0]: np.array(entry["polygon"]) for entry in entries}
    for photo, mask_shape in shapes.items():
        if known := catalog.read_source("nus").identify(photo):
            make_nus(root / "nus", photo, known[1], mask_shape, polygons[photo])
        else:
            make_gehler(root / "gehler", photo, shared_data / "gehler" / "coordinates")
    return root


def make_nus(folder, photo, camera, mask_shape, polygon):
    upright = stands(mask_shape, camera.rendered_size)
    frame = camera.linear_size[::-1] if upright else camera.linear_size
    width, height = (round(side / SMALLER) for side in camera.rendered_size[:: -1 if upright else 1])
    path = folder / camera.name / "JPG" / f"{photo}.JPG"
    if photo == "Canon1DsMkIII_0151":  # its PNG lies, so its JPG was turned by the tag
        frame = camera.linear_size
        save(path, height, width, orientation=6)
    else:
        save(path, width, height)
    corner, size = polygon.min(axis=0) * frame, np.ptp(polygon, axis=0) * frame
    text = ",".join(f"{value:.3f}" for value in (*corner, *size))
    box = folder / camera.name / "CHECKER" / f"{photo}_mask.txt"
    box.parent.mkdir(parents=True, exist_ok=True)
    box.write_text(f"{text}\n")


def make_gehler(folder, photo, coordinates):
    rows = (coordinates / f"{photo}_macbeth.txt").read_text().splitlines()
    _, camera = catalog.read_source("gehler").identify(photo)
    width, height = map(float, rows[0].split())
    save(folder / f"{photo}.jpg", *camera.rendered_size[:: 1 if width > height else -1])
    (folder / f"{photo}_macbeth.txt").write_text("\n".join(rows))


@pytest.fixture(scope="module")
def found(data, shared_data):
    return sources.find(["nus", "gehler"], data, shared_data / "ccharmony_release")


def test_all_but_one_of_the_350_photos_are_found(found):
    assert len(found.photos) == 349
    (problem,) = found.problems
    assert problem.startswith("FujifilmXM1_0025: published mask of 1168x2534, photo of 192x128")


def test_the_foregrounds_are_split_as_published(found):
    foregrounds = Counter(photo.split for photo in found.photos for _ in photo.masks)
    assert foregrounds == {"train": 307, "test": 118}
    assert all(photo.patches is not None and photo.to_standard is not None for photo in found.photos)


def test_every_crop_has_the_shape_of_its_masks(found, shapes):
    for photo in found.photos:
        x0, y0, x1, y1 = crop.largest_without(photo.chart.box, sources.reading.read_size(photo))
        height, width = shapes[photo.id]
        if photo.source == "gehler":
            assert (y1 - y0, x1 - x0) == (height, width), photo.id
        else:
            columns, rows = width / SMALLER, height / SMALLER
            assert (x1 - x0, y1 - y0) == pytest.approx((columns, rows), abs=1.3), photo.id


def test_the_summary_counts_the_photos_of_each_camera(found):
    lines = [line for line in found.summary if "of the release's" in line]
    assert "nus: 37 of the release's 37 Canon1DsMkIII photos" in lines
    assert "gehler: 213 of the release's 213 Canon5D photos" in lines
    assert len(lines) == 11
