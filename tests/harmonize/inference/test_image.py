import cv2
import numpy as np
import pytest
import torch

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import ImageError, SettingsError, WeightsError
from ccharmony.images import pixels
from harmonize import memory
from harmonize.evaluation import evaluate, protocols
from harmonize.evaluation.scoring import Rules
from harmonize.inference.image import harmonize_image, harmonize_levels, shrink
from harmonize.models import giftnet
from harmonize.models.normalization import denormalize
from harmonize.models.settings import NetworkSettings
from harmonize.weights import bundled, checkpoint

GAIN = (1.25, 0.9, 0.7)


def draw_photo(height: int, width: int) -> UInt8:
    """Fine stripes of many colors on a smooth ground: detail that 256 cells cannot hold."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    ground = np.stack([0.3 + 0.2 * rows / height, 0.5 - 0.2 * columns / width, 0.4 + 0 * rows], axis=2)
    stripes = 0.12 * np.sin(rows * 2.1)[..., None] * np.array([1, 0.6, 0.8]) + 0.1 * np.sin(columns * 1.3)[..., None]
    return np.rint((ground + stripes).clip(0, 1) * 255).astype(np.uint8)


def draw_mask(height: int, width: int, soft: float = 3.0) -> Float32:
    rows, columns = np.mgrid[0:height, 0:width]
    distance = np.hypot(rows - 0.45 * height, columns - 0.55 * width)
    return np.clip((0.3 * min(height, width) - distance) / soft, 0, 1).astype(np.float32)


@pytest.fixture
def photo() -> UInt8:
    return draw_photo(520, 700)


@pytest.fixture
def mask() -> Float32:
    return draw_mask(520, 700)


@pytest.mark.parametrize("size", [256, 96, "full"])
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_the_background_is_untouched_to_the_bit(photo, mask, size, strength, nets):
    result = harmonize_image(photo, mask, nets.Recolor(GAIN, 0.1), size=size, strength=strength)
    np.testing.assert_array_equal(result[mask == 0], photo[mask == 0])
    assert (result[mask == 1] != photo[mask == 1]).any(axis=1).mean() > 0.9


class Recorder(torch.nn.Module):
    """Changes nothing and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(()))  # says on which device it is
        self.seen: list[np.ndarray] = []

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.seen += [image.numpy(), mask.numpy()]
        return image


def test_the_network_sees_the_same_picture_in_apply_and_in_evaluate(photo, mask, tmp_path):
    """By areas here and bilinear there, giftnet_w16 left up to 3.3 times the error of its scores in apply."""
    for folder, picture in (("composite_images/p_a_1", photo), ("real_images/p", photo), ("masks/p_a", mask)):
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        write = pixels.write_mask if picture.ndim == 2 else pixels.write_image
        write(tmp_path / f"{folder}.png", picture)
    (tmp_path / f"{tmp_path.name}_test.txt").write_text("p_a_1.png\n")
    stored = pixels.read_mask(tmp_path / "masks/p_a.png", shape=mask.shape)
    scored, applied = Recorder(), Recorder()
    evaluate.evaluate([tmp_path], scored, Rules(protocols.find("issam")))
    harmonize_image(photo, stored, applied)
    assert scored.seen[0].shape == (1, 3, 256, 256)
    for one, other in zip(scored.seen, applied.seen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_foreground_that_falls_between_the_samples_is_harmonized(nets):
    photo = np.full((2048, 2048, 3), 100, np.uint8)
    mask = np.zeros((2048, 2048), np.float32)
    mask[1000:1003, 1000:1003] = 1
    assert not shrink(mask, 256).any()
    assert (harmonize_image(photo, mask, nets.Recolor(GAIN))[1001, 1001] != 100).all()


@pytest.mark.parametrize("size", [32, 256])
@pytest.mark.parametrize("height", [200, 513, 2049])
def test_of_16_bits_the_network_sees_the_whole_picture_at_8(height, size):
    """Only rows that its square is made of are brought to 8 bits, and only those of a mask become floats."""
    random = np.random.default_rng(0)
    deep = random.integers(0, 65536, (height, 320, 3), np.uint16)
    mask = random.integers(0, 256, (height, 320), np.uint8)
    recorder = Recorder()
    harmonize_image(deep, mask, recorder, size=size)
    image, inside = recorder.seen
    levels = denormalize(torch.from_numpy(image))[0].permute(1, 2, 0).numpy() * 255  # (H, W, 3)
    expected = shrink(np.asarray((deep.astype(np.uint32) + 128) // 257, np.uint8), size)
    np.testing.assert_array_equal(np.rint(levels), expected)
    np.testing.assert_array_equal(inside[0, 0], shrink(mask / np.float32(255), size))


def test_the_input_is_not_written_to(photo, mask, nets):
    before = photo.copy()
    harmonize_image(photo, mask, nets.Recolor(GAIN))
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("size", [256, "full"])
def test_a_change_of_colors_is_carried_to_full_resolution_with_every_detail(photo, mask, size, nets):
    result = harmonize_image(photo, mask, nets.Recolor(GAIN), size=size)
    expected = np.clip(photo * np.array(GAIN), 0, 255)
    error = np.abs(result - expected)[mask == 1]
    assert error.mean() < 0.6
    assert np.quantile(error, 0.99) < 2.5
    enlarged = cv2.resize(np.clip(shrink(photo, 256) * np.array(GAIN), 0, 255), (700, 520))
    assert np.abs(enlarged - expected)[mask == 1].mean() > 8  # what softening would cost


def test_a_change_that_differs_from_place_to_place_is_carried(photo, mask, nets):
    result = harmonize_image(photo, mask, nets.Shade())
    ramp = np.linspace(1, 0.5, 700)[None, :, None]
    assert np.abs(result - photo * ramp)[mask == 1].mean() < 1.0


def test_what_happens_to_the_background_does_not_leak_over_the_edge():
    """Foreground and background get opposite changes; pixels just inside the edge must get the foreground's."""
    photo = draw_photo(512, 512)
    mask = draw_mask(512, 512, soft=1.0) >= 0.5

    class Opposite(torch.nn.Module):
        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return image + 0.4 * (mask - 0.5)

    result = harmonize_image(photo, mask, Opposite()).astype(float)
    rim = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((5, 5))).astype(bool)
    # +0.2 in normalized units is 0.2 · 255 · (0.229, 0.224, 0.225) levels
    assert (result - photo)[rim].mean(axis=0) == pytest.approx([11.7, 11.4, 11.5], abs=1.2)


def test_strength_0_gives_the_composite_back_without_a_network(photo, mask):
    np.testing.assert_array_equal(harmonize_image(photo, mask, "no such weights", strength=0), photo)


def test_half_strength_is_half_the_change(photo, mask, nets):
    whole = harmonize_levels(photo, mask, nets.Recolor(GAIN))
    half = harmonize_levels(photo, mask, nets.Recolor(GAIN), strength=0.5)
    np.testing.assert_allclose(half - photo, (whole - photo) / 2, atol=1e-3)


def test_soft_edges_blend(photo, nets):
    mask = np.full(photo.shape[:2], 0.25, np.float32)
    change = harmonize_levels(photo, mask, nets.Recolor(shift=0.2), size="full") - photo
    np.testing.assert_allclose(change[change.any(axis=2)].max(), 0.25 * 0.2 * 255, atol=0.01)


@pytest.mark.parametrize("scale", [np.bool_, np.uint8, np.float64])
def test_masks_of_any_type_mean_the_same(photo, scale, nets):
    hard = draw_mask(520, 700, soft=1e-3).round()
    given = (hard * 255 if scale is np.uint8 else hard).astype(scale)
    expected = harmonize_image(photo, hard, nets.Recolor(GAIN))
    np.testing.assert_array_equal(harmonize_image(photo, given, nets.Recolor(GAIN)), expected)


@pytest.mark.parametrize(
    ("factor", "kind"),
    [(255, np.int64), (65535, np.uint16), (255, np.uint16), (65535, np.int32), (1, np.int8), (7, np.uint8)],
)
def test_masks_of_whole_numbers_mean_what_they_mean_in_files(photo, factor, kind, nets):
    hard = draw_mask(520, 700, soft=1e-3).round()
    given = (hard * factor).astype(kind)[..., None]
    expected = harmonize_image(photo, hard, nets.Recolor(GAIN))
    np.testing.assert_array_equal(harmonize_image(photo, given, nets.Recolor(GAIN)), expected)


@pytest.mark.parametrize("value", [-1, 65536])
def test_a_mask_of_whole_numbers_beyond_16_bits_is_refused(photo, value, nets):
    with pytest.raises(ImageError, match=rf"mask: values .*{value}.* found, levels of 0 to 65535 wanted"):
        harmonize_image(photo, np.where(draw_mask(520, 700) > 0.5, value, 0), nets.Recolor())


def test_a_mask_of_zeros_and_ones_in_8_bits_is_a_whole_mask(photo, nets):
    hard = draw_mask(520, 700, soft=1e-3).round()
    result = harmonize_image(photo, hard.astype(np.uint8), nets.Recolor(GAIN))
    np.testing.assert_array_equal(result, harmonize_image(photo, hard, nets.Recolor(GAIN)))


def test_an_empty_mask_gives_the_composite_back(photo, nets):
    np.testing.assert_array_equal(harmonize_image(photo, np.zeros((520, 700)), nets.Broken()), photo)


def test_a_foreground_of_one_pixel_is_harmonized(photo, nets):
    mask = np.zeros((520, 700), np.float32)
    mask[300, 200] = 1
    result = harmonize_image(photo, mask, nets.Recolor(shift=0.1))
    assert result[300, 200] == pytest.approx(photo[300, 200] + 25.5, abs=1.5)
    assert (result != photo).any(axis=2).sum() == 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (256, 256), (100, 80), (2000, 31)])
def test_any_shape_of_picture_is_taken(height, width, nets):
    photo = draw_photo(height, width)
    result = harmonize_image(photo, np.ones((height, width)), nets.Recolor(shift=0.1))
    np.testing.assert_allclose(result, np.clip(photo + 25.5, 0, 255), atol=2.5)


def test_the_network_sees_a_square_of_the_size_asked_for(photo, mask, nets):
    net = nets.Recolor()
    harmonize_image(photo, mask, net, size=128)
    harmonize_image(photo, mask, net, size="full")
    assert [tuple(image.shape) for image, _ in net.seen] == [(1, 3, 128, 128), (1, 3, 520, 700)]
    assert [tuple(seen.shape) for _, seen in net.seen] == [(1, 1, 128, 128), (1, 1, 520, 700)]


def test_the_result_does_not_depend_on_where_strips_begin(photo, mask, monkeypatch, nets):
    whole = harmonize_image(photo, mask, nets.Shade())
    monkeypatch.setattr("harmonize.inference.strips.STRIP_PIXELS", 1000)
    np.testing.assert_array_equal(harmonize_image(photo, mask, nets.Shade()), whole)


def test_a_giftnet_changes_the_foreground_alone(photo, mask, tmp_path):
    torch.manual_seed(0)
    settings = NetworkSettings(width=2, mlp_width=4)
    checkpoint.save_weights(tmp_path / "small.safetensors", giftnet.build(settings), settings)
    result = harmonize_image(photo, mask, tmp_path / "small.safetensors", size=64, device="cpu")
    np.testing.assert_array_equal(result[mask == 0], photo[mask == 0])
    assert (result != photo).any()


@pytest.mark.parametrize(
    ("size", "message"),
    [(100, "size: 100 found, a multiple of 32 or full wanted"), (0, "size: 0 found"), ("half", "size: 'half' found")],
)
def test_a_size_that_is_no_multiple_of_32_is_refused(photo, mask, size, message, nets):
    with pytest.raises(SettingsError, match=message):
        harmonize_image(photo, mask, nets.Recolor(), size=size)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(photo, mask, strength, nets):
    with pytest.raises(SettingsError, match="strength"):
        harmonize_image(photo, mask, nets.Recolor(), strength=strength)


def test_a_mask_of_another_size_is_refused(photo, nets):
    with pytest.raises(ImageError, match=r"mask: shape \(10, 10\) found, its picture has \(520, 700\)"):
        harmonize_image(photo, np.ones((10, 10)), nets.Recolor())


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_a_mask_with_values_outside_0_to_1_is_refused(photo, mask, value, nets):
    mask[5, 5] = value
    with pytest.raises(ImageError, match=r"mask: values .* found, 0 to 1 wanted"):
        harmonize_image(photo, mask, nets.Recolor())


def test_a_mask_that_rounding_left_outside_0_to_1_counts_as_clipped(photo, mask, nets):
    clean = harmonize_image(photo, mask, nets.Recolor())
    rounded = np.where(mask > 0.5, mask + np.float32(1e-6), mask - np.float32(1e-6))
    assert rounded.max() > 1
    assert rounded.min() < 0
    np.testing.assert_array_equal(harmonize_image(photo, rounded, nets.Recolor()), clean)


@pytest.mark.parametrize("picture", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_a_picture_that_is_not_rgb_of_8_or_16_bits_is_refused(picture, nets):
    with pytest.raises(ImageError, match=r"composite: .* found, uint8 or uint16 of shape \(H, W, 3\) wanted"):
        harmonize_image(picture, np.ones((8, 8)), nets.Recolor())


def test_a_network_that_makes_nan_is_refused(photo, mask, nets):
    with pytest.raises(WeightsError, match="not numbers"):
        harmonize_image(photo, mask, nets.Broken())


def test_no_memory_for_the_size_says_so(photo, mask, nets):
    with pytest.raises(SettingsError, match="700x520: no memory on cpu for a network at this size"):
        harmonize_image(photo, mask, nets.OutOfMemory(), size="full")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_asked_for_where_there_is_none_is_refused(photo, mask):
    with pytest.raises(SettingsError, match="device cuda: no CUDA here"):
        harmonize_image(photo, mask, "giftnet", device="cuda")


def test_no_bundled_weights_is_one_clear_line(photo, mask, monkeypatch):
    monkeypatch.setattr(bundled, "list_weights", list)
    with pytest.raises(WeightsError, match="no weights are bundled with this version, wanted a file"):
        harmonize_image(photo, mask, device="cpu")


@pytest.mark.parametrize(
    ("answer", "found"), [(lambda image: image[..., ::2], r"\(1, 3, 256, 128\)"), (lambda _image: None, "NoneType")]
)
def test_a_network_that_returns_no_picture_of_its_size_is_one_clear_line(photo, mask, answer, found):
    class Other(torch.nn.Module):
        def forward(self, image, _mask):
            return answer(image)

    with pytest.raises(
        WeightsError, match=rf"the network returned {found}, wanted a picture of shape \(1, 3, 256, 256\)"
    ):
        harmonize_image(photo, mask, Other())


def test_a_mask_that_is_no_array_is_refused(photo):
    with pytest.raises(ImageError, match="mask: list found, an array of shape"):
        harmonize_image(photo, [[1, 0]])


@pytest.mark.parametrize("size", [256, 96, "full"])
def test_16_bits_are_changed_as_8_are_and_keep_what_8_do_not_hold(photo, mask, size, nets):
    deep = photo.astype(np.uint16) * 257
    expected = harmonize_levels(photo, mask, nets.Recolor(GAIN), size=size)
    result = harmonize_image(deep, mask, nets.Recolor(GAIN), size=size)
    assert result.dtype == np.uint16
    np.testing.assert_allclose(result / 257, expected, atol=0.01)
    np.testing.assert_array_equal(result[mask == 0], deep[mask == 0])


@pytest.mark.parametrize("size", [64, "full"])
def test_a_ramp_of_16_bits_has_no_bands(size, nets):
    """1,024 steps of 16 of 65,535: 8 bits would leave 64 different levels."""
    ramp = np.tile((20_000 + 16 * np.arange(1024)).astype(np.uint16)[None, :, None], (64, 1, 3))
    result = harmonize_image(ramp, np.ones((64, 1024)), nets.Recolor((0.5, 0.5, 0.5)), size=size).astype(int)
    steps = np.diff(result[32, :, 1])
    assert len(np.unique(result[32, :, 1])) == 1024
    assert steps.min() > 0


def test_a_size_beyond_the_free_memory_is_refused_with_the_largest_that_fits(photo, mask, monkeypatch):
    """550,000,000 free bytes at 560 a pixel are 991 pixels squared, and 960 is the multiple of 32 below."""
    net = giftnet.build(NetworkSettings(width=8)).eval()
    assert net.bytes_a_pixel == 560
    monkeypatch.setattr(memory, "free_bytes", lambda: 550_000_000)
    wanted = "^1024x1024: the network needs 0.6 GB of memory at this size, 0.6 are free; .* fits is --size 960$"
    with pytest.raises(SettingsError, match=wanted):
        harmonize_image(photo, mask, net, size=1024)
    monkeypatch.setattr(memory, "free_bytes", lambda: None)  # not known: not refused
    assert harmonize_image(photo[:64, :64], mask[:64, :64], net, size="full").shape == (64, 64, 3)


@pytest.mark.parametrize("shape", [(3, 40_000), (40_000, 3)])
def test_pictures_longer_than_opencvs_maps_are_harmonized(shape, nets):
    photo, mask = draw_photo(*shape), np.ones(shape, np.float32)
    result = harmonize_image(photo, mask, nets.Recolor((0.5, 0.5, 0.5)))
    assert np.abs(result - photo * 0.5).mean() < 2
