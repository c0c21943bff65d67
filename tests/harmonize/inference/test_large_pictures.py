"""What a picture takes in memory while it is harmonized, in bytes a pixel: a second copy of it is noticed."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from ccharmony.images import pixels
from ccharmony.images.picture import Picture, read_picture
from ccharmony.images.write_picture import write_picture
from harmonize.inference.folders import PictureTask
from harmonize.inference.harmonizer import Harmonizer

SIDE = 1536


class Darker(torch.nn.Module):
    """Lowers what it is shown."""

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return image - 0.2 * mask


def write_inputs(folder: Path, suffix: str, depth: int) -> None:
    coarse = np.random.default_rng(0).integers(60, 200, (16, 16, 3), np.uint8)
    colors = coarse.repeat(SIDE // 16, 0).repeat(SIDE // 16, 1)
    write_picture(folder / f"a{suffix}", Picture(colors if depth == 8 else colors.astype(np.uint16) * 257))
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[400:900, 500:1012] = 1
    mask[900:920, 500:1012] = 0.5
    pixels.write_mask(folder / "m.png", mask)


@pytest.mark.parametrize(("suffix", "depth", "most"), [(".jpg", 8, 4.9), (".png", 8, 4.9), (".tif", 16, 7.9)])
def test_one_picture_and_a_mask_of_bytes_are_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, depth: int, most: float
) -> None:
    """3 or 6 bytes a pixel for the picture, 1 for the mask."""
    monkeypatch.setattr("harmonize.inference.strips.STRIP_PIXELS", 2**12)
    write_inputs(tmp_path, suffix, depth)
    harmonizer = Harmonizer(Darker(), size=32)
    task = PictureTask(tmp_path / f"a{suffix}", tmp_path / "m.png", tmp_path / f"b{suffix}")
    harmonizer.harmonize(harmonizer.read(task), in_place=True)  # what is loaded and kept once is no picture's
    tracemalloc.start()
    try:
        harmonizer.harmonize(harmonizer.read(task), in_place=True)
        found = tracemalloc.get_traced_memory()[1] / SIDE**2
    finally:
        tracemalloc.stop()
    assert depth / 8 * 3 + 1 <= found < most


def test_whoever_wants_to_see_both_gets_the_composite_as_it_was(tmp_path: Path) -> None:
    write_inputs(tmp_path, ".png", 8)
    seen = []
    task = PictureTask(tmp_path / "a.png", tmp_path / "m.png", tmp_path / "b.png")
    Harmonizer(Darker(), size=32).run(task, note=lambda composite, result: seen.append((composite, result)))
    ((composite, result),) = seen
    np.testing.assert_array_equal(composite.picture.colors, read_picture(tmp_path / "a.png").colors)
    np.testing.assert_array_equal(result.colors, read_picture(tmp_path / "b.png").colors)
    assert (result.colors[400:900, 500:1012] < composite.picture.colors[400:900, 500:1012]).all()
