import numpy as np
import pytest

from ccharmony.checker.chart import STANDARD
from ccharmony.color import difference, polynomial, residuals

PHOTO = np.clip(STANDARD**1.1 * [0.9, 0.8, 0.6] + 0.03, 0, 1)
ALL = np.ones(24, bool)


def measure(photo: np.ndarray, used: np.ndarray = ALL) -> residuals.Residuals:
    forward = polynomial.fit_polynomial(photo[used], STANDARD[used])
    inverse = polynomial.fit_polynomial(STANDARD[used], photo[used])
    return residuals.measure_fit(photo, used, forward, inverse, ("ridge", "ridge"))


def test_perfect_fit_leaves_nothing() -> None:
    found = residuals.measure_fit(STANDARD, ALL, np.eye(3, 11), np.eye(3, 11), (None, None))
    assert found.rmse == found.delta_e == found.delta_e_inverse == 0
    assert found.cube_clipped == found.cube_folded == 0
    assert np.isnan(found.left_out)


def test_rmse_is_in_levels() -> None:
    shifted = np.eye(3, 11)
    shifted[:, 10] = 5 / 255
    assert residuals.measure_fit(STANDARD, ALL, shifted, np.eye(3, 11), (None, None)).rmse == pytest.approx(5)


def test_left_out_patch_is_predicted_by_the_others() -> None:
    found = residuals.left_out(PHOTO, STANDARD, "affine")
    others = np.arange(24) != 7
    design = np.column_stack([PHOTO, np.ones(24)])
    weights = np.linalg.lstsq(design[others], STANDARD[others])[0]
    assert found[7] == pytest.approx(float(difference.delta_e(design[7] @ weights, STANDARD[7])), abs=1e-6)


def test_folded_share_counts_where_the_map_turns_inside_out() -> None:
    mirrored = np.eye(3, 11)
    mirrored[0, 0] = -1
    assert residuals.measure_fit(STANDARD, ALL, mirrored, np.eye(3, 11), (None, None)).cube_folded == 1


def test_good_fit_has_no_flag() -> None:
    assert measure(PHOTO).flags() == ()


def test_flags_say_why() -> None:
    noisy = np.clip(PHOTO + np.random.default_rng(1).normal(0, 0.12, (24, 3)), 0, 1)
    flags = measure(noisy).flags()
    assert any("levels on the patches" in flag for flag in flags)
    assert any("left-out patch" in flag for flag in flags)
    assert any(flag.endswith((" patch clipped", " patches clipped")) for flag in flags)


@pytest.mark.parametrize("kind", polynomial.KINDS)
def test_all_patches_are_left_out_at_once_as_one_by_one(kind: polynomial.FitKind) -> None:
    found = residuals.left_out(PHOTO, STANDARD, kind)
    for patch in range(24):
        kept = np.delete(np.arange(24), patch)
        matrix = polynomial.fit_polynomial(PHOTO[kept], STANDARD[kept], kind)
        wanted = difference.delta_e(polynomial.apply_polynomial(matrix, PHOTO[patch]), STANDARD[patch])
        assert found[patch] == pytest.approx(float(wanted), rel=1e-6, abs=1e-9)


def test_patches_left_out_are_flagged() -> None:
    used = ALL.copy()
    used[[2, 5]] = False
    assert "2 patches left out" in measure(PHOTO, used).flags()
    used[2] = True
    assert "1 patch left out" in measure(PHOTO, used).flags()


def test_clipped_share_allows_for_rounding() -> None:
    colors = np.array([[0.5, 0.5, 1.001], [0.5, 0.5, 1.003], [-0.001, 0, 0], [-0.003, 0, 0]])
    assert residuals.clipped_share(colors) == 0.5
