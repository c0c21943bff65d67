"""Small files in the layouts that the sources read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image


class Disk:
    """Writes files below a folder; names are relative to it, folders are made as needed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self._place(name)
        path.write_text(text, encoding="utf-8")
        return path

    def picture(self, name: str, height: int, width: int, orientation: int | None = None) -> Path:
        """Write a smooth color picture in the format of its name; with an EXIF orientation if one is given."""
        y, x = np.mgrid[:height, :width]
        image = np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], axis=-1).astype(np.uint8)
        exif = Image.Exif()
        if orientation:
            exif[0x0112] = orientation
        path = self._place(name)
        Image.fromarray(image).save(path, exif=exif)
        return path

    def linear(self, name: str, counts: np.ndarray) -> Path:
        """Write counts (H, W, 3), uint16 or uint8, RGB."""
        path = self._place(name)
        data = cv2.imencode(path.suffix.lower(), counts[..., ::-1])[1]
        path.write_bytes(data.tobytes())
        return path

    def mask(self, name: str, height: int = 20, width: int = 30) -> Path:
        """Write a mask whose left half is on."""
        mask = np.zeros((height, width), np.uint8)
        mask[:, : width // 2] = 255
        path = self._place(name)
        Image.fromarray(mask).save(path)
        return path

    def truth(self, name: str, boxes: dict[str, tuple[float, float, float, float]], **changes: object) -> Path:
        """Write a ``_gt.mat`` with NUS's fields; `boxes` are y1, y2, x1, x2, a change to None takes a field away."""
        names = np.empty((len(boxes), 1), object)
        names[:, 0] = list(boxes)
        fields: dict[str, object] = {
            "all_image_names": names,
            "groundtruth_illuminants": np.ones((len(boxes), 3)),
            "darkness_level": 1000.0,
            "saturation_level": 15000.0,
            "CC_coords": np.array(list(boxes.values()), np.float64).reshape(-1, 4),
        }
        fields.update(changes)
        path = self._place(name)
        scipy.io.savemat(path, {field: value for field, value in fields.items() if value is not None})
        return path

    def _place(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)
