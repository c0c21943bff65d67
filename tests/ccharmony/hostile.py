"""Small valid files of every kind that is read, what reads them, and how copies of them are damaged."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from ccharmony import sources
from ccharmony.build import light_pool
from ccharmony.build.light import record_light
from ccharmony.checker import patches
from ccharmony.checker.chart import STANDARD, patch_quads
from ccharmony.dataset.fits import write_fits
from ccharmony.errors import SourceError
from ccharmony.images import pixels
from ccharmony.inspection import marks, target
from ccharmony.records import FitRecord
from ccharmony.sources import gehler, reading
from ccharmony.sources.counts.find import find_counts
from ccharmony.sources.nus.truth import Truth, read_box, read_colors, read_truth
from ccharmony.sources.release.files import read_release

from . import fields
from .conftest import CORNERS, HEIGHT, WIDTH, light, render

_TOKENS = (
    *(b"nan", b"inf", b"-inf", b"1e400", b"-1", b"0", b"1e-320", b"9" * 400, b"4294967296", b"-9223372036854775809"),
    *(b"../../x", b"/etc/passwd", b"C:\\x", b"\0", b"\r", b"\n", b"\xff\xfe", b"\xe2\x80\xa8", b"\xed\xb3\xbf", b'"'),
    *(b"[" * 5000, b'{"a":' * 2000, b"null", b"[]", b"{}", b"true", b",", b"," * 500, b"x" * 200_000),
)


EXCUSED = {
    "commands.build.open_engine": "opens no file",
    "sources.demo.render.read_gains": "reads a file of the package",
    "stores.cache.open_cache": "reads the environment; tests/ccharmony/stores damage its files",
}
"""Functions of ccharmony that read by their names, and why no damaged file is made for them."""


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    name
        What it is called in reports.
    path
        Where it is kept.
    seeds
        Valid contents.
    read
        What reads it from there.
    change
        What changes one field of it; None where its suffix says so, or bytes alone are changed.
    slow
        Whether reading takes so long that it gets a tenth of the inputs of others.
    """

    name: str
    path: Path
    seeds: tuple[bytes, ...]
    read: Callable[[], object]
    change: fields.Change | None = None
    slow: bool = False


def damaged(draw: random.Random, target: Target) -> bytes:
    """Return a copy of one of a kind of file, with one field changed or with one to four faults in its bytes."""
    change = target.change or fields.BY_SUFFIX.get(target.path.suffix)
    if change is not None and draw.random() < 0.5:
        return change(draw, draw.choice(target.seeds))
    seeds = target.seeds
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 2, 4))):
        fault = draw.choice((_flip, _set, _word, _cut, _drop, _repeat, _token, _token, _splice))
        fault(draw, data, seeds)
    return bytes(data)


def _flip(draw: random.Random, data: bytearray, _: object) -> None:
    for _ in range(draw.choice((1, 2, 8))):
        if data:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _set(draw: random.Random, data: bytearray, _: object) -> None:
    if data:
        data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))


def _word(draw: random.Random, data: bytearray, _: object) -> None:
    """Overwrite four bytes, which may be a length, by a number that is none; headers are met more often."""
    place = draw.randrange(max(1, min(len(data), draw.choice((64, 512, len(data) or 1)))))
    number = draw.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, draw.getrandbits(32)))
    data[place : place + 4] = struct.pack(draw.choice("<>") + "I", number)


def _cut(draw: random.Random, data: bytearray, _: object) -> None:
    del data[draw.randrange(len(data) + 1) :]


def _drop(draw: random.Random, data: bytearray, _: object) -> None:
    place = draw.randrange(len(data) + 1)
    del data[place : place + draw.choice((1, 4, 100))]


def _repeat(draw: random.Random, data: bytearray, _: object) -> None:
    place = draw.randrange(len(data) + 1)
    data[place:place] = data[place : place + draw.choice((1, 8, 300))] * draw.choice((1, 3, 50))


def _token(draw: random.Random, data: bytearray, _: object) -> None:
    """Put something hostile in place of a word or a number of a text."""
    ends = [place for place, byte in enumerate(data[:20_000]) if byte in b' ,:\n"[]{}'] or [0]
    first = draw.randrange(len(ends))
    start, end = ends[first], ends[min(first + 1, len(ends) - 1)]
    data[start + 1 : max(end, start + 1)] = draw.choice(_TOKENS)


def _splice(draw: random.Random, data: bytearray, seeds: tuple[bytes, ...]) -> None:
    other = draw.choice(seeds)
    place = draw.randrange(len(data) + 1)
    data[place:] = other[draw.randrange(len(other) + 1) :]


def targets(root: Path) -> list[Target]:
    """Write the folders that the files are parts of, and return what there is to damage."""
    from . import hostile_datasets, hostile_pictures  # they import what is above

    return [
        *_tables(root / "tables"),
        *_folders(root),
        *hostile_datasets.targets(root),
        *_released(root / "release"),
        *hostile_pictures.targets(root / "pictures"),
    ]


def _tables(root: Path) -> Iterator[Target]:
    """Tables and texts that are read by themselves."""
    root.mkdir()
    image, shape, raw = render(light(1.0, 0.9)), (HEIGHT, WIDTH), (1000, 600)

    def chart() -> None:
        found = gehler.read_chart(root / "x_macbeth.txt", shape, raw)
        patches.read_quads(image, found.quads)
        patches.read_patches(image, found.corners)

    def lights() -> None:
        light_pool.read_light_pool(None, root / "fits.h5", "ridge")

    def read_marks() -> None:
        marks.read_overrides(table)
        marks.read_excluded(table)

    def read_gehler() -> None:
        if problems := find_counts(root / "counts").problems:
            raise SourceError(problems[0])

    points = np.concatenate([CORNERS[[0, 1, 3, 2]], patch_quads(CORNERS).reshape(-1, 2)]) * 5
    rows = [f"{x:.2f} {y:.2f}" for x, y in points]
    coordinates = tuple("\n".join(lines).encode() for lines in (rows, ["1000 600", *rows]))
    yield Target("Gehler's coordinates", root / "x_macbeth.txt", coordinates, chart)
    yield Target("NUS's box", root / "x_mask.txt", (b"40,20,60,40",), lambda: read_box(root / "x_mask.txt"))
    truth = Truth(1024, 15000)
    colors = "\n".join(f"{900 * row + 1100},2000,{row}" for row in range(24)).encode()
    yield Target("NUS's colors", root / "x_color.txt", (colors,), lambda: read_colors(root / "x_color.txt", truth))
    yield Target("MATLAB", root / "x_gt.mat", (_mat(True), _mat(False)), lambda: read_truth(root / "x_gt.mat"))
    table = root / "marks.csv"
    yield Target("marks", table, (b"photo,mark,fit\na,bad,\nb,good,ridge\n",), read_marks)
    records = [FitRecord(f"p{n}", "c", "s", "ridge", np.full((24, 3), n / 9), *np.ones((2, 3, 11))) for n in (1, 2)]
    write_fits(root / "fits.h5", records, STANDARD, {"fit": "ridge"})
    yield Target("fits.h5", root / "fits.h5", ((root / "fits.h5").read_bytes(),), lights, slow=True)
    counted = root / "counts" / "gehler" / "colourchecker_gamma1_bit12.mat"
    counted.parent.mkdir(parents=True)
    yield Target("Gehler's table", counted, tuple(map(_gehler_table, (True, False))), read_gehler, slow=True)
    camera = root / "counts" / "nus" / "Canon1DsMkIII_gt.mat"
    camera.parent.mkdir()
    (camera.parent / "Canon1DsMkIII_0001_color.txt").write_bytes(colors)
    yield Target("NUS's levels", camera, (_mat(True), _mat(False)), lambda: find_counts(root / "counts"))


def _mat(compressed: bool) -> bytes:
    names = np.empty((2, 1), object)
    names[:, 0] = ["Canon_0001", "Canon_0002"]
    boxes = np.array([[21.0, 60, 41, 100], [31, 70, 51, 110]])
    levels = {"darkness_level": 1024.0, "saturation_level": 15000.0}
    data = io.BytesIO()
    scipy.io.savemat(data, {"all_image_names": names, "CC_coords": boxes, **levels}, do_compression=compressed)
    return data.getvalue()


def _gehler_table(compressed: bool) -> bytes:
    """Two photos fewer than the collection has would be another table: all of them, of one color."""
    data = io.BytesIO()
    counts = np.full((568, 24, 3), 900.0) + np.arange(24)[:, None]
    scipy.io.savemat(data, {"real_rgb": counts.astype(np.uint16)}, do_compression=compressed)
    return data.getvalue()


def _folders(root: Path) -> Iterator[Target]:
    """Files beside photos of one's own, and those of a dataset."""
    own, plain = root / "own" / "folder", root / "plain" / "photos"
    for folder in (own / "photos", own / "masks", plain / "images", plain / "masks"):
        folder.mkdir(parents=True)
    for path in (own / "photos" / "p0.png", plain / "images" / "p0.png"):
        pixels.write_image(path, render(light(1.0, 0.9)))

    def find_own() -> None:
        for row in sources.find(["folder"], root / "own").photos:
            reading.read_profile(row)
            if row.chart is not None:
                record_light(reading.read_photo(row), row, "ridge")
            for mask in row.masks.values():
                mask.read_bytes()

    corners = ",".join(str(value) for value in CORNERS.ravel()).encode()
    head = b"photo,x1,y1,x2,y2,x3,y3,x4,y4\n"
    yield Target("checkers.csv", own / "checkers.csv", (head + b"p0," + corners + b"\n",), find_own)
    yield Target("LabelMe", own / "masks" / "p0.json", _labelme(), find_own)
    yield Target("COCO", own / "masks" / "all.json", _coco(), find_own)
    index = b"id,group,split\np0,g,train\np1,g,val\n"
    yield Target("index.csv", plain / "index.csv", (index,), lambda: sources.find(["photos"], root / "plain"))
    shown = own / "masks" / "other.xml"
    others = (b"<annotation><object/></annotation>", b"<annotations><image/></annotations>", b"0 0.5 0.5 0.2 0.3\n")
    yield Target("annotations of others", shown, others, find_own)


def _labelme() -> tuple[bytes, ...]:
    shapes = [
        {"points": [[10, 10], [90, 12], [50, 80.5]], "shape_type": "polygon", "group_id": None},
        {"points": [[10, 10], [90, 70]], "shape_type": "rectangle", "group_id": 1},
        {"points": [[60, 60], [80, 60]], "shape_type": "circle", "group_id": 1},
    ]
    content = {"imagePath": "p0.png", "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": shapes}
    return (json.dumps(content).encode(),)


def _coco() -> tuple[bytes, ...]:
    off, on = HEIGHT * WIDTH - 7000, 7000
    runs = [{"size": [HEIGHT, WIDTH], "counts": counts} for counts in ([off, on], "XZ^2hl")]
    drawn: list[object] = [[[10, 10, 90, 12, 50, 80]], *runs]
    notes = [{"id": n, "image_id": 1, "iscrowd": 0, "segmentation": part} for n, part in enumerate(drawn)]
    image = {"id": 1, "file_name": "p0.png", "height": HEIGHT, "width": WIDTH}
    return (json.dumps({"images": [image], "annotations": notes}).encode(),)


def _released(root: Path) -> Iterator[Target]:
    """The archives, tables and matrices of a release of one photo."""
    (root / "foreground_masks").mkdir(parents=True)
    matrix, mask = io.BytesIO(), io.BytesIO()
    np.save(matrix, np.full((3, 11), 2.0))
    Image.fromarray(np.full((9, 9, 3), 255, np.uint8)).save(mask, "PNG")
    colors = "\n".join(f"{10 * row},11,253" for row in range(24)).encode()
    files = {"IMG_0300.csv": colors, "IMG_0300.npy": matrix.getvalue(), "IMG_0300_reverse.npy": matrix.getvalue()}
    for name, data in {**files, "train_list.txt": b"IMG_0300_a\n", "test_list.txt": b""}.items():
        (root / name).write_bytes(data)
    archives = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            for name, data in {**files, "foreground_masks/IMG_0300_a.png": mask.getvalue()}.items():
                archive.writestr(name, data)
        archives.append(packed.getvalue())
    (root / "all.zip").write_bytes(archives[0])

    def read() -> None:
        target.read_release(root)
        for masks in read_release(root).masks.values():
            for entry in masks.values():
                pixels.read_mask(entry)

    yield Target("ZIP", root / "all.zip", tuple(archives), read)
    for name in (*files, "train_list.txt"):
        yield Target(f"release's {name}", root / name, ((root / name).read_bytes(),), read)
