import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccharmony.arrays import UInt8
from ccharmony.checker.chart import STANDARD
from ccharmony.color import carry, polynomial, transfer
from ccharmony.color.polynomial import apply_polynomial, fit_polynomial
from ccharmony.errors import ImageError

RNG = np.random.default_rng(3)
PATCHES_A = np.clip(STANDARD * [0.95, 0.8, 0.6] + 0.02, 0, 1)
PATCHES_B = np.clip(STANDARD**1.2 * [0.7, 0.85, 1.0] + 0.03, 0, 1)
TO_STANDARD = fit_polynomial(PATCHES_A, STANDARD, "published")
FROM_STANDARD = fit_polynomial(STANDARD, PATCHES_B, "published")
IDENTITY = np.eye(3, 11)


def photo(height: int = 60, width: int = 70) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def box_mask(height: int = 60, width: int = 70) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[10:40, 20:50] = 1
    return mask


def plain_method(image: np.ndarray, mask: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The published way: the whole frame, one pixel after the other in double precision, truncated twice."""

    def whole_frame(frame: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        r, g, b = (frame[..., channel].astype(np.float64) for channel in range(3))
        terms = [r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, np.ones_like(r)]
        channels = [sum(row[k] * terms[k] for k in range(11)) for row in polynomial.to_levels(matrix)]
        return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)

    relit = whole_frame(whole_frame(image, first), second)
    return np.where(mask[..., None] > 0, relit, image)


def test_published_arithmetic_is_the_plain_method_bit_for_bit() -> None:
    image, mask = photo(300, 400), np.zeros((300, 400), np.float32)
    mask[20:290, 10:390] = 1
    foreground = transfer.standardize(image, mask, TO_STANDARD, "published")
    composite = transfer.paste(image, foreground, transfer.relight_foreground(foreground, FROM_STANDARD))
    np.testing.assert_array_equal(composite, plain_method(image, mask, TO_STANDARD, FROM_STANDARD))


def test_float_arithmetic_rounds_what_double_precision_gives() -> None:
    image, mask = photo(), box_mask()
    foreground = transfer.standardize(image, mask, TO_STANDARD)
    composite = transfer.paste(image, foreground, transfer.relight_foreground(foreground, FROM_STANDARD))
    exact = 255 * apply_polynomial(FROM_STANDARD, apply_polynomial(TO_STANDARD, image / 255))
    inside = mask > 0
    assert np.abs(composite[inside] - np.clip(exact[inside], 0, 255)).max() < 0.501


def test_background_keeps_every_bit() -> None:
    image, mask = photo(), box_mask()
    foreground = transfer.standardize(image, mask, TO_STANDARD)
    composite = transfer.paste(image, foreground, transfer.relight_foreground(foreground, FROM_STANDARD))
    np.testing.assert_array_equal(composite[mask == 0], image[mask == 0])
    assert (composite[mask == 1] != image[mask == 1]).any()


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_identity_changes_nothing(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    mask = rng.integers(0, 2, (height, width)).astype(np.float32)
    mask[0, 0] = 1
    for arithmetic in ("float", "published"):
        foreground = transfer.standardize(image, mask, IDENTITY, arithmetic)  # type: ignore[arg-type]
        relit = transfer.relight_foreground(foreground, IDENTITY)
        np.testing.assert_array_equal(transfer.paste(image, foreground, relit), image)
        assert relit.clipped_share == 0


def test_result_does_not_depend_on_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = photo(), box_mask()
    whole = transfer.relight_foreground(transfer.standardize(image, mask, TO_STANDARD), FROM_STANDARD)
    monkeypatch.setattr(carry, "STRIP", 64)
    strips = transfer.relight_foreground(transfer.standardize(image, mask, TO_STANDARD), FROM_STANDARD)
    np.testing.assert_array_equal(whole.colors, strips.colors)


@pytest.mark.parametrize("arithmetic", ["float", "published"])
@pytest.mark.parametrize("together", [1, 2 * 3 * 900, 2**24])
def test_each_of_several_donors_gives_what_it_gives_alone(
    arithmetic: transfer.Arithmetic, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TOGETHER", together)
    monkeypatch.setattr(carry, "STRIP", 128)
    foreground = transfer.standardize(photo(), box_mask(), TO_STANDARD, arithmetic)
    matrices = [gain * FROM_STANDARD for gain in (0.7, 1.0, 1.3, 0.9, 1.6)]
    found = list(transfer.relight_each(foreground, matrices))
    assert len(found) == len(matrices)
    for relit, matrix in zip(found, matrices, strict=True):
        alone = transfer.relight_foreground(foreground, matrix)
        assert (relit.colors == alone.colors).all()
        assert relit.clipped_share == alone.clipped_share
    assert len({relit.clipped_share for relit in found}) > 1


@pytest.mark.parametrize("arithmetic", ["float", "published"])
def test_a_color_is_carried_alike_alone_and_among_others(arithmetic: transfer.Arithmetic) -> None:
    colors = np.random.default_rng(5).integers(0, 256, (9, 3), np.uint8)
    image = colors[np.random.default_rng(6).integers(0, 9, (30, 40))]

    def relit(picture: UInt8) -> transfer.Relit:
        whole = np.ones(picture.shape[:2], bool)
        foreground = transfer.standardize(picture, whole, TO_STANDARD, arithmetic)
        return transfer.relight_foreground(foreground, 1.4 * FROM_STANDARD)

    together, alone = relit(image), [relit(color[None, None]) for color in image.reshape(-1, 3)]
    np.testing.assert_array_equal(together.colors, [one.colors[0] for one in alone])
    assert together.clipped_share == np.mean([one.clipped_share for one in alone]) > 0


def test_soft_mask_blends() -> None:
    image = np.full((1, 3, 3), 100, np.uint8)
    mask = np.array([[0, 0.5, 1]], np.float32)
    brighter = np.zeros((3, 11))
    brighter[:, 10] = 200 / 255
    foreground = transfer.standardize(image, mask, IDENTITY)
    composite = transfer.paste(image, foreground, transfer.relight_foreground(foreground, brighter))
    assert composite[0, :, 0].tolist() == [100, 150, 200]


def test_soft_mask_without_a_hard_pixel_blends_too() -> None:
    image = np.full((1, 2, 3), 100, np.uint8)
    brighter = np.zeros((3, 11))
    brighter[:, 10] = 200 / 255
    foreground = transfer.standardize(image, np.array([[0.5, 0.25]], np.float32), IDENTITY)
    composite = transfer.paste(image, foreground, transfer.relight_foreground(foreground, brighter))
    assert composite[0, :, 0].tolist() == [150, 125]


def test_hard_mask_is_held_without_weights_whatever_its_type() -> None:
    image, mask = photo(), box_mask()
    hard, boolean = transfer.standardize(image, mask, IDENTITY), transfer.standardize(image, mask > 0, IDENTITY)
    assert hard.weight is None
    assert boolean.weight is None
    np.testing.assert_array_equal(hard.index, boolean.index)
    soft = transfer.standardize(image, 0.5 * mask, IDENTITY)
    assert soft.weight is not None
    assert set(soft.weight.tolist()) == {0.5}


def test_runs_are_the_neighbors_in_reading_order() -> None:
    mask = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 0, 0], [0, 0, 1, 1, 1]], bool)
    foreground = transfer.standardize(photo(3, 5), mask, IDENTITY)
    # First pixel in the photo, then from where to where among the foreground's seven pixels; rows follow each other.
    assert foreground.runs == [(1, 0, 2), (4, 2, 4), (12, 4, 7)]


def test_photo_in_any_order_of_memory_is_pasted_into() -> None:
    image, mask = photo(), box_mask()
    turned = np.asfortranarray(image)
    foreground = transfer.standardize(turned, mask, TO_STANDARD)
    composite = transfer.paste(turned, foreground, transfer.relight_foreground(foreground, FROM_STANDARD))
    plain = transfer.standardize(image, mask, TO_STANDARD)
    np.testing.assert_array_equal(
        composite, transfer.paste(image, plain, transfer.relight_foreground(plain, FROM_STANDARD))
    )
    assert (composite != image).any()


@pytest.mark.parametrize(
    ("level", "clipped", "found"),
    [(-0.75, 1, 0), (-0.51, 1, 0), (-0.5, 0, 0), (255.49, 0, 255), (255.5, 1, 255), (256.0, 1, 255), (300.0, 1, 255)],
)
def test_a_level_is_clipped_where_rounding_leaves_the_8_bits(level: float, clipped: int, found: int) -> None:
    constant = np.zeros((3, 11))
    constant[:, 10] = 100 / 255
    constant[1, 10] = level / 255
    relit = transfer.relight_foreground(transfer.standardize(photo(2, 2), np.ones((2, 2), bool), IDENTITY), constant)
    assert relit.clipped_share == clipped
    assert relit.colors.tolist() == [[100, found, 100]] * 4


def test_published_arithmetic_clips_from_256_on_because_it_truncates() -> None:
    image = np.array([[[127] * 3, [128] * 3, [129] * 3]], np.uint8)
    foreground = transfer.standardize(image, np.ones((1, 3), bool), 2 * IDENTITY, "published")
    assert foreground.clipped.tolist() == [False, True, True]
    assert foreground.standard[0].tolist() == [254, 255, 255]


def test_clipped_pixels_are_counted() -> None:
    image = np.array([[[10, 10, 10], [100, 100, 100], [200, 200, 200], [250, 250, 250]]], np.uint8)
    doubled = 2 * IDENTITY
    foreground = transfer.standardize(image, np.ones((1, 4), np.float32), IDENTITY)
    relit = transfer.relight_foreground(foreground, doubled)
    assert relit.clipped_share == 0.5
    assert relit.colors[:, 0].tolist() == [20, 200, 255, 255]


def test_published_arithmetic_counts_clipping_of_both_steps() -> None:
    image = np.array([[[10, 10, 10], [200, 200, 200]]], np.uint8)
    foreground = transfer.standardize(image, np.ones((1, 2), np.float32), 2 * IDENTITY, "published")
    assert transfer.relight_foreground(foreground, 0.5 * IDENTITY).clipped_share == 0.5


def test_sample_is_spread_over_the_foreground() -> None:
    foreground = transfer.standardize(photo(), box_mask(), TO_STANDARD)
    sample = foreground.sample(100)
    assert 50 <= len(sample.index) <= 100
    assert np.isin(sample.index, foreground.index).all()
    assert foreground.sample(10**6).index.tolist() == foreground.index.tolist()


def test_empty_mask_is_refused() -> None:
    with pytest.raises(ImageError, match="mask is empty"):
        transfer.standardize(photo(), np.zeros((60, 70), np.float32), TO_STANDARD)


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match=r"mask of shape \(60, 71\)"):
        transfer.standardize(photo(), np.ones((60, 71), np.float32), TO_STANDARD)
