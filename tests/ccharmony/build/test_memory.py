"""What a job of a build may take, in bytes for each pixel of its photo: a whole frame in floats is noticed."""

import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ccharmony.build import pairs
from ccharmony.build.settings import PairSettings
from ccharmony.color import polynomial
from ccharmony.dataset.formats import pair_folder
from ccharmony.images import pixels
from ccharmony.records import FitRecord, Photo

SIDE = 1600
DONORS = 3


def peak(run: Callable[[], object]) -> float:
    """Return the most that Python and numpy held at a time while it ran, in bytes a pixel; OpenCV's own not counted."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / SIDE**2
    finally:
        tracemalloc.stop()


def record(name: str, gain: float) -> FitRecord:
    patches = np.random.default_rng(0).uniform(0.1, 0.9, (24, 3))
    lit = patches * (gain, 0.9, 1.0)
    return FitRecord(
        name, "", "", "affine", lit, polynomial.fit_polynomial(lit, patches), polynomial.fit_polynomial(patches, lit)
    )


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    """A photo with a foreground of a tenth, and the folders that its pairs go to."""
    for name in (pair_folder.COMPOSITES, pair_folder.MASKS, pair_folder.REALS):
        (tmp_path / name).mkdir()
    mask = np.zeros((SIDE, SIDE), bool)
    mask[400:900, 500:1012] = True
    coarse = np.random.default_rng(0).integers(60, 200, (16, 16, 3), np.uint8)
    pixels.write_image(tmp_path / "photo.jpg", coarse.repeat(SIDE // 16, 0).repeat(SIDE // 16, 1))
    pixels.write_mask(tmp_path / "mask.png", mask)
    return Photo("p", "test", "camera", tmp_path / "photo.jpg", masks={"a": tmp_path / "mask.png"})


def test_pairs_of_a_photo_take_ten_bytes_a_pixel_beside_it(photo: Photo, tmp_path: Path) -> None:
    image = pixels.read_image(photo.path)
    donors = {f"d{number}": record(f"d{number}", 0.6 + 0.1 * number) for number in range(DONORS)}
    light = pairs.PhotoLights(record("p", 1.0), donors, None, "train")
    settings = PairSettings(composites=DONORS)
    made: list[int] = []

    def make() -> None:
        made.append(len(pairs.make_pairs(photo, image, light, settings, tmp_path, threading.Event()).pairs))

    make()  # what is loaded and kept once is not a job's
    most = peak(make)
    assert made == [DONORS, DONORS]
    # A copy to paste into takes 3, the mask 7 while it is read and judged; another copy, or floats, would be too much.
    assert 3 < most < 10.5


def test_a_photo_is_read_without_a_second_copy_of_ours(photo: Photo) -> None:
    assert 3 <= peak(lambda: pixels.read_image(photo.path)) < 3.5
