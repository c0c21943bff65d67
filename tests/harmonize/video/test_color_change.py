import numpy as np

from harmonize.video import color_change


def draw(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (24, 32, 3)).astype(np.float32)


def bend(colors: np.ndarray) -> np.ndarray:
    """Red gains a square, green a product, blue is shifted."""
    red, green, blue = colors[..., 0], colors[..., 1], colors[..., 2]
    return np.stack([red - 0.2 * red * red, green + 0.1 * red * blue, blue + 0.05], axis=-1)


def test_a_quadratic_change_is_found_and_holds_for_colors_never_seen():
    before, mask = draw(0), np.ones((24, 32), np.float32)
    found = color_change.fit(color_change.measure(before, bend(before), mask))
    np.testing.assert_allclose(found.changed(draw(1)), bend(draw(1)), atol=6e-3)


def test_what_is_not_foreground_does_not_count():
    before, mask = draw(0), np.zeros((24, 32), np.float32)
    mask[:12] = 1
    after = bend(before)
    after[12:] = 0
    found = color_change.fit(color_change.measure(before, after, mask))
    np.testing.assert_allclose(found.changed(before[:12]), bend(before)[:12], atol=6e-3)


def test_moments_of_two_frames_add_up_to_those_of_both_together():
    before, mask = draw(0), np.ones((24, 32), np.float32)
    whole = color_change.measure(before, bend(before), mask)
    halves = [color_change.measure(before[rows], bend(before)[rows], mask[rows]) for rows in (slice(12), slice(12, 24))]
    np.testing.assert_allclose(halves[0] + halves[1], whole, rtol=1e-9)


def test_a_foreground_of_one_color_is_only_shifted():
    before, mask = np.full((4, 4, 3), 0.5, np.float32), np.ones((4, 4), np.float32)
    found = color_change.fit(color_change.measure(before, before + np.float32(0.1), mask))
    np.testing.assert_allclose(found.changed(before), before + 0.1, atol=1e-3)
    assert np.abs(found.changed(np.ones((1, 3), np.float32)) - 1.1).max() < 0.15
