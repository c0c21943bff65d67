"""Pairs, photos, pictures and masks as training, evaluation and `apply` take them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch

from ccharmony.dataset.find_pairs import find_pairs
from ccharmony.images import pixels
from harmonize.data import photos, stored_pairs
from harmonize.data.lights import read_lights
from harmonize.evaluation import methods
from harmonize.inference.composite import read_composite, read_pasted
from harmonize.training.data import open_data
from harmonize.training.data_paths import DataPaths
from harmonize.training.settings import TrainSettings
from harmonize.video.masks import open_masks
from harmonize.video.reading import open_footage

from ..ccharmony.hostile import Target
from .conftest import draw_mask, draw_photo, write_lights, write_pairs, write_photos


def targets(root: Path) -> Iterator[Target]:
    """Files of datasets, of photos, and of what is applied."""
    root.mkdir()
    yield from _pairs(root / "pairs")
    yield from _photos(root)
    yield from _applied(root / "applied")
    if find_spec("av"):
        yield from _videos(root / "videos")


def _pairs(root: Path) -> Iterator[Target]:
    """A list and a picture of each kind, as training and as evaluation read them."""
    write_pairs(root, train=4, test=2)
    shutil.copytree(root / "real_images", root / "made")

    def learn() -> None:
        settings = TrainSettings(size=32, batch=2)
        opened = open_data(DataPaths(data=(root,), strict=True, val_share=0.5), settings, torch.device("cpu"))
        opened.train.batch(0, range(2), 32)

    def score() -> None:
        for pair in find_pairs(root, "test", strict=True)[0]:
            stored_pairs.read_pair(pair)
            methods.open_method(root / "made")

    for name, read in (("tiny_train.txt", learn), ("composite_images/p_0_a_1.png", learn), ("tiny_test.txt", score)):
        yield Target(f"pairs' {name}", root / name, ((root / name).read_bytes(),), read)
    for name in ("composite_images/p_4_a_1.png", "masks/p_4_a.png", "real_images/p_4.png"):
        yield Target(f"pairs' {name}", root / name, ((root / name).read_bytes(),), score)


def _photos(root: Path) -> Iterator[Target]:
    lit = write_photos(root / "photos", train=3, val=2)

    def read() -> None:
        photos.read_memory(photos.find_photos(lit, "train"), 32, threads=1)

    for name in ("index.csv", "images/f_0.webp", "masks/f_0.png"):
        yield Target(f"photos' {name}", lit / name, ((lit / name).read_bytes(),), read)
    lights = write_lights(root / "fits.h5")
    yield Target("lights", lights, (lights.read_bytes(),), lambda: read_lights(lights), slow=True)


def _applied(root: Path) -> Iterator[Target]:
    """A composite, its mask, and a cut-out."""
    root.mkdir()
    picture, mask, cutout = (root / f"{name}.png" for name in ("picture", "mask", "cutout"))
    pixels.write_image(picture, draw_photo(1))
    pixels.write_mask(mask, draw_mask(1))
    cv2.imwrite(str(cutout), np.dstack([draw_photo(2), 255 * draw_mask(2).astype(np.uint8)]))

    def apply() -> None:
        read_composite(picture, mask)
        read_composite(picture, mask, each=True)

    yield Target("a mask to apply", mask, (mask.read_bytes(),), apply)
    yield Target("a cut-out", cutout, (cutout.read_bytes(),), lambda: read_pasted(cutout, picture, defringe=True))


def _videos(root: Path) -> Iterator[Target]:
    """Three frames in two containers, and the masks that go with them."""
    from .video.conftest import draw_frames, draw_masks, gray, write_video

    root.mkdir()
    files = []
    for name in ("a.mkv", "a.avi"):
        write_video(root / name, draw_frames(3))
        files.append((root / name).read_bytes())
    write_video(root / "masks.mkv", gray(draw_masks(3)))
    path, masks = root / "x.mkv", root / "masks.mkv"

    def look() -> None:
        with open_footage(path) as footage:
            for frame in footage.frames():
                frame.thumbnail()

    def mask() -> None:
        with open_footage(root / "a.mkv") as footage, open_masks(masks, footage) as opened:
            for _ in opened.beside(footage.frames()):
                pass

    yield Target("video", path, tuple(files), look)
    yield Target("video of masks", masks, (masks.read_bytes(),), mask)
