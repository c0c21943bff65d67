import math
import pickle

import numpy as np
import pytest
import torch
from skimage import metrics as reference

from ccharmony.arrays import Float64
from ccharmony.errors import ImageError
from harmonize.evaluation import metrics
from harmonize.evaluation.metrics import Means, Scores, Window

WANG = Window(11, "mirror")
CDTNET = Window(7, "zero")


@pytest.fixture
def pictures() -> tuple[Float64, Float64, Float64]:
    """A smooth picture, a noisy version with another contrast, and a soft elliptical mask."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:61, 0:83] / 83.0
    real = 255 * np.stack([rows, columns, np.sin(9 * rows * columns) ** 2], axis=2)
    prediction = np.clip(0.8 * real + 11 + random.normal(0, 9, real.shape), 0, 255)
    mask = np.clip(1.6 - 5 * np.hypot(rows - 0.35, columns - 0.5), 0, 1)
    return prediction, real, mask


def conv_ssim(prediction: Float64, real: Float64, size: int, peak: float) -> Float64:
    """Restate SSIM with one full 2-D convolution over a zero border, as GPU libraries compute it; the map (H, W, 3)."""
    x, y = (torch.from_numpy(picture).permute(2, 0, 1)[:, None] for picture in (prediction, real))
    steps = torch.arange(size, dtype=torch.float64) - size // 2
    bell = torch.exp(-(steps[:, None] ** 2 + steps[None, :] ** 2) / (2 * 1.5**2))

    def mean(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(values, (bell / bell.sum())[None, None], padding=size // 2)

    luminance = (2 * mean(x) * mean(y) + (0.01 * peak) ** 2) / (mean(x) ** 2 + mean(y) ** 2 + (0.01 * peak) ** 2)
    spread = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    structure = (2 * (mean(x * y) - mean(x) * mean(y)) + (0.03 * peak) ** 2) / (spread + (0.03 * peak) ** 2)
    return (luminance * structure)[:, 0].permute(1, 2, 0).numpy()


def test_mse_and_psnr_agree_with_scikit_image(pictures):
    prediction, real, _ = pictures
    error = metrics.mse(prediction, real)
    assert error == pytest.approx(reference.mean_squared_error(real, prediction), rel=1e-12)
    expected = reference.peak_signal_noise_ratio(real, prediction, data_range=255)
    assert metrics.decibels(error, 255) == pytest.approx(expected, abs=1e-6)


def test_fmse_of_a_binary_mask_is_the_mse_of_the_pixels_it_selects(pictures):
    prediction, real, mask = pictures
    inside = mask > 0.5
    expected = reference.mean_squared_error(real[inside], prediction[inside])
    assert metrics.fmse(prediction, real, inside.astype(float)) == pytest.approx(expected, rel=1e-8)


def test_fmse_weighs_soft_pixels_by_their_mask():
    real = np.zeros((1, 2, 3))
    prediction = real + np.array([[[10.0], [4.0]]])
    assert metrics.fmse(prediction, real, np.array([[1.0, 0.5]])) == pytest.approx(72.0, abs=1e-4)  # (100 + 8) / 1.5


def test_fmse_adds_a_millionth_to_the_area():
    real, mask = np.zeros((1, 1, 3)), np.array([[1e-6]])
    assert metrics.fmse(real + 3.0, real, mask) == pytest.approx(6.75)  # 27e-6 / (3e-6 + 1e-6)
    assert metrics.fmse(real + 3.0, real, np.zeros((1, 1))) == 0


def test_weighted_mse_divides_by_all_pixels():
    real = np.zeros((1, 2, 3))
    prediction = real + np.array([[[10.0], [4.0]]])
    assert metrics.mse(prediction, real, np.array([[1.0, 0.5]])) == 54.0  # (100 + 8) / 2


def test_ssim_agrees_with_scikit_image(pictures):
    prediction, real, mask = pictures
    expected, full = reference.structural_similarity(
        real,
        prediction,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    similarity = metrics.ssim_map(prediction, real, WANG, 255)
    np.testing.assert_allclose(similarity, full, atol=1e-10)
    assert metrics.mean_similarity(similarity, WANG) == pytest.approx(expected, abs=1e-10)
    inside = mask > 0.5
    assert metrics.foreground_similarity(similarity, inside.astype(float)) == pytest.approx(
        full[inside].mean(), abs=1e-10
    )


def test_ssim_over_a_black_border_agrees_with_a_full_convolution(pictures):
    prediction, real, mask = pictures
    span = prediction.max() - prediction.min()
    expected = conv_ssim(prediction, real, 7, span)
    similarity = metrics.ssim_map(prediction, real, CDTNET, span)
    np.testing.assert_allclose(similarity, expected, atol=1e-10)
    assert metrics.mean_similarity(similarity, CDTNET) == pytest.approx(expected.mean(), abs=1e-12)
    weighted = (expected * mask[..., None]).sum() / mask.sum() / 3
    assert metrics.foreground_similarity(similarity, mask) == pytest.approx(weighted, abs=1e-12)


def test_a_picture_smaller_than_the_window_still_has_an_ssim():
    picture = np.full((4, 5, 3), 7.0)
    assert metrics.ssim(picture, picture) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("window", "size", "inside"),
    [
        (WANG, (11, 12), np.s_[5:6, 5:7]),
        (WANG, (16, 40), np.s_[5:11, 5:35]),
        (WANG, (10, 40), np.s_[:, :]),  # no pixel is five pixels from every border: the whole map counts
        (WANG, (40, 9), np.s_[:, :]),
        (CDTNET, (11, 12), np.s_[:, :]),
    ],
)
def test_ssim_leaves_out_the_rim_that_the_window_does_not_fit_in(window, size, inside):
    similarity = np.random.default_rng(2).random((*size, 3))
    assert metrics.mean_similarity(similarity, window) == pytest.approx(similarity[inside].mean(), rel=1e-12)


def test_an_exact_picture_scores_finite_numbers(pictures):
    _, real, _ = pictures
    assert metrics.decibels(metrics.mse(real, real), 255) == pytest.approx(108.1308, abs=1e-4)  # 255² over 1e-6
    assert metrics.ssim_map(real, real, CDTNET, 255).min() == pytest.approx(1.0)


def test_a_flat_prediction_has_a_finite_psnr_and_ssim():
    flat, real = np.zeros((9, 9, 3)), np.full((9, 9, 3), 50.0)
    assert metrics.decibels(metrics.mse(flat, real), 0.0) == pytest.approx(-33.9794, abs=1e-4)  # a peak of 1 over 2500
    assert np.isfinite(metrics.ssim_map(flat, real, CDTNET, 0.0)).all()


def test_an_empty_mask_has_no_foreground_ssim():
    assert math.isnan(metrics.foreground_similarity(np.ones((4, 4, 3)), np.zeros((4, 4))))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_arrays_of_every_type_score_as_scikit_image_has_it(pictures, dtype):
    prediction, real, mask = (np.rint(pictures[0]).astype(dtype), np.rint(pictures[1]).astype(dtype), pictures[2] > 0.5)
    error = reference.mean_squared_error(real, prediction)
    foreground = reference.mean_squared_error(real[mask], prediction[mask])
    levels = {"channel_axis": 2, "data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}
    similarity = reference.structural_similarity(real.astype(np.float64), prediction.astype(np.float64), **levels)
    found = [score(prediction, real) for score in (metrics.mse, metrics.psnr, metrics.ssim)]
    ratio = reference.peak_signal_noise_ratio(real, prediction, data_range=255)
    assert found == pytest.approx([error, ratio, similarity], rel=1e-6)
    assert metrics.fmse(prediction, real, mask) == pytest.approx(foreground, rel=1e-6)
    assert {type(value) for value in found} == {float}


def test_unsigned_levels_do_not_wrap_around():
    dark, bright = np.full((2, 2, 3), 3, np.uint8), np.full((2, 2, 3), 250, np.uint8)
    assert metrics.mse(dark, bright) == 247**2 == metrics.mse(bright, dark)


def test_arrays_that_do_not_fit_are_refused_with_their_shapes():
    picture = np.zeros((4, 5, 3), np.uint8)
    for score in (metrics.mse, metrics.psnr, metrics.ssim):
        with pytest.raises(ImageError, match=r"shapes \(4, 5, 3\) and \(5, 4, 3\) found, wanted the same \(H, W, 3\)"):
            score(picture, picture.transpose(1, 0, 2))
    with pytest.raises(ImageError, match=r"shapes \(4, 5\) and \(4, 5\) found"):
        metrics.mse(picture[..., 0], picture[..., 0])
    with pytest.raises(ImageError, match=r"mask: shape \(4, 5, 1\) found, wanted \(4, 5\)"):
        metrics.fmse(picture, picture, np.ones((4, 5, 1)))


def test_a_foreground_of_less_than_a_pixel_has_an_ssim():
    similarity = np.stack([np.array([[0.2, 0.6]])] * 3, axis=2)
    assert metrics.foreground_similarity(similarity, np.array([[0.1, 0.3]])) == pytest.approx(0.5)  # 0.2 / 0.4


def test_names_are_those_of_every_table_and_errors_are_better_when_lower():
    assert metrics.NAMES == ("mse", "fmse", "psnr", "fpsnr", "ssim", "fssim")
    assert sorted(metrics.LOWER_IS_BETTER) == ["fmse", "mse"]
    assert Scores(1, 2, 3, 4, 5, 6).values() == (1, 2, 3, 4, 5, 6)


def test_means_weigh_every_picture_alike():
    means = Means()
    for value in (1.0, 2.0, 6.0):
        means.add(Scores(value, 2 * value, 30, 20, 0.9, 0.8))
    assert means.row() == pytest.approx(
        {"mse": 3.0, "fmse": 6.0, "psnr": 30, "fpsnr": 20, "ssim": 0.9, "fssim": 0.8, "n": 3}
    )


def test_means_of_nothing_say_only_that_there_is_nothing():
    assert Means().row() == {"n": 0}


def test_memory_of_means_does_not_grow_with_the_set():
    def size_after(pictures: int) -> int:
        means = Means()
        for number in range(pictures):
            means.add(Scores(number + 0.5, 2.5, 30.5, 20.5, 0.9, 0.8))
        return len(pickle.dumps(vars(means)))

    assert size_after(300) == size_after(30_000)  # two bytes hold either count


def test_mask_of_8_bit_levels_is_the_mask_in_0_to_1() -> None:
    black, gray = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 10, np.uint8)
    mask = np.array([[255, 0], [0, 0]], np.uint8)
    assert metrics.mse(black, gray, mask) == 25.0  # 10² on one pixel of four
    assert metrics.fmse(black, gray, mask) == pytest.approx(100)


def test_mask_above_1_by_rounding_is_a_mask() -> None:
    black, gray = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 10, np.uint8)
    assert metrics.fmse(black, gray, np.full((2, 2), np.nextafter(np.float32(1), np.float32(2)))) == pytest.approx(100)


@pytest.mark.parametrize("value", [2.0, -1.0, np.nan])
def test_mask_outside_0_to_1_is_refused(value: float) -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(ImageError, match="0 to 1 wanted"):
        metrics.fmse(black, black, np.full((2, 2), value))
