"""The color polynomial: expand a color into eleven terms, fit a matrix to patches, apply it.

Colors are sRGB-encoded and in [0, 1] here, where the fit is well conditioned (about 3e2 against 6e7 on 8-bit levels,
with predictions equal to 1e-8 levels). The published matrices act on 8-bit levels: `to_levels` and `from_levels`
convert at the border.

References
----------
Niu et al., Deep Image Harmonization with Globally Guided Feature Transformation and Relation Distillation, 2023,
section 4: T_a carries a photo to standard colors, T'_a carries standard colors to the photo.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float64, as_real
from ccharmony.errors import FitError

Real = TypeVar("Real", bound=np.floating[Any])
FitKind = Literal["published", "affine", "ridge"]

KINDS: tuple[FitKind, ...] = get_args(FitKind)
TERMS = ("r", "g", "b", "rg", "rb", "gb", "rr", "gg", "bb", "rgb", "1")
"""The published terms, in the published order."""

NONLINEAR = np.array([3, 4, 5, 6, 7, 8, 9])
LINEAR = np.array([0, 1, 2, 10])
DEGREES = np.array([1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 0])

RIDGE_STRENGTH = 0.01
"""Penalty a patch on the nonlinear terms; leave-one-out ΔE2000 over the 350 published photos is flat in 0.003-0.03."""

LARGEST = 1e6
"""Of a coefficient on [0, 1]; the ridge fits of the 350 published photos have 24 at most."""

MINIMUM_PATCHES: dict[FitKind, int] = {"published": 12, "affine": 5, "ridge": 8}
"""Fewest patches that a fit accepts: one more than its free terms, and for ridge twice its four unpenalized ones."""


def expand(colors: npt.ArrayLike) -> Float64:
    """Return the eleven terms of each color.

    Parameters
    ----------
    colors
        Colors, shape (..., 3); any unit.

    Returns
    -------
    Float64
        Terms, shape (..., 11), in the order of `TERMS`.

    Examples
    --------
    >>> expand([2.0, 3.0, 5.0]).tolist()
    [2.0, 3.0, 5.0, 6.0, 10.0, 15.0, 4.0, 9.0, 25.0, 30.0, 1.0]
    """
    planes = np.moveaxis(np.asarray(colors, np.float64), -1, 0)
    terms = np.empty((len(TERMS), *planes.shape[1:]))
    return np.moveaxis(expand_planes(planes, terms), 0, -1)


def expand_planes(planes: npt.NDArray[Real], out: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Write the terms of color planes (3, ...) into `out` (11, ...) and return it; the layout that runs fastest."""
    r, g, b = planes
    out[:3] = planes
    np.multiply(r, g, out=out[3, ...])
    np.multiply(r, b, out=out[4, ...])
    np.multiply(g, b, out=out[5, ...])
    np.multiply(planes, planes, out=out[6:9])
    np.multiply(out[3], b, out=out[9, ...])
    out[10] = 1
    return out


def add_terms(
    matrix: npt.NDArray[Real], terms: npt.NDArray[Real], out: npt.NDArray[Real], product: npt.NDArray[Real]
) -> None:
    """Write matrix (3, 11) times terms (11, n) into `out` (3, n), with `product` (3, n) as work space.

    Term by term: a product and a sum are rounded alike by every processor. BLAS sums in another order on each, and with
    one rounding instead of two on some: six of its kernels gave three sets of composites and five digests of all files.
    The cost is 8 ns a pixel and donor, 8 % of the processor time of a build from JPEGs of 11 MP.
    """
    np.multiply(matrix[:, :1], terms[0], out=out)
    for column in range(1, len(TERMS) - 1):
        np.add(out, np.multiply(matrix[:, column, None], terms[column], out=product), out=out)
    np.add(out, matrix[:, -1:], out=out)  # the last term is 1


def apply_polynomial(matrix: npt.ArrayLike, colors: npt.ArrayLike) -> Float64:
    """Return `matrix` applied to colors of its unit.

    Parameters
    ----------
    matrix
        Coefficients, shape (3, 11).
    colors
        Colors, shape (..., 3).

    Returns
    -------
    Float64
        Colors, shape (..., 3), not clipped.

    Raises
    ------
    FitError
        The matrix is not (3, 11), or the colors have not three channels.
    """
    coefficients, colors = as_real(matrix, "matrix", FitError), as_real(colors, "colors", FitError)
    shape = colors.shape
    if coefficients.shape != (3, len(TERMS)) or shape[-1:] != (3,):
        raise FitError(f"matrix of shape {coefficients.shape}, colors of shape {shape}; wanted (3, 11) and (..., 3)")
    terms = np.moveaxis(expand(colors), -1, 0).reshape(len(TERMS), -1)
    carried = np.empty((3, terms.shape[1]))
    add_terms(coefficients, terms, carried, np.empty_like(carried))
    return np.ascontiguousarray(carried.T).reshape(shape)


def fit_polynomial(
    source: npt.ArrayLike, target: npt.ArrayLike, kind: FitKind = "ridge", strength: float = RIDGE_STRENGTH
) -> Float64:
    """Fit the polynomial that carries `source` to `target`.

    Parameters
    ----------
    source, target
        Patch colors, shape (..., n, 3), sRGB-encoded, in [0, 1]; n is at least `MINIMUM_PATCHES[kind]`.
    kind
        ``published``: eleven terms, ordinary least squares. ``affine``: r, g, b and 1 only. ``ridge``: eleven terms,
        the seven nonlinear ones in units of their standard deviation over the patches and penalized by `strength` n.
    strength
        Penalty of the ridge; 0 gives the published fit, infinity the affine one.

    Returns
    -------
    Float64
        Coefficients, shape (..., 3, 11); zero where `kind` has no term.

    Raises
    ------
    FitError
        Too few patches, a color that is not finite, or patches that do not determine the terms (a gray chart).
    """
    source, target = as_real(source, "source", FitError), as_real(target, "target", FitError)
    _check(source, target, kind)
    terms = expand(source)
    strength = float(as_real(strength, "ridge strength", FitError).item()) if np.ndim(strength) == 0 else np.nan
    if kind == "ridge" and strength == np.inf:
        kind = "affine"
    if kind == "ridge":
        return _fit_ridge(terms, target, strength)
    columns = LINEAR if kind == "affine" else np.arange(len(TERMS))
    matrix = np.zeros((*source.shape[:-2], 3, len(TERMS)))
    matrix[..., columns] = _turned(_solve(terms[..., columns], target))
    return matrix


def condition(source: npt.ArrayLike, kind: FitKind = "published") -> float:
    """Return the condition number of the fit's design matrix for patches (n, 3) in the unit given."""
    terms = expand(source)
    return float(np.linalg.cond(terms[:, LINEAR] if kind == "affine" else terms))


def to_levels(matrix: npt.ArrayLike) -> Float64:
    """Convert a matrix (..., 3, 11) on [0, 1] to one on 8-bit levels, the published unit."""
    return np.asarray(matrix, np.float64) * 255.0 ** (1 - DEGREES)


def from_levels(matrix: npt.ArrayLike) -> Float64:
    """Convert a matrix (..., 3, 11) on 8-bit levels to one on [0, 1]."""
    return np.asarray(matrix, np.float64) * 255.0 ** (DEGREES - 1)


def jacobian_determinant(matrix: npt.ArrayLike, colors: npt.ArrayLike) -> Float64:
    """Return how a polynomial scales volume at colors (..., 3), shape (...); negative where it folds color space."""
    r, g, b = np.moveaxis(np.asarray(colors, np.float64), -1, 0)
    zero, one = np.zeros_like(r), np.ones_like(r)
    derivatives = np.stack(
        [
            [one, zero, zero, g, b, zero, 2 * r, zero, zero, g * b, zero],
            [zero, one, zero, r, zero, b, zero, 2 * g, zero, r * b, zero],
            [zero, zero, one, zero, r, g, zero, zero, 2 * b, r * g, zero],
        ]
    )  # (3 derivatives, 11 terms, ...)
    jacobian = np.einsum("ct,dt...->...cd", np.asarray(matrix, np.float64), derivatives)
    return np.asarray(np.linalg.det(jacobian))


def _check(source: Float64, target: Float64, kind: FitKind) -> None:
    if not isinstance(kind, str) or kind not in KINDS:
        raise FitError(f"fit kind {kind!r}, wanted one of {', '.join(KINDS)}")
    if source.shape != target.shape or source.ndim < 2 or source.shape[-1] != 3:
        raise FitError(f"patches of shape {source.shape} and {target.shape}, wanted (n, 3) twice")
    if source.shape[-2] < MINIMUM_PATCHES[kind]:
        raise FitError(f"{source.shape[-2]} patches, a {kind} fit needs {MINIMUM_PATCHES[kind]}")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise FitError("a patch color is not finite, wanted numbers in [0, 1]")


def _fit_ridge(terms: Float64, target: Float64, strength: float) -> Float64:
    """Least squares with extra rows that pull the scaled nonlinear coefficients to zero."""
    if not strength >= 0:
        raise FitError(f"ridge strength {strength}, wanted 0 or more")
    scale = np.ones((*terms.shape[:-2], 1, len(TERMS)))
    scale[..., NONLINEAR] = terms[..., NONLINEAR].std(axis=-2, keepdims=True)
    if (scale == 0).any():
        raise FitError("a term is the same on all patches, wanted patches of different colors")
    penalty = np.zeros((*terms.shape[:-2], len(NONLINEAR), len(TERMS)))
    penalty[..., np.arange(len(NONLINEAR)), NONLINEAR] = np.sqrt(strength * terms.shape[-2])
    rows = np.concatenate([terms / scale, penalty], axis=-2)
    goals = np.concatenate([target, np.zeros((*target.shape[:-2], len(NONLINEAR), 3))], axis=-2)
    return _turned(_solve(rows, goals)) / scale


def _solve(rows: Float64, goals: Float64) -> Float64:
    """Return least-squares solutions (..., terms, 3) of `rows` (..., n, terms) and `goals` (..., n, 3).

    By modified Gram-Schmidt in a fixed order of sums, so that every processor gives the same bits; LAPACK's do not.
    """
    values = np.linalg.svd(rows, compute_uv=False)
    rank = int((values > values[..., :1] * (max(rows.shape[-2:]) * np.finfo(rows.dtype).eps)).sum(axis=-1).min())
    count = rows.shape[-1]
    if rank < count:
        raise FitError(f"the patches have rank {rank}, the fit needs {count}: their colors are too alike")
    left = np.concatenate([rows, goals], axis=-1)  # what is left of each column, (..., n, terms + 3)
    upper = np.zeros((*rows.shape[:-2], count, count + 3))
    for term in range(count):
        length = np.sqrt((left[..., term] ** 2).sum(axis=-1))[..., None]
        direction = (left[..., term] / length)[..., None]
        along = (direction * left[..., term:]).sum(axis=-2)
        upper[..., term, term:] = along
        left[..., term:] -= direction * along[..., None, :]
    solution = upper[..., count:]
    for term in reversed(range(count)):
        solution[..., term, :] /= upper[..., term, term, None]
        solution[..., :term, :] -= upper[..., :term, term, None] * solution[..., term, None, :]
    return solution


def _turned(matrices: Float64) -> Float64:
    """Return matrices (..., m, n) transposed, (..., n, m)."""
    return np.swapaxes(matrices, -1, -2)
