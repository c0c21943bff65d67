import subprocess
import sys

import colour
import numpy as np
import pytest
from skimage import color as skimage_color

from ccharmony.color import difference

FIRST, SECOND = np.random.default_rng(0).random((2, 2000, 3))
GRAYS = np.repeat(np.linspace(0, 1, 2000)[:, None], 3, axis=1)


def in_colour(colors: np.ndarray) -> np.ndarray:
    return np.asarray(colour.XYZ_to_Lab(colour.sRGB_to_XYZ(colors)))


@pytest.mark.parametrize(
    "second", [SECOND, GRAYS, FIRST + 0.01 * (SECOND - FIRST), FIRST], ids=["random", "grays", "near", "equal"]
)
def test_colors_and_differences_are_those_of_colour_science(second: np.ndarray) -> None:
    np.testing.assert_allclose(difference.to_lab(second), in_colour(second), atol=1e-9)
    expected = colour.delta_E(in_colour(FIRST), in_colour(second), method="CIE 2000")
    np.testing.assert_allclose(difference.delta_e(FIRST, second), expected, atol=1e-9)


def test_delta_e_is_that_of_scikit_image() -> None:
    expected = skimage_color.deltaE_ciede2000(skimage_color.rgb2lab(FIRST), skimage_color.rgb2lab(SECOND))
    np.testing.assert_allclose(difference.delta_e(FIRST, SECOND), expected, atol=0.02)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_pairs_of_sharma_have_their_published_difference(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    assert difference.delta_e_lab(first, second) == pytest.approx(expected, abs=5e-5)
    assert difference.delta_e_lab(second, first) == pytest.approx(expected, abs=5e-5)


def test_colors_outside_are_clipped_and_a_patch_without_a_color_stays_without() -> None:
    np.testing.assert_array_equal(difference.to_lab([1.5, -1, 0]), difference.to_lab([1, 0, 0]))
    assert np.isnan(difference.to_lab([[np.nan] * 3])).all()


def test_differences_and_a_rendered_demo_need_no_colour_science() -> None:
    code = (
        "import sys; from ccharmony.color import difference; from ccharmony.sources.demo import render;"
        "difference.delta_e([0.2, 0.3, 0.4], [0.3, 0.3, 0.3]); sys.exit('colour' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
