from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ccharmony import files
from ccharmony.errors import ImageError, OutputError
from ccharmony.images import headers, mask_files, pixels


def picture(height: int = 24, width: int = 40) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 6, y * 10, (x + y) * 4], axis=-1).astype(np.uint8)


def test_png_comes_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "größe 1.png"
    pixels.write_image(path, picture())
    np.testing.assert_array_equal(pixels.read_image(path), picture())
    with Image.open(path) as other:
        np.testing.assert_array_equal(np.asarray(other), picture())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_come_back_close(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    pixels.write_image(path, picture(), 95)
    assert np.abs(pixels.read_image(path).astype(int) - picture()).mean() < 3


def test_exif_orientation_is_applied_unless_distrusted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show the picture a quarter turn clockwise
    path = tmp_path / "turned.png"
    Image.fromarray(picture()).save(path, exif=exif)
    np.testing.assert_array_equal(pixels.read_image(path), np.rot90(picture(), -1))
    np.testing.assert_array_equal(pixels.read_image(path, orient=False), picture())
    assert headers.image_size(path) == (40, 24)
    assert headers.image_size(path, orient=False) == (24, 40)


def test_exif_orientation_of_a_jpeg_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    path = tmp_path / "turned.jpg"
    Image.fromarray(picture()).save(path, exif=exif, quality=95)
    assert pixels.read_image(path).shape == (40, 24, 3)


def test_16_bit_photo_is_rounded_to_8_bits(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    values = np.array([[[0, 128, 129], [257, 65535, 65406]]], np.uint16)
    cv2.imwrite(str(path), values[..., ::-1])
    assert pixels.read_image(path).tolist() == [[[0, 0, 1], [1, 255, 254]]]


def test_linear_values_are_not_scaled(tmp_path: Path) -> None:
    path = tmp_path / "linear.png"
    values = np.array([[[1, 2, 4095]]], np.uint16)
    cv2.imwrite(str(path), values[..., ::-1])
    np.testing.assert_array_equal(pixels.read_linear(path), values)


@pytest.mark.parametrize(
    ("mode", "message"),
    [("L", "gray"), ("CMYK", "CMYK"), ("LA", "gray with alpha"), ("1", "one bit")],
)
def test_photo_without_three_color_channels_is_refused(tmp_path: Path, mode: str, message: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(picture()).convert(mode).save(path)
    with pytest.raises(ImageError, match=f"{message}, a photo needs three color channels"):
        pixels.read_image(path)


def test_transparent_photo_is_refused_and_an_opaque_alpha_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    opaque = np.dstack([picture(), np.full((24, 40), 255, np.uint8)])
    Image.fromarray(opaque).save(path)
    np.testing.assert_array_equal(pixels.read_image(path), picture())
    opaque[3, 5, 3] = 100
    Image.fromarray(opaque).save(path)
    with pytest.raises(ImageError, match="transparent"):
        pixels.read_image(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = pixels.encode(noise, suffix)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match="truncated"):
        pixels.read_image(path)


def test_truncated_jpeg_with_a_whole_thumbnail_is_refused(tmp_path: Path) -> None:
    thumbnail = pixels.encode(picture(8, 8), ".jpg")
    data = pixels.encode(picture(240, 400), ".jpg")
    block = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:2] + block + data[2:-300])
    with pytest.raises(ImageError, match="truncated JPEG"):
        pixels.read_image(path)


def test_jpeg_with_bytes_after_its_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(pixels.encode(picture(), ".jpg") + bytes(1000))
    assert pixels.read_image(path).shape == (24, 40, 3)


@pytest.mark.parametrize(("data", "message"), [(b"", "0 bytes"), (b"no picture at all", "not a picture")])
def test_file_that_is_no_picture_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=message):
        pixels.read_image(path)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.png: cannot be read"):
        pixels.read_image(tmp_path / "missing.png")


def test_picture_above_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(path)
    with pytest.raises(ImageError, match="30000x30000 pixels"):
        pixels.read_image(path)


def test_mask_of_zeros_and_ones_counts_as_0_and_1(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    cv2.imwrite(str(path), np.array([[0, 1], [1, 0]], np.uint8))
    assert pixels.read_mask(path).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_are_hard_where_the_mask_is_a_half_or_more(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "m.png"
    cv2.imwrite(str(path), np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 256))
    stored = mask_files.read_stored_mask(path)
    np.testing.assert_array_equal(stored.hard(), pixels.read_mask(path) >= 0.5)
    np.testing.assert_array_equal(stored.mask(), pixels.read_mask(path))


def test_three_channel_mask_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    cv2.imwrite(str(path), np.dstack([np.array([[0, 255]], np.uint8)] * 3))
    assert pixels.read_mask(path, shape=(1, 2)).tolist() == [[0, 1]]


def test_color_picture_is_no_mask(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    pixels.write_image(path, picture())
    with pytest.raises(ImageError, match="a color picture, a mask needs one channel"):
        pixels.read_mask(path)


def test_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    pixels.write_mask(path, np.ones((4, 6)))
    with pytest.raises(ImageError, match="mask of 6x4, its photo is 6x9"):
        pixels.read_mask(path, shape=(9, 6))


def test_hard_mask_takes_one_bit_and_a_soft_one_keeps_its_levels(tmp_path: Path) -> None:
    hard, soft = tmp_path / "hard.png", tmp_path / "soft.png"
    pixels.write_mask(hard, np.eye(16) > 0)
    pixels.write_mask(soft, np.linspace(0, 1, 256).reshape(16, 16))
    with Image.open(hard) as opened:
        assert opened.mode == "1"
    np.testing.assert_array_equal(pixels.read_mask(hard), np.eye(16))
    np.testing.assert_allclose(pixels.read_mask(soft).ravel(), np.arange(256) / 255, atol=1e-6)


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")

    def fail(_path: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=r"a\.bin: cannot be written \(No space left on device\)"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.xyz: not a format to write"):
        pixels.write_image(tmp_path / "a.xyz", picture())


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((4, 4, 3)), r"float64 \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 \(0, 4, 3\)"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_image_is_not_written(tmp_path: Path, image: Any, found: str) -> None:
    with pytest.raises(OutputError, match=rf"a\.png: {found} to write, wanted an image of uint8"):
        pixels.write_image(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("inner", "frame", "taken"), [(255, 238, True), (238, 17, True), (255, 0, False), (128, 255, False)]
)
def test_a_photo_may_have_a_frame_that_resampling_left_half_transparent(
    tmp_path: Path, inner: int, frame: int, taken: bool
) -> None:
    colors = np.random.default_rng(3).integers(0, 256, (9, 12, 3), np.uint8)
    alpha = np.full((9, 12), frame, np.uint8)
    alpha[1:-1, 1:-1] = inner
    Image.fromarray(np.dstack([colors, alpha])).save(tmp_path / "photo.png")
    if taken:
        np.testing.assert_array_equal(pixels.read_image(tmp_path / "photo.png"), colors)
    else:
        with pytest.raises(ImageError, match="has transparent pixels, a photo must be opaque"):
            pixels.read_image(tmp_path / "photo.png")
