import math

import colour
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ccharmony.checker.chart import STANDARD
from ccharmony.color import polynomial
from ccharmony.color.polynomial import FitKind, apply_polynomial, fit_polynomial
from ccharmony.errors import FitError

COLORS = arrays(np.float64, (5, 3), elements=st.floats(0, 1))
RNG = np.random.default_rng(7)


def warm(colors: np.ndarray) -> np.ndarray:
    """A plausible photo of the chart: warmer, darker, bent, with a little crosstalk and noise."""
    mixed = colors @ np.array([[0.9, 0.08, 0.02], [0.05, 0.85, 0.05], [0.02, 0.1, 0.6]]).T
    return np.clip(mixed**1.1 * 0.9 + 0.03 + 0.01 * np.random.default_rng(0).normal(size=(24, 3)), 0, 1)


PHOTO = warm(STANDARD)


def test_terms_are_those_of_colour_science_in_the_published_order() -> None:
    colors = RNG.random((10, 3))
    other = colour.characterisation.matrix_augmented_Cheung2004(colors, 11)
    # Cheung's order: r g b rg rb gb r² g² b² rgb 1 - the same eleven.
    np.testing.assert_allclose(polynomial.expand(colors), other, atol=1e-15)


def test_each_term_is_the_product_that_its_name_says() -> None:
    values = {"r": 2.0, "g": 3.0, "b": 5.0, "1": 1.0}
    assert polynomial.TERMS == ("r", "g", "b", "rg", "rb", "gb", "rr", "gg", "bb", "rgb", "1")
    products = [math.prod(values[letter] for letter in name) for name in polynomial.TERMS]
    assert polynomial.expand([2.0, 3.0, 5.0]).tolist() == products


def test_published_fit_is_that_of_colour_science() -> None:
    other = colour.characterisation.matrix_colour_correction_Cheung2004(PHOTO, STANDARD, 11)
    np.testing.assert_allclose(fit_polynomial(PHOTO, STANDARD, "published"), other, atol=1e-9)


def test_affine_fit_uses_four_terms_only() -> None:
    matrix = fit_polynomial(PHOTO, STANDARD, "affine")
    assert (matrix[:, polynomial.NONLINEAR] == 0).all()
    design = np.column_stack([PHOTO, np.ones(24)])
    expected = np.linalg.pinv(design) @ STANDARD
    np.testing.assert_allclose(matrix[:, [0, 1, 2, 10]], expected.T, atol=1e-12)


def test_ridge_lies_between_published_and_affine() -> None:
    for strength, kind in ((0.0, "published"), (1e12, "affine")):
        ends: FitKind = kind  # type: ignore[assignment]
        ridge = fit_polynomial(PHOTO, STANDARD, "ridge", strength)
        np.testing.assert_allclose(ridge, fit_polynomial(PHOTO, STANDARD, ends), atol=1e-6)


def test_ridge_solves_its_normal_equations() -> None:
    terms = polynomial.expand(PHOTO)
    scale = terms.std(axis=0)
    penalty = np.zeros((11, 11))
    for term in polynomial.NONLINEAR:
        penalty[term, term] = 0.01 * 24 * scale[term] ** 2
    expected = np.linalg.solve(terms.T @ terms + penalty, terms.T @ STANDARD).T
    np.testing.assert_allclose(fit_polynomial(PHOTO, STANDARD, "ridge"), expected, atol=1e-8)


@given(COLORS)
def test_levels_and_unit_interval_give_the_same_prediction(colors: np.ndarray) -> None:
    matrix = fit_polynomial(PHOTO, STANDARD, "published")
    on_levels = apply_polynomial(polynomial.to_levels(matrix), 255 * colors)
    np.testing.assert_allclose(on_levels / 255, apply_polynomial(matrix, colors), atol=1e-9)
    np.testing.assert_allclose(polynomial.from_levels(polynomial.to_levels(matrix)), matrix, rtol=1e-12)


@given(arrays(np.float64, (3, 11), elements=st.floats(-2, 2)))
def test_published_fit_finds_the_matrix_that_made_the_colors(matrix: np.ndarray) -> None:
    colors = np.random.default_rng(1).random((24, 3))
    found = fit_polynomial(colors, apply_polynomial(matrix, colors), "published")
    np.testing.assert_allclose(found, matrix, atol=1e-8)


@given(st.permutations(range(24)))
def test_fit_does_not_depend_on_the_order_of_patches(order: list[int]) -> None:
    matrix = fit_polynomial(PHOTO, STANDARD)
    np.testing.assert_allclose(fit_polynomial(PHOTO[order], STANDARD[order]), matrix, atol=1e-9)


@pytest.mark.parametrize("kind", polynomial.KINDS)
def test_each_chart_of_a_stack_is_fitted_as_it_is_alone(kind: FitKind) -> None:
    photos = np.stack([PHOTO, PHOTO**1.1, 0.7 * PHOTO + 0.1, PHOTO[:, ::-1]])
    charts = np.stack([STANDARD] * 4)
    found = fit_polynomial(photos, charts, kind)
    alone = [fit_polynomial(photo, STANDARD, kind) for photo in photos]
    assert found.shape == (4, 3, 11)
    np.testing.assert_allclose(found, alone, atol=1e-9)


def test_jacobian_is_that_of_finite_differences() -> None:
    matrix = RNG.normal(size=(3, 11))
    color, step = np.array([0.3, 0.6, 0.2]), 1e-6
    columns = [
        (apply_polynomial(matrix, color + step * axis) - apply_polynomial(matrix, color - step * axis)) / (2 * step)
        for axis in np.eye(3)
    ]
    expected = np.linalg.det(np.array(columns).T)
    assert polynomial.jacobian_determinant(matrix, color) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [("published", 11, "11 patches, a published fit needs 12"), ("affine", 4, "needs 5"), ("ridge", 7, "needs 8")],
)
def test_fit_refuses_too_few_patches(kind: FitKind, count: int, message: str) -> None:
    with pytest.raises(FitError, match=message):
        fit_polynomial(PHOTO[:count], STANDARD[:count], kind)


@pytest.mark.parametrize(("kind", "count"), [("published", 12), ("affine", 5), ("ridge", 8)])
def test_fit_accepts_the_fewest_patches(kind: FitKind, count: int) -> None:
    assert fit_polynomial(PHOTO[:count], STANDARD[:count], kind).shape == (3, 11)


def test_fit_refuses_a_kind_that_there_is_not() -> None:
    with pytest.raises(FitError, match="fit kind 'cubic', wanted one of published, affine, ridge"):
        fit_polynomial(PHOTO, STANDARD, "cubic")  # type: ignore[arg-type]


@pytest.mark.parametrize("shapes", [((24, 3), (23, 3)), ((3,), (3,)), ((24, 4), (24, 4))])
def test_fit_refuses_arrays_that_are_no_patches(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    source, target = (np.full(shape, 0.5) for shape in shapes)
    with pytest.raises(FitError, match=r"wanted \(n, 3\) twice"):
        fit_polynomial(source, target)


@pytest.mark.parametrize("strength", [-0.1, float("nan")])
def test_fit_refuses_a_ridge_of_no_strength(strength: float) -> None:
    with pytest.raises(FitError, match=f"ridge strength {strength}, wanted 0 or more"):
        fit_polynomial(PHOTO, STANDARD, "ridge", strength)


@pytest.mark.parametrize("broken", [0, 1])
def test_fit_refuses_nan(broken: int) -> None:
    colors = [PHOTO.copy(), STANDARD.copy()]
    colors[broken][3, 1] = np.nan
    with pytest.raises(FitError, match="not finite"):
        fit_polynomial(*colors)


@pytest.mark.parametrize("kind", polynomial.KINDS)
def test_fit_refuses_a_gray_checker(kind: FitKind) -> None:
    gray = np.repeat(np.linspace(0, 1, 24)[:, None], 3, axis=1)
    with pytest.raises(FitError, match="too alike"):
        fit_polynomial(gray, STANDARD, kind)


@pytest.mark.parametrize("kind", polynomial.KINDS)
def test_fit_refuses_a_gray_checker_in_a_stack(kind: FitKind) -> None:
    gray = np.repeat(np.linspace(0, 1, 24)[:, None], 3, axis=1)
    with pytest.raises(FitError, match="too alike"):
        fit_polynomial(np.stack([PHOTO, gray, PHOTO]), np.stack([STANDARD] * 3), kind)


@pytest.mark.parametrize(
    ("kind", "message"), [("published", "rank 1, the fit needs 11"), ("affine", "rank 1, the fit needs 4")]
)
def test_fit_refuses_one_color(kind: FitKind, message: str) -> None:
    with pytest.raises(FitError, match=message):
        fit_polynomial(np.full((24, 3), 0.5), STANDARD, kind)


def test_ridge_refuses_a_term_that_does_not_vary() -> None:
    with pytest.raises(FitError, match="a term is the same on all patches"):
        fit_polynomial(np.full((24, 3), 0.5), STANDARD, "ridge")


def test_condition_is_small_on_the_unit_interval() -> None:
    assert polynomial.condition(PHOTO) < 1e4 < polynomial.condition(255 * PHOTO)


def test_condition_is_that_of_the_terms_that_are_fitted() -> None:
    assert polynomial.condition(PHOTO) == pytest.approx(np.linalg.cond(polynomial.expand(PHOTO)), rel=1e-9)
    design = np.column_stack([PHOTO, np.ones(24)])
    assert polynomial.condition(PHOTO, "affine") == pytest.approx(np.linalg.cond(design), rel=1e-9)


@pytest.mark.parametrize(
    ("matrix", "colors"), [((3, 10), (24, 3)), ((11, 3), (24, 3)), ((3, 11), (24, 2)), ((3, 11), ())]
)
def test_arrays_of_other_shapes_are_not_multiplied(matrix: tuple[int, ...], colors: tuple[int, ...]) -> None:
    with pytest.raises(FitError, match=r"wanted \(3, 11\) and \(\.\.\., 3\)"):
        polynomial.apply_polynomial(np.zeros(matrix), np.zeros(colors))


def test_ridge_of_infinite_strength_is_the_affine_fit() -> None:
    source, target = np.random.default_rng(3).random((2, 24, 3))
    ridge = polynomial.fit_polynomial(source, target, "ridge", np.inf)
    np.testing.assert_array_equal(ridge, polynomial.fit_polynomial(source, target, "affine"))
    np.testing.assert_allclose(ridge, polynomial.fit_polynomial(source, target, "ridge", 1e14), atol=1e-6)
