"""Photos with masks, held in memory and relit where the network runs: pairs that are never written to disk.

A photo folder holds `index.csv` (columns id, split and more), `images/<id>.<suffix>` and `masks/<id>.<suffix>`
(or `<id>_a.<suffix>`, `<id>_mask.<suffix>`), in any format that is read.
All photos lie in one flat tensor, four bytes a pixel (red, green, blue, mask), so that the crops of a whole batch, of
photos of any shape, are four gathers. 2,951 photos with a short side of 256 take 0.92 GB.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ccharmony import hand_written, roles
from ccharmony.arrays import Bool, Float32, Int64, UInt8
from ccharmony.dataset.formats.names import list_pictures
from ccharmony.errors import ManifestError, SourceError
from ccharmony.images import pixels
from ccharmony.images.headers import READABLE_SUFFIXES
from harmonize.data.crops import LEAST_AREA, Crop
from harmonize.devices import send


@dataclass(frozen=True)
class PhotoPaths:
    """One photo, the mask of its foreground if it has one, and the source that the index names, or else the folder."""

    id: str
    image: Path
    mask: Path | None
    source: str = ""


def find_photos(roots: Path | Sequence[Path], split: str, *, maskless: bool = False) -> list[PhotoPaths]:
    """Find the photos of one split, folder by folder in the order of each `index.csv`.

    Parameters
    ----------
    roots
        One folder or more.
    split
        Value of the index's column `split`, such as ``train``.
    maskless
        Whether a photo may be without a mask.

    Returns
    -------
    list[PhotoPaths]
        At least one.

    Raises
    ------
    SourceError
        A folder or its index is missing, or no photo of any is of that split.
    ManifestError
        An index lacks a column, or names a photo that is not there.
    """
    roots = [roots] if isinstance(roots, Path) else roots
    found = [photo for root in roots for photo in _find_in(root, split, maskless)]
    if not found:
        raise SourceError(f"{', '.join(map(str, roots))}: no photo of the split {split!r}")
    return found


def _find_in(root: Path, split: str, maskless: bool) -> list[PhotoPaths]:
    index = root / "index.csv"
    columns, rows = hand_written.read_rows(index)
    if any(row.get("id") is None or row.get("split") is None for _, row in rows):
        found = ", ".join(columns)
        raise ManifestError(f"{index}: columns {found}, or a row with too few cells, wanted id and split among them")
    chosen = [row for _, row in rows if row["split"].lower() == split]
    images = _find_pictures(root / "images")
    masks = _find_masks(root / "masks", images)
    source = root.resolve().name
    wanted = [(roles.normal(row["id"]), row.get("source") or source) for row in chosen]
    return [_find_photo(root, images, masks, name, origin, maskless) for name, origin in wanted]


def _find_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by the names without suffix; of two with one name the first counts."""
    return {roles.normal(path.stem): path for path in reversed(list_pictures(folder))}


def _find_masks(folder: Path, photos: Iterable[str]) -> dict[str, Path]:
    """Return a mask of each photo by the rule of `roles.mask_owners`; of several letters the first."""
    ids = {photo.casefold(): photo for photo in photos}
    found = [
        (*owner, path) for path in list_pictures(folder) if (owner := next(roles.mask_owners(path.stem, ids), None))
    ]
    return {photo: path for photo, _, path in sorted(found, reverse=True)}


def read_photo(paths: PhotoPaths, side: int | None = None) -> tuple[UInt8, UInt8]:
    """Read a photo (H, W, 3) and its mask (H, W), both uint8; a short side above `side` is shrunk to it.

    The mask of a photo that has none is 0 everywhere.

    Raises
    ------
    ImageError
        A file cannot be read, or the two differ in size.
    """
    image = pixels.read_image(paths.image)
    mask = np.zeros(image.shape[:2], np.uint8)
    if paths.mask is not None:
        mask = np.rint(pixels.read_mask(paths.mask, shape=image.shape[:2]) * 255).astype(np.uint8)
    height, width = image.shape[:2]
    scale = 1.0 if side is None else side / min(height, width)
    if scale >= 1:
        return image, mask
    shape = (round(width * scale), round(height * scale))
    small = (cv2.resize(plane, shape, interpolation=cv2.INTER_AREA) for plane in (image, mask))
    return tuple(small)  # type: ignore[return-value]


class PhotoMemory:
    """Photos of any shape in one flat tensor, and crops of them.

    Attributes
    ----------
    ids, sources
        The photos, and where each is from.
    shapes
        Height and width of each, (N, 2).
    means
        Mean color of each, (N, 3), in [0, 1].
    """

    def __init__(
        self, images: Sequence[UInt8], masks: Sequence[UInt8], ids: Sequence[str], sources: Sequence[str] = ()
    ) -> None:
        self.ids = tuple(ids)
        self.sources = tuple(sources) or ("",) * len(self.ids)
        self.shapes = np.array([mask.shape for mask in masks], np.int64)
        self.means = torch.from_numpy(np.array([image.mean(axis=(0, 1)) / 255 for image in images], np.float32))
        self._ends = np.cumsum([mask.size for mask in masks])
        packed = np.empty((int(self._ends[-1]), 4), np.uint8)
        for image, mask, end in zip(images, masks, self._ends, strict=True):
            packed[end - mask.size : end, :3] = image.reshape(-1, 3)
            packed[end - mask.size : end, 3] = mask.reshape(-1)
        self._host = packed
        self._pixels = torch.from_numpy(packed.view(np.int32)[:, 0])  # (pixels,)

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str) -> PhotoMemory:
        """Move the pixels to another device, in place; the masks stay readable here, where crops are chosen."""
        self._pixels = self._pixels.to(device)
        return self

    def mask(self, index: int) -> Bool:
        """Return the foreground of a photo, (H, W)."""
        height, width = self.shapes[index]
        end = self._ends[index]
        return (self._host[end - height * width : end, 3] > 127).reshape(height, width)

    def picture(self, index: int) -> tuple[UInt8, UInt8]:
        """Return a photo, (H, W, 3), and its mask, (H, W), both 8 bits."""
        height, width = self.shapes[index]
        end = self._ends[index]
        planes = self._host[end - height * width : end].reshape(height, width, 4)
        return np.ascontiguousarray(planes[..., :3]), np.ascontiguousarray(planes[..., 3])

    def cut(self, indices: Sequence[int], crops: Sequence[Crop], size: int) -> tuple[Tensor, Tensor]:
        """Cut crops out of photos and resize them, bilinear.

        Parameters
        ----------
        indices
            Rows of the B photos.
        crops
            One for each.
        size
            Side of the result in pixels.

        Returns
        -------
        photo, mask
            (B, 3, size, size) in [0, 1], rounded to 8-bit levels, and (B, 1, size, size) in [0, 1], on the device of
            the pixels.
        """
        rows, row_shares = _taps([(crop.top, crop.height, False) for crop in crops], size)  # (2, B, S), (B, S)
        columns, column_shares = _taps([(crop.left, crop.width, crop.flip) for crop in crops], size)
        shapes = self.shapes[list(indices)]  # (B, 2)
        starts = self._ends[list(indices)] - shapes.prod(axis=1)
        (top, bottom), (left, right) = self._send(starts[:, None] + rows * shapes[:, 1:]), self._send(columns)
        u, v = self._send(row_shares)[:, :, None, None], self._send(column_shares)[:, None, :, None]
        upper = torch.lerp(self._gather(top, left), self._gather(top, right), v)
        lower = torch.lerp(self._gather(bottom, left), self._gather(bottom, right), v)
        planes = torch.lerp(upper, lower, u).permute(0, 3, 1, 2).contiguous()  # (B, 4, S, S)
        return planes[:, :3].round() / 255, planes[:, 3:] / 255

    def _send(self, numbers: npt.NDArray[np.generic]) -> Tensor:
        return send(numbers, self._pixels.device)

    def _gather(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the pixels at row starts (B, S) plus columns (B, S) as (B, S, S, 4) floats in levels."""
        positions = rows[:, :, None] + columns[:, None, :]  # (B, S, S)
        packed = self._pixels[positions]
        return packed.view(torch.uint8).view(*positions.shape, 4).float()


def read_memory(photos: Sequence[PhotoPaths], side: int, threads: int = 2) -> PhotoMemory:
    """Read photos into memory, their short sides shrunk to `side` where they are longer.

    Raises
    ------
    ImageError
        A photo or a mask cannot be read.
    """
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        read = list(pool.map(lambda paths: read_photo(paths, side), photos))
    images, masks = zip(*read, strict=True)
    return PhotoMemory(images, masks, [paths.id for paths in photos], [paths.source for paths in photos])


def side_for(size: int) -> int:
    """Return the short side that photos need so that their smallest crop, half the area, still has `size` pixels."""
    return math.ceil(size / math.sqrt(LEAST_AREA))


def _find_photo(
    root: Path, images: dict[str, Path], masks: dict[str, Path], name: str, source: str, maskless: bool
) -> PhotoPaths:
    image, mask = images.get(name), masks.get(name)
    if image is None or (mask is None and not maskless):
        part = "images" if image is None else "masks"
        kinds = " ".join(READABLE_SUFFIXES)
        raise ManifestError(f"{root / 'index.csv'}: names {name}, which is not in {root / part}, wanted one of {kinds}")
    return PhotoPaths(name, image, mask, source)


def _taps(parts: Sequence[tuple[int, int, bool]], size: int) -> tuple[Int64, Float32]:
    """Return how `size` pixels are interpolated from parts of a line, each (start, length, mirrored).

    Returns
    -------
    neighbors, share
        The two neighbors of each pixel, (2, B, size), and the share of the second, (B, size).
    """
    start, length, flip = (np.array(part)[:, None] for part in zip(*parts, strict=True))  # each (B, 1)
    positions = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)  # (B, size)
    positions = np.where(flip, positions[:, ::-1], positions)
    low = np.floor(positions).astype(np.int64)
    neighbors = np.stack([low, np.minimum(low + 1, length - 1)]) + start
    return neighbors, (positions - low).astype(np.float32)
