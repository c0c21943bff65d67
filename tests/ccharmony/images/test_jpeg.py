"""JPEG: complaints of the decoder are errors, scans and memory are bounded, whole pictures keep their pixels."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ccharmony.arrays import UInt8
from ccharmony.errors import ImageError
from ccharmony.images import headers, jpeg, pixels


def noise(height: int = 96, width: int = 128) -> UInt8:
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), 2), np.uint8)


def encoded(image: UInt8, **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(image).save(data, "JPEG", **options)
    return data.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_pixels_are_those_of_opencv(subsampling: int, progressive: bool) -> None:
    data = encoded(noise(), subsampling=subsampling, progressive=progressive, quality=91)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(jpeg.decode(data, "RGB"), expected)
    np.testing.assert_array_equal(jpeg.decode(data, "BGR"), expected[..., ::-1])
    assert (jpeg.is_progressive(data), jpeg.count_scans(data)) == (progressive, 10 if progressive else 1)


def test_gray_pixels_are_those_of_opencv() -> None:
    data = encoded(noise()[..., 0])
    np.testing.assert_array_equal(jpeg.decode(data, "GRAY"), cv2.imdecode(np.frombuffer(data, np.uint8), -1))


def test_restart_markers_and_a_thumbnail_are_no_end() -> None:
    thumbnail = encoded(noise(16, 16))
    exif = b"Exif\0\0" + thumbnail
    done, data = cv2.imencode(".jpg", noise(), [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])
    assert done
    whole = data.tobytes()
    whole = whole[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + whole[2:]
    assert (jpeg.is_complete(whole), jpeg.count_scans(whole)) == (True, 1)
    assert not jpeg.is_complete(whole[:-2])
    assert not jpeg.is_complete(whole[: 200 + len(exif)])


def test_many_scans_are_refused_before_they_are_decoded() -> None:
    data = encoded(noise(), progressive=True)
    start, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    comment = b"\xff\xfe\x00\x04\xff\xd9"  # an end marker in a comment ends nothing
    many = data[:end] + (comment + data[start:end]) * 30 + data[end:]
    with pytest.raises(ImageError, match=r"m\.jpg: a JPEG of 40 scans, the limit is 32"):
        pixels.read_image(Held("m.jpg", many))


@pytest.mark.parametrize("cut", ["a half with an end marker", "2 kB of zeros", "bytes too many"])
def test_what_the_decoder_complains_of_is_an_error(cut: str) -> None:
    data = encoded(noise(512, 512), quality=95)
    middle = len(data) // 2
    damaged = {
        "a half with an end marker": data[:middle] + b"\xff\xd9",
        "2 kB of zeros": data[:middle] + bytes(2048) + data[middle + 2048 :],
        "bytes too many": data[:-2] + bytes(40) + data[-2:],
    }[cut]
    with pytest.raises(ValueError, match="Corrupt JPEG data"):
        jpeg.decode(damaged, "RGB")
    for read in (pixels.read_image, pixels.read_mask, pixels.read_linear):
        with pytest.raises(ImageError, match=r"d\.jpg: damaged \(Corrupt JPEG data: .*; save it anew to use it as it"):
            read(Held("d.jpg", damaged))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_opencv_turns_them(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(noise(24, 40), exif=exif, subsampling=0)
    upright = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    np.testing.assert_array_equal(pixels.read_image(Held("o.jpg", data)), upright)
    np.testing.assert_array_equal(pixels.read_image(Held("o.jpg", data), orient=False), stored)
    np.testing.assert_array_equal(pixels.read_linear(Held("o.jpg", data)), stored)


class Held:
    """A file in memory."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = name, data

    def read_bytes(self) -> bytes:
        return self.data

    def __str__(self) -> str:
        return self.name


def test_a_picture_of_sixteen_bits_is_refused_by_the_memory_it_takes() -> None:
    """Of 16 bits and three channels, six bytes a pixel, where four are the most."""
    image = np.zeros((40, 50, 3), np.uint16)
    data = cv2.imencode(".png", image)[1].tobytes()
    assert headers.read_header(io.BytesIO(data), Held("d.png", data), 3000).size in ((50, 40), (40, 50))
    with pytest.raises(ImageError, match=r"d\.png: 50x40 pixels of 6 bytes take 12000, the limit is 11996"):
        headers.read_header(io.BytesIO(data), Held("d.png", data), 2999)


def test_a_progressive_jpeg_counts_with_its_coefficients() -> None:
    data = encoded(noise(40, 50), progressive=True)
    with pytest.raises(ImageError, match=r"p\.jpg: 50x40 pixels of 9 bytes take 18000"):
        headers.read_header(io.BytesIO(data), Held("p.jpg", data), 4000)
    plain = encoded(noise(40, 50))
    assert headers.read_header(io.BytesIO(plain), Held("p.jpg", plain), 4000)
