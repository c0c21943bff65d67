"""HEIF photos, which telephones take."""

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from ccharmony import sources
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.sources import reading
from ccharmony.sources.folder import find_folder


@pytest.fixture
def photo(tmp_path):
    pillow_heif.register_heif_opener()
    y, x = np.mgrid[:60, :90]
    image = np.stack([255 * x / 90, 255 * y / 60, 128 + 0 * x], axis=-1).astype(np.uint8)
    path = tmp_path / "photos" / "one.HEIC"
    path.parent.mkdir()
    Image.fromarray(image).save(path, format="HEIF", quality=95)
    return path, image


def test_a_heif_photo_is_found_and_read(tmp_path, photo):
    (row,) = find_folder(tmp_path).photos
    assert row.id == "one"
    read = reading.read_photo(row)
    assert read.shape == (60, 90, 3)
    assert np.abs(read.astype(int) - photo[1]).mean() < 3
    assert sources.reading.read_size(row) == (60, 90)


def test_a_truncated_heif_photo_is_refused(photo):
    path, _ = photo
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ImageError, match=r"one\.HEIC: cannot be decoded"):
        pixels.read_image(path)
