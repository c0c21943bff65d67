import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ccharmony.arrays import Bool, UInt8
from ccharmony.errors import OutputError
from ccharmony.images import jpeg_intervals
from ccharmony.images.jpeg_intervals import IntervalJpeg

SHAPES = [(1, 1), (15, 17), (16, 16), (48, 4096), (40, 500), (171, 163), (1, 300), (300, 1), (33, 1024)]


def picture(height: int, width: int) -> UInt8:
    random = np.random.default_rng(height * width)
    coarse = random.integers(0, 256, (height // 9 + 2, width // 9 + 2, 3), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.add(smooth, random.integers(0, 20, smooth.shape, np.uint8)), np.uint8)


def changed(image: UInt8, inside: Bool) -> UInt8:
    return np.where(inside[..., None], 255 - image // 2, image).astype(np.uint8)


def replaced(image: UInt8, inside: Bool, quality: int = 95) -> bytes:
    jpeg = IntervalJpeg(jpeg_intervals.encode(image, quality), image.shape[:2], quality)
    return jpeg.replace(changed(image, inside), jpeg.touched(np.flatnonzero(inside)))


def decoded(data: bytes) -> UInt8:
    return np.array(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["box", "board", "all", "last pixel", "first pixel", "one row"])
@pytest.mark.parametrize("quality", [95, 30])
def test_a_jpeg_with_replaced_intervals_is_that_of_the_whole_picture(
    shape: tuple[int, int], kind: str, quality: int
) -> None:
    image, inside = picture(*shape), np.zeros(shape, bool)
    if kind == "box":
        inside[shape[0] // 3 : shape[0] // 2 + 1, shape[1] // 4 : shape[1] // 2 + 1] = True
    elif kind == "board":
        inside = np.indices(shape).sum(axis=0) % 50 == 0
    elif kind == "one row":
        inside[shape[0] // 2] = True
    else:
        inside.flat[{"all": slice(None), "last pixel": -1, "first pixel": 0}[kind]] = True
    whole = jpeg_intervals.encode(changed(image, inside), quality)
    assert replaced(image, inside, quality) == whole


def test_more_intervals_than_are_encoded_together_are_replaced() -> None:
    image = picture(1024, 1200)
    inside = np.ones(image.shape[:2], bool)
    assert replaced(image, inside) == jpeg_intervals.encode(changed(image, inside), 95)


def test_it_decodes_to_what_a_plain_jpeg_does_where_blocks_are_whole() -> None:
    image = picture(64, 800)
    plain = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    np.testing.assert_array_equal(decoded(jpeg_intervals.encode(image, 90)), decoded(plain.tobytes()))


@pytest.mark.parametrize("shape", SHAPES)
def test_it_has_the_picture_s_size_and_colors(shape: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(picture(*shape), (0, 0), 6)
    found = decoded(jpeg_intervals.encode(image, 98))[..., ::-1]
    assert found.shape == image.shape
    assert np.abs(found.astype(int) - image).mean() < 2


def test_the_background_decodes_to_the_bit_one_pixel_beside_touched_blocks() -> None:
    image, inside = picture(171, 163), np.zeros((171, 163), bool)
    inside[50:71, 70:90] = True  # blocks 3 and 4 of the rows, 4 and 5 of the columns
    real, composite = decoded(jpeg_intervals.encode(image, 95)), decoded(replaced(image, inside))
    differs = np.argwhere((real != composite).any(axis=2))
    assert differs.min(axis=0).tolist() == [47, 63]  # 48 and 64, less a pixel
    assert differs.max(axis=0).tolist() == [80, 96]  # 79 and 95, and a pixel


def test_an_empty_picture_and_one_that_is_too_wide_are_refused() -> None:
    for shape in ((0, 5, 3), (1, 65600, 3)):
        with pytest.raises(OutputError, match=r"\.jpg of shape"):
            jpeg_intervals.encode(np.zeros(shape, np.uint8), 95)
