"""Small sets of pictures that the tests draw themselves, and networks whose answer is known."""

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ccharmony.arrays import Bool, UInt8
from ccharmony.color.polynomial import fit_polynomial
from ccharmony.dataset import fits
from ccharmony.images import pixels
from ccharmony.records import FitRecord

# Pictures here are small: threads would wait for each other longer than they work, on a busy machine four times.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """What draws and writes the small sets."""
    return SimpleNamespace(
        draw_photo=draw_photo,
        draw_mask=draw_mask,
        write_pairs=write_pairs,
        write_photos=write_photos,
        write_lights=write_lights,
    )


def draw_photo(seed: int, height: int = 40, width: int = 48) -> UInt8:
    """A smooth picture with some texture; no two seeds alike."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    low, high = random.uniform(0.2, 0.5, 3), random.uniform(0.5, 0.8, 3)
    ramp = 0.5 + 0.5 * np.sin(rows / random.uniform(4, 12) + columns / random.uniform(4, 12))
    noise = random.normal(0, 0.02, (height, width, 3))
    return np.rint(np.clip(low + (high - low) * ramp[..., None] + noise, 0, 1) * 255).astype(np.uint8)


def draw_mask(seed: int, height: int = 40, width: int = 48) -> Bool:
    """An ellipse of a fifth of the picture or so."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    y, x = random.uniform(0.35, 0.65, 2) * (height, width)
    return ((rows - y) / (0.25 * height)) ** 2 + ((columns - x) / (0.25 * width)) ** 2 < 1


def write_pairs(root: Path, train: int = 12, test: int = 4) -> Path:
    """Pairs in iHarmony4's layout whose foreground is a darker, redder version of the real one."""
    for name in ("composite_images", "masks", "real_images"):
        (root / name).mkdir(parents=True)
    names = [f"p_{number}_a_1.png" for number in range(train + test)]
    for number, name in enumerate(names):
        real, mask = draw_photo(number), draw_mask(number)
        changed = np.rint(real * np.array([0.9, 0.7, 0.6])).astype(np.uint8)
        pixels.write_image(root / "composite_images" / name, np.where(mask[..., None], changed, real))
        pixels.write_mask(root / "masks" / f"p_{number}_a.png", mask)
        pixels.write_image(root / "real_images" / f"p_{number}.png", real)
    (root / "tiny_train.txt").write_text("\n".join(names[:train]))
    (root / "tiny_test.txt").write_text("\n".join(names[train:]))
    return root


def write_photos(root: Path, train: int = 12, val: int = 4) -> Path:
    """Photos with masks, of two shapes, and their index."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    with (root / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "source", "split"])
        for number in range(train + val):
            size = (40, 56) if number % 2 else (48, 40)
            pixels.write_image(root / "images" / f"f_{number}.webp", draw_photo(number, *size))
            pixels.write_mask(root / "masks" / f"f_{number}.png", draw_mask(number, *size))
            writer.writerow([f"f_{number}", "tiny", "train" if number < train else "val"])
    return root


def write_lights(path: Path, count: int = 12) -> Path:
    """Lights that scale the channels of a chart of 24 colors; the last quarter is of the split test."""
    random = np.random.default_rng(7)
    standard = random.uniform(0.1, 0.9, (24, 3))
    records = []
    for number in range(count):
        patches = np.clip(standard * random.uniform(0.6, 1.1, 3) + random.normal(0, 0.005, (24, 3)), 0, 1)
        records.append(
            FitRecord(
                id=f"light_{number}",
                camera="tiny",
                source="tiny",
                kind="ridge",
                patches=patches,
                to_standard=fit_polynomial(patches, standard),
                from_standard=fit_polynomial(standard, patches),
                split="test" if number >= count * 3 // 4 else "train",
            )
        )
    fits.write_fits(path, records, standard)
    return path


@pytest.fixture(scope="session")
def nets() -> SimpleNamespace:
    """Networks whose answer is known: tests of scoring and applying need no trained weights."""
    return SimpleNamespace(Recolor=Recolor, Shade=Shade, Broken=Broken, OutOfMemory=OutOfMemory)


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Recolor(nn.Module):
    """Multiplies and shifts the channels of the whole picture, background included; keeps what it was given."""

    def __init__(self, gain: tuple[float, float, float] = (1, 1, 1), shift: float = 0.0) -> None:
        super().__init__()
        self.gain = torch.tensor(gain).view(3, 1, 1)
        self.shift = shift
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        self.seen.append((image, mask))
        return ((image * STD + MEAN) * self.gain + self.shift - MEAN) / STD


class Shade(nn.Module):
    """Darkens the picture from left to right, from 1 to 0.5."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        ramp = torch.linspace(1, 0.5, image.shape[-1])
        return ((image * STD + MEAN) * ramp - MEAN) / STD


class Broken(nn.Module):
    """Makes NaN."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        return image * float("nan")


class OutOfMemory(nn.Module):
    """Fails as torch does on a CPU without memory."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")
