"""Linear photos and raw files: rendered so that the color of the light stays."""

from __future__ import annotations

import dataclasses
import json
import pickle
import tracemalloc
from pathlib import Path

import colour
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccharmony.errors import ImageError, SettingsError
from ccharmony.images.camera import Rendering, daylight_constants
from ccharmony.images.raw import raw_size, read_raw
from ccharmony.images.rendering import MAX_GAIN, meter, render_linear

BALANCED = Rendering(black=0, saturation=1, balance=(1, 1, 1))
NIKON_D5200 = [
    [0.8322, -0.3112, -0.1047],
    [-0.6367, 1.4342, 0.2179],
    [-0.0988, 0.1638, 0.6394],
]  # Adobe's, XYZ to camera


def gray_ramp(top: float = 1.0) -> np.ndarray:
    """A hundred by hundred pixels of linear gray from 0 to `top`."""
    return np.broadcast_to(np.linspace(0, top, 10_000).reshape(100, 100, 1), (100, 100, 3)).copy()


@pytest.fixture(scope="module")
def checker_under_d65() -> np.ndarray:
    """CIE XYZ of the 24 patches under D65, shape (24, 3), white having Y = 1, by colour-science."""
    shape = colour.SpectralShape(380, 780, 5)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
    d65 = colour.SDS_ILLUMINANTS["D65"].copy().align(shape)
    patches = [patch.copy().align(shape) for patch in colour.SDS_COLOURCHECKERS["ISO 17321-1"].values()]
    return np.array([colour.sd_to_XYZ(patch, observer, d65, method="Integration") for patch in patches]) / 100


def observe(tristimulus: np.ndarray) -> np.ndarray:
    """Patches (24, 3) as a camera renders them that sees CIE XYZ itself and clips at the white D65."""
    balance, matrix = daylight_constants(np.eye(3))
    return render_linear(tristimulus.reshape(4, 6, 3), Rendering(0, 1.08883, balance, matrix), gain=1.0).reshape(24, 3)


def test_a_camera_that_sees_like_the_standard_observer_gives_colours_srgb(checker_under_d65: np.ndarray) -> None:
    linear = colour.XYZ_to_sRGB(checker_under_d65, apply_cctf_encoding=False)
    inside = linear.min(axis=1) > 0.05 * linear.max(axis=1)
    assert inside.sum() == 20
    expected = 255 * colour.XYZ_to_sRGB(checker_under_d65[inside])
    np.testing.assert_allclose(observe(checker_under_d65)[inside], expected, atol=0.75)


def test_colors_at_the_edge_of_srgb_stay_close_and_are_not_clipped(checker_under_d65: np.ndarray) -> None:
    rendered = observe(checker_under_d65)
    assert rendered.min() > 0
    wanted = colour.XYZ_to_Lab(checker_under_d65)
    distances = colour.delta_E(colour.XYZ_to_Lab(colour.sRGB_to_XYZ(rendered / 255)), wanted)
    assert distances.argmax() == 17  # cyan, which lies outside sRGB: clipping would be 2.4 off
    assert distances.max() < 3.0
    assert np.delete(distances, 17).max() < 1.0


def test_colors_outside_srgb_keep_their_order_and_their_brightest_channel() -> None:
    blue = np.linspace(-0.3, 0.2, 51)  # of the linear sRGB that the matrix makes of the counts
    counts = np.stack([np.full(51, 0.8), np.full(51, 0.5), (blue + 0.4) / 1.5], axis=-1)[None]
    rendered = render_linear(counts, Rendering(0, 1, (1, 1, 1), ((1, 0, 0), (0, 1, 0), (-0.5, 0, 1.5))), gain=1.0)
    assert rendered[0, 0, 2] > 10
    assert (np.diff(rendered[0, :, 2].astype(int)) >= 0).all()
    assert len(np.unique(rendered[0, :, 2])) == 40  # clipping would leave 21
    assert (rendered[0, :, :2] == [231, 188]).all()  # sRGB of 0.8 and 0.5


def test_d65_is_gray_for_a_camera_with_a_published_matrix() -> None:
    white = np.array(NIKON_D5200) @ [0.95047, 1.0, 1.08883]
    balance, matrix = daylight_constants(NIKON_D5200)
    assert balance == pytest.approx((2.9151, 1.0, 1.3919), abs=2e-3)  # LibRaw's list: 2.9151 1 1.3919
    image = render_linear(0.3 * np.broadcast_to(white, (4, 4, 3)), Rendering(0, 1, balance, matrix))
    assert np.ptp(image[0, 0].astype(int)) <= 1


@pytest.mark.parametrize("light", [(1.0, 0.6, 0.25), (0.7, 0.8, 1.0), (0.9, 1.0, 0.85)])
def test_the_cast_of_the_light_stays(light: tuple[float, float, float]) -> None:
    image = render_linear(gray_ramp(0.5) * light, BALANCED)
    linear = colour.models.eotf_sRGB(image[-20:].reshape(-1, 3).mean(axis=0) / 255)
    np.testing.assert_allclose(linear / linear.max(), np.array(light) / max(light), atol=0.01)


def test_the_99th_percentile_of_the_brightest_channel_is_exposed_to_four_fifths() -> None:
    image = render_linear(gray_ramp(0.3) * (1.0, 0.5, 0.5), BALANCED)
    assert image[99, 0, 0] == 231  # sRGB of 0.8 is 0.906


def test_clipped_pixels_are_white_and_not_metered() -> None:
    photo = gray_ramp(0.2) * (1.0, 0.6, 0.3)
    with_sky = photo.copy()
    with_sky[:30] = 1.0
    rendering = Rendering(0, 1, (2.0, 1.0, 1.5))
    assert (render_linear(with_sky, rendering)[:30] == 255).all()
    assert meter(with_sky, rendering) == pytest.approx(meter(photo[30:], rendering))


def test_a_photo_that_is_clipped_everywhere_stays_white() -> None:
    assert (render_linear(np.full((3, 3, 3), 2.0), BALANCED) == 255).all()


def test_black_stays_black_and_the_gain_has_a_bound() -> None:
    assert (render_linear(np.zeros((5, 5, 3)), BALANCED) == 0).all()
    assert meter(np.full((5, 5, 3), 1e-5), BALANCED) == MAX_GAIN


def test_counts_below_black_are_black() -> None:
    image = render_linear(np.array([[[90, 100, 100]], [[600, 600, 600]]], np.uint16), Rendering(100, 1100, (1, 1, 1)))
    assert image[0, 0].tolist() == [0, 0, 0]


def test_a_stop_of_compensation_doubles_the_light() -> None:
    metered = meter(gray_ramp(0.2), BALANCED)
    assert meter(gray_ramp(0.2), dataclasses.replace(BALANCED, compensation=1.0)) == pytest.approx(2 * metered)
    assert meter(gray_ramp(0.2), dataclasses.replace(BALANCED, compensation=-1.0)) == pytest.approx(metered / 2)


def test_an_unknown_camera_is_balanced_like_a_typical_one() -> None:
    green, red = Rendering().gains[1], Rendering().gains[0]
    assert green == 1.0
    assert 2.2 < red < 3.1  # the range of ten cameras in LibRaw's list


def test_integers_and_floats_of_the_same_counts_give_the_same_photo() -> None:
    counts = np.random.default_rng(1).integers(0, 256, (40, 50, 3))
    rendering = Rendering(3, 240, (2.1, 1.0, 1.4), ((1.6, -0.5, -0.1), (-0.2, 1.5, -0.3), (0.1, -0.6, 1.5)))
    as_bytes = render_linear(counts.astype(np.uint8), rendering)
    np.testing.assert_array_equal(as_bytes, render_linear(counts.astype(np.uint16), rendering))
    np.testing.assert_array_equal(as_bytes, render_linear(counts.astype(np.float64), rendering))


def test_a_photo_of_many_strips_is_the_photo_of_its_parts() -> None:
    counts = np.random.default_rng(2).integers(0, 4096, (700, 1000, 3)).astype(np.uint16)
    rendering = Rendering(64, 4095)
    whole = render_linear(counts, rendering, gain=1.5)
    parts = [render_linear(counts[top : top + 100], rendering, gain=1.5) for top in range(0, 700, 100)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_memory_is_bounded_by_strips_and_not_by_the_photo() -> None:
    counts = np.full((2000, 3000, 3), 900, np.uint16)
    tracemalloc.start()
    render_linear(counts, Rendering(0, 4095))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - 18e6 < 30e6  # the picture itself has 18 MB; in single precision it would have 72


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint16, (2, 3, 3)), st.integers(1, 5000))
def test_more_light_never_renders_darker(counts: np.ndarray, more: int) -> None:
    rendering = Rendering(100, 60_000)
    brighter = np.minimum(counts.astype(int) + more, 65535).astype(np.uint16)
    assert (render_linear(brighter, rendering, gain=2.0) >= render_linear(counts, rendering, gain=2.0)).all()


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_linear_photos_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="wanted \\(height, width, 3\\)"):
        render_linear(np.zeros(shape), BALANCED)


def test_nan_is_refused() -> None:
    with pytest.raises(ImageError, match="NaN"):
        render_linear(np.full((2, 2, 3), np.nan), BALANCED)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"black": 100, "saturation": 100}, "black below saturation"),
        ({"saturation": float("nan")}, "black below saturation"),
        ({"balance": (2.0, 0.0, 1.0)}, "three positive numbers"),
        ({"balance": (2.0, 1.0)}, "three positive numbers"),
        ({"camera_matrix": ((1, 0), (0, 1))}, "wanted \\(3, 3\\)"),
        ({"camera_matrix": ((2, 0, 0), (0, 1, 0), (0, 0, 1))}, "wanted 1 each"),
        ({"compensation": float("inf")}, "number of stops"),
    ],
)
def test_impossible_constants_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Rendering(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("matrix", [np.eye(2), np.ones((3, 3)), np.full((3, 3), np.nan)])
def test_a_matrix_without_inverse_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="with an inverse"):
        daylight_constants(matrix)


def test_constants_pass_through_json_and_pickle() -> None:
    rendering = Rendering(1024, 15279, *daylight_constants(NIKON_D5200), compensation=-0.5)
    assert Rendering(**json.loads(json.dumps(dataclasses.asdict(rendering)))) == rendering
    assert pickle.loads(pickle.dumps(rendering)) == rendering
    assert hash(rendering) == hash(dataclasses.replace(rendering))


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"", "0 bytes"), (b"no photo at all\n" * 500, "LibRaw says")]
)
def test_files_that_are_no_raw_photo_are_refused_in_one_line(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "übungs foto.dng"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        read_raw(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("aspect", "wanted"), [((1, 1), (96, 64)), ((2, 1), (96, 128)), ((1, 2), (192, 64))])
def test_the_size_of_pixels_that_are_not_square_is_that_of_the_photo(
    tmp_path: Path, aspect: tuple[int, int], wanted: tuple[int, int]
) -> None:
    path = tmp_path / "a.dng"
    write_dng(path, scale=aspect)
    assert raw_size(path) == wanted == read_raw(path).shape[:2]


@pytest.mark.parametrize("compression", [50002, 52546])
def test_a_dng_in_jpeg_xl_is_named_as_such(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "a.dng"
    write_dng(path)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[259].valueoffset
    path.write_bytes(data[:place] + compression.to_bytes(2, "little") + data[place + 2 :])
    with pytest.raises(
        ImageError, match=r"a\.dng: a DNG compressed with JPEG XL, which this LibRaw cannot decode"
    ) as it:
        read_raw(path)
    assert "\n" not in str(it.value)


def write_dng(path: Path, scale: tuple[int, int] = (1, 1)) -> None:
    """A mosaic of 96x64 pixels under one flat light, uncompressed."""
    mosaic = np.random.default_rng(0).integers(2000, 30000, (96, 64)).astype(np.uint16)
    matrix = [10000, 10000, 0, 10000, 0, 10000, 0, 10000, 10000, 10000, 0, 10000, 0, 10000, 0, 10000, 10000, 10000]
    tags = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50708, "s", 0, "Test", True),
        (50718, "2I", 2, (scale[0], 1, scale[1], 1), True),
        (50721, "2i", 9, matrix, True),
        (50728, "2I", 3, (1, 2, 1, 1, 1, 2), True),
        (50778, "H", 1, 21, True),
    ]
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, byteorder="<")
