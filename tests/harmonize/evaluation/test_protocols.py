import dataclasses

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from ccharmony.arrays import UInt8
from ccharmony.errors import SettingsError
from harmonize.evaluation import protocols

# The worked example: four gray pixels, scored by the code that each paper released.
REAL = np.repeat(np.array([[[200.0], [100], [100], [100]]]), 3, axis=2)
PREDICTION = np.repeat(np.array([[[210.9], [100.9], [100.4], [100.6]]]), 3, axis=2)
MASK = np.array([[1, 0.5, 0, 0]], np.float32)


@pytest.mark.parametrize(
    ("name", "mse", "fmse", "psnr"),
    [
        ("issam", 30.035, 79.477, 31.244),
        ("pctnet", 29.804, 79.477, 33.388),
        ("dovenet", 25.000, 50.000, 26.848),
        ("iih", 25.000, 50.000, 34.151),
        ("harmonizer", 30.035, 59.810, 26.091),
        ("standard", 30.750, 121.000, 33.252),  # errors 11, 1, 0, 1; the foreground is the first pixel
    ],
)
def test_the_worked_example_scores_as_the_papers_code(name, mse, fmse, psnr):
    protocol = protocols.find(name)
    if name == "iih":  # the example's figures are those before JPEG
        protocol = dataclasses.replace(protocol, prediction="truncated")
    scores = protocols.score(protocol, PREDICTION, REAL, MASK)
    assert (scores.mse, scores.fmse, scores.psnr) == pytest.approx((mse, fmse, psnr), abs=6e-4)


@pytest.mark.parametrize(("name", "peak"), [("issam", 200), ("pctnet", 255), ("dovenet", 110), ("harmonizer", 110.5)])
def test_fpsnr_takes_the_same_peak_as_psnr(name, peak):
    scores = protocols.score(protocols.find(name), PREDICTION, REAL, MASK)
    assert scores.fpsnr == pytest.approx(10 * np.log10(peak**2 / scores.fmse), abs=1e-6)


def test_the_default_is_the_protocol_of_the_papers_rows():
    assert protocols.DEFAULT == "issam"
    assert list(protocols.PROTOCOLS) == ["issam", "standard", "pctnet", "dovenet", "iih", "harmonizer"]


def test_an_unknown_protocol_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="protocol ssim: not known, wanted one of issam standard pctnet"):
        protocols.find("ssim")


def test_only_standard_and_pctnet_score_at_full_size():
    assert [name for name, protocol in protocols.PROTOCOLS.items() if protocol.full_size] == ["standard", "pctnet"]


def restate_ssim(prediction, real, radius, beyond, peak):
    """SSIM's map (H, W, 3) with the Gaussian of another library; `beyond` is what surrounds the picture."""

    def mean(values):
        return ndimage.gaussian_filter(values, (1.5, 1.5, 0), radius=(radius, radius, 0), mode=beyond)

    x, y = mean(prediction), mean(real)
    spread, common = mean(prediction**2) - x**2 + mean(real**2) - y**2, mean(prediction * real) - x * y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    return (2 * x * y + c1) * (2 * common + c2) / ((x**2 + y**2 + c1) * (spread + c2))


@pytest.fixture
def scene():
    """A prediction with every level from 30 to 230 and halves, the real picture, and a soft mask; 24x30."""
    random = np.random.default_rng(4)
    real = random.integers(0, 256, (24, 30, 3)).astype(np.float64)
    prediction = np.clip(0.7 * real + 40 + random.normal(0, 5, real.shape), 30, 230)
    return prediction, real, random.random((24, 30)).astype(np.float32)


def test_standard_scores_ssim_in_wangs_window_with_a_peak_of_255(scene):
    prediction, real, mask = scene
    scores = protocols.score(protocols.find("standard"), prediction, real, mask)
    expected = restate_ssim(np.rint(prediction), real, 5, "reflect", 255)
    assert scores.ssim == pytest.approx(expected[5:-5, 5:-5].mean(), abs=1e-9)  # the rim is left out
    assert scores.fssim == pytest.approx(expected[mask > 0.5].mean(), abs=1e-9)


@pytest.mark.parametrize("name", ["issam", "pctnet", "harmonizer"])
def test_the_papers_protocols_score_ssim_in_cdtnets_window_with_the_range_as_peak(name, scene):
    prediction, real, mask = scene
    scores = protocols.score(protocols.find(name), prediction, real, mask)
    expected = restate_ssim(prediction, real, 3, "constant", prediction.max() - prediction.min())
    weights = (mask >= 0.5) if name == "harmonizer" else mask.astype(np.float64)
    assert scores.ssim == pytest.approx(expected.mean(), abs=1e-9)
    assert scores.fssim == pytest.approx((expected.mean(axis=2) * weights).sum() / weights.sum(), abs=1e-9)


@pytest.fixture
def picture() -> UInt8:
    return np.random.default_rng(3).integers(0, 256, (90, 121, 3), np.uint8)


@pytest.mark.parametrize("name", ["issam", "standard", "pctnet"])
def test_bilinear_protocols_resize_as_opencv_does(name, picture):
    expected = cv2.resize(picture, (32, 48), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(protocols.resize_picture(picture, protocols.find(name), (48, 32)), expected)


@pytest.mark.parametrize("name", ["dovenet", "iih", "harmonizer"])
def test_antialiased_protocols_resize_as_pillow_does(name, picture):
    expected = np.asarray(Image.fromarray(picture).resize((32, 48), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(protocols.resize_picture(picture, protocols.find(name), (48, 32)), expected)


def test_the_two_ways_of_resizing_differ(picture):
    sharp, smooth = (protocols.resize_picture(picture, protocols.find(name), (32, 32)) for name in ("issam", "dovenet"))
    assert sharp.std() > 1.5 * smooth.std()


@pytest.mark.parametrize("size", [(40, 50), (90, 121), (200, 300)])
def test_antialiased_protocols_resize_masks_as_pillows_one_bit_pictures(size):
    rows, columns = np.mgrid[0:90, 0:121]
    mask = (np.hypot(rows - 40, columns - 60) < 25).astype(np.float32)
    expected = np.asarray(Image.fromarray(mask > 0).resize(size[::-1], Image.Resampling.BILINEAR), np.float32)
    np.testing.assert_array_equal(protocols.resize_mask(mask, protocols.find("dovenet"), size), expected)


def test_antialiased_protocols_count_the_middle_of_a_mask_as_set():
    mask = np.array([[0.49, 0.5, 0.6, 1.0]], np.float32)
    assert protocols.resize_mask(mask, protocols.find("dovenet"), (1, 4)).tolist() == [[0, 1, 1, 1]]


def test_bilinear_protocols_resize_masks_as_opencv_does():
    mask = np.random.default_rng(6).random((30, 44)).astype(np.float32)
    expected = cv2.resize(mask, (20, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(protocols.resize_mask(mask, protocols.find("issam"), (16, 20)), expected)
    assert protocols.resize_mask(mask, protocols.find("issam"), (30, 44)) is mask


@pytest.mark.parametrize("name", ["issam", "dovenet"])
def test_pictures_and_masks_are_scored_at_256_unless_another_size_is_given(name, picture):
    protocol, mask = protocols.find(name), np.ones((90, 121), np.float32)
    assert protocols.resize_picture(picture, protocol).shape == (256, 256, 3)
    assert protocols.resize_mask(mask, protocol).shape == (256, 256)


def test_bilinear_protocols_keep_masks_soft():
    mask = np.zeros((8, 8), np.float32)
    mask[:, 4:] = 1
    small = protocols.resize_mask(mask[:, 1:], protocols.find("issam"), (4, 4))
    assert 0 < small[0, 1] < 1


def test_a_picture_that_fits_is_not_touched(picture):
    assert protocols.resize_picture(picture, protocols.find("dovenet"), (90, 121)) is picture


def test_predictions_are_clamped_then_stored_as_the_protocol_says():
    levels = [[[-3.0, 10.5, 300.0], [10.9, 11.5, 254.4]]]
    stored = {name: protocols.quantize(levels, protocols.find(name)).ravel().tolist() for name in protocols.PROTOCOLS}
    assert stored["issam"] == stored["pctnet"] == stored["harmonizer"] == [0, 10.5, 255, 10.9, 11.5, 254.4]
    assert stored["standard"] == [0, 10, 255, 11, 12, 254]
    assert stored["dovenet"] == [0, 10, 255, 10, 11, 254]


def test_iih_scores_what_a_jpeg_of_quality_100_keeps(tmp_path):
    rows, columns = np.mgrid[0:64, 0:64] * 4.0
    levels = np.stack([rows, columns, 128 + 60 * np.sin(rows / 9)], axis=2)
    stored = protocols.quantize(levels, protocols.find("iih"))
    Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "pillow.jpg", quality=100)
    expected = np.asarray(Image.open(tmp_path / "pillow.jpg"), np.float64)
    assert 0 < np.abs(stored - np.floor(levels)).max() < 16  # colors at half resolution
    assert np.abs(stored - expected).max() <= 1  # two builds of one codec


def test_the_middle_of_a_mask_is_foreground_for_one_bit_readers_only():
    halves = np.array([[0.5, 0.51, 0.49]], np.float32)
    assert protocols.foreground(halves, protocols.find("dovenet")).tolist() == [[1, 1, 0]]
    assert protocols.foreground(halves, protocols.find("standard")).tolist() == [[0, 1, 0]]
    np.testing.assert_allclose(protocols.foreground(halves, protocols.find("issam")), halves)


def test_pctnet_does_not_see_the_background():
    moved = PREDICTION + np.array([[[0], [0], [40], [40]]])
    pctnet, issam = protocols.find("pctnet"), protocols.find("issam")
    assert protocols.score(pctnet, moved, REAL, MASK).mse == protocols.score(pctnet, PREDICTION, REAL, MASK).mse
    assert protocols.score(issam, moved, REAL, MASK).mse > 800
