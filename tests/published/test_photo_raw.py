"""Real raw and linear photos: LibRaw's own rendering and the recorded illuminants as independent witnesses."""

from __future__ import annotations

import struct
from pathlib import Path

import colour
import cv2
import numpy as np
import pytest
import rawpy

from ccharmony.checker.patches import affine_residual, orientation_ratio, read_patches
from ccharmony.errors import ImageError
from ccharmony.images import pixels
from ccharmony.images.camera import Rendering
from ccharmony.images.raw import read_raw
from ccharmony.images.rendering import meter, render_linear

# Corners of the large chart in colorchart.dng: dark skin, bluish green, black, white; read off the picture.
CHART = [(668, 579), (1288, 567), (1302, 975), (652, 978)]
EXIF_ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def dng(shared_data: Path) -> Path:
    return shared_data / "fixtures" / "raw" / "colorchart.dng"


@pytest.fixture(scope="module")
def kdc(shared_data: Path) -> Path:
    return shared_data / "fixtures" / "raw" / "RAW_KODAK_DC50.KDC"


def linear_counts(dng: Path) -> tuple[np.ndarray, Rendering]:
    """The camera's own red, green and blue, demosaiced before any balance, and how to render them."""
    with rawpy.imread(str(dng)) as raw:
        linear = raw.postprocess(
            user_wb=[1.0, 1.0, 1.0, 1.0],
            output_color=rawpy.ColorSpace.raw,
            gamma=(1, 1),
            output_bps=16,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
        )
        matrix = np.asarray(raw.color_matrix, np.float64)[:, :3]
        balance = tuple(raw.daylight_whitebalance[:3])
    rows = tuple(map(tuple, matrix / matrix.sum(axis=1, keepdims=True)))
    return linear, Rendering(balance=balance, camera_matrix=rows)


def test_the_raw_chart_is_read_with_white_first(dng: Path) -> None:
    patches = read_patches(read_raw(dng), CHART)
    assert patches.clipped.max() < 0.1  # in black: noise below the black level
    assert orientation_ratio(patches.colors) > 1.5
    assert affine_residual(patches.colors) < 15.6  # the largest of 17 true findings on other photos


def test_the_same_photo_as_linear_counts_and_as_raw_shows_the_same_patches(dng: Path) -> None:
    linear = read_patches(render_linear(*linear_counts(dng)), CHART).colors
    developed = read_patches(read_raw(dng), CHART).colors
    assert np.abs(255 * (linear - developed)).max() < 2.0  # levels: what demosaicing before or after the balance makes


def test_libraws_own_rendering_agrees(dng: Path) -> None:
    """LibRaw balances, converts, exposes and encodes by itself; only the factor of the exposure is told.

    Colors that LibRaw clips at the edge of sRGB are left out: there this project keeps them apart.
    """
    linear, rendering = linear_counts(dng)
    gain = meter(linear, rendering)
    with rawpy.imread(str(dng)) as raw:
        theirs = raw.postprocess(
            user_wb=[*raw.daylight_whitebalance[:3], raw.daylight_whitebalance[1]],
            no_auto_bright=True,
            bright=gain,
            gamma=(2.4, 12.92),
            adjust_maximum_thr=0.0,
        )
    light = colour.models.eotf_sRGB(theirs / 255)
    inside = (light.min(axis=-1) > 0.06 * light.max(axis=-1)) & (theirs.max(axis=-1) < 255)
    assert inside.mean() > 0.6
    assert np.abs(read_raw(dng).astype(int) - theirs)[inside].max() <= 2


def test_the_dng_keeps_the_warm_light_of_its_room(dng: Path) -> None:
    red, green, blue = read_patches(read_raw(dng), CHART).colors[0]
    assert red > green + 0.05 > blue + 0.10


def test_a_turned_raw_photo_is_read_upright(dng: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.dng"
    turned.write_bytes(with_orientation(dng.read_bytes(), 6))  # 6: to be turned right by a quarter
    upright, as_shot = read_raw(turned), read_raw(dng)
    assert upright.shape == (as_shot.shape[1], as_shot.shape[0], 3)
    difference = np.abs(upright.astype(int) - np.rot90(as_shot, -1))
    assert difference.max() <= 1  # every second row and column is metered, and those are others in a turned photo


def with_orientation(data: bytes, orientation: int) -> bytes:
    """Change the orientation in the first directory of a TIFF file."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(order + "H", data, entry)
        if tag == EXIF_ORIENTATION:
            return data[: entry + 8] + struct.pack(order + "H", orientation) + data[entry + 10 :]
    raise AssertionError("the file has no orientation")


def test_a_camera_of_1996_is_read_too(kdc: Path) -> None:
    image = read_raw(kdc)
    assert image.shape == (512, 768, 3)
    assert 100 < image.mean() < 180
    sky, brick = image[40:100, 30:300].reshape(-1, 3).mean(axis=0), image[250:400, 345:400].reshape(-1, 3).mean(axis=0)
    assert sky[2] > sky[0] + 10
    assert brick[0] > brick[2] + 10


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_truncated_raw_files_are_refused_in_one_line(dng: Path, tmp_path: Path, share: float) -> None:
    data = dng.read_bytes()
    part = tmp_path / "part.dng"
    part.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError, match=r"part\.dng: LibRaw says") as caught:
        read_raw(part)
    assert "\n" not in str(caught.value)


def test_the_gehler_photo_keeps_the_cast_that_was_measured(shared_data: Path) -> None:
    """White must show the recorded illuminant, seen through the camera's daylight balance and matrix."""
    matrix = np.loadtxt(shared_data / "fixtures" / "meta" / "ccm" / "canon1d.txt")
    balance = (2.04, 1.0, 1.11)
    illuminant = np.array([0.5299519896507263, 0.7187770009040833, 0.4500109851360321])  # color_checker.json
    linear = pixels.read_linear(shared_data / "gehler" / "photos" / "8D5U5524.png")
    red, green, blue = (tuple(row) for row in matrix)
    rendering = Rendering(0, float(linear.max()), balance, (red, green, blue))
    corners = gehler_corners(shared_data / "gehler" / "coordinates" / "8D5U5524_macbeth.txt", linear.shape[1])
    patches = read_patches(render_linear(linear, rendering), corners)
    gray = colour.models.eotf_sRGB(patches.colors[1])  # neutral 8; white may be clipped
    expected = matrix @ (illuminant * balance)
    np.testing.assert_allclose(gray / gray[0], expected / expected[0], atol=0.05)


def gehler_corners(path: Path, width: int) -> np.ndarray:
    numbers = np.loadtxt(path)
    scale = numbers[0, 0] / width
    top_left, top_right, bottom_left, bottom_right = numbers[1:5] / scale
    return np.array([top_left, top_right, bottom_right, bottom_left])


def test_a_linear_photo_of_a_release_camera_shows_no_codec(shared_data: Path) -> None:
    """An 8-bit file and its 16-bit copy are the same photo."""
    eight = cv2.imread(str(shared_data / "gehler" / "photos" / "8D5U5524.png"))[::4, ::4, ::-1]
    rendering = Rendering(0, 255, (2.04, 1.0, 1.11))
    wide = Rendering(0, 255 * 257, (2.04, 1.0, 1.11))
    difference = np.abs(
        render_linear(eight, rendering).astype(int) - render_linear(eight.astype(np.uint16) * 257, wide)
    )
    assert difference.max() <= 1
