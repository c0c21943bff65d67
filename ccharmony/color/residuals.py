"""How well a fit returns its checker, and what it does to the colors between the patches."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Bool, Float64
from ccharmony.checker.chart import STANDARD
from ccharmony.checker.patches import orientation_ratio
from ccharmony.color import polynomial
from ccharmony.color.difference import delta_e
from ccharmony.color.polynomial import FitKind, apply_polynomial, fit_polynomial

RMSE_LIMIT = 10.0
"""Levels; the median of the 350 published forward fits is 5.0, their 95th percentile 9.9."""
LEFT_OUT_LIMIT = 8.0
"""Mean leave-one-out ΔE2000; above it the fit guesses rather than measures."""
CLIPPED_LIMIT = 0.9
FOLDED_LIMIT = 0.6
"""Shares of the RGB cube; nine in ten published matrices stay below, those beyond are wild between the patches."""
ORIENTATION_LIMIT = 1.5
"""The right orientation is at least this much better than the next on all 350 published charts."""

_CUBE = np.stack(np.meshgrid(*[np.linspace(0, 1, 17)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)  # (4913, 3)
_HALF_LEVEL = 0.5 / 255


@dataclass(frozen=True)
class Residuals:
    """Figures of one photo's fit; `forward` is photo to standard, `inverse` standard to photo.

    Attributes
    ----------
    rmse, rmse_inverse
        Root mean square over patches and channels, 8-bit levels.
    delta_e, delta_e_max, delta_e_inverse
        CIEDE2000 on the patches: mean and largest forward, mean inverse.
    left_out, left_out_inverse
        Mean CIEDE2000 of each patch under the fit of the others; NaN where the matrices were not fitted here.
    clipped_patches
        Patches with a channel at 0 or 1.
    unused_patches
        Patches that the fit left out.
    orientation_ratio
        See `ccharmony.checker.patches.orientation_ratio`.
    condition
        Condition number of the forward fit's design matrix.
    cube_clipped, cube_folded
        Shares of the RGB cube that T_a carries outside [0, 1], and on which its Jacobian determinant is negative.
    refit
        Largest difference, 8-bit levels on the patches, between a published matrix and its refit; NaN if none given.
    """

    rmse: float
    rmse_inverse: float
    delta_e: float
    delta_e_max: float
    delta_e_inverse: float
    left_out: float
    left_out_inverse: float
    clipped_patches: float
    unused_patches: float
    orientation_ratio: float
    condition: float
    cube_clipped: float
    cube_folded: float
    refit: float = float("nan")

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name, with four decimals: the rest depends on the processor."""
        return {name: round(value, 4) for name, value in dataclasses.asdict(self).items()}

    def flags(self) -> tuple[str, ...]:
        """Return why a person should look at this fit; empty if nothing is conspicuous."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        if self.rmse > RMSE_LIMIT:
            yield f"leaves {self.rmse:.1f} levels on the patches (limit {RMSE_LIMIT:g})"
        if self.left_out > LEFT_OUT_LIMIT:
            yield f"a left-out patch is missed by ΔE {self.left_out:.1f} (limit {LEFT_OUT_LIMIT:g})"
        if self.cube_clipped > CLIPPED_LIMIT:
            yield f"{self.cube_clipped:.0%} of the color cube clips"
        if self.cube_folded > FOLDED_LIMIT:
            yield f"{self.cube_folded:.0%} of the color cube folds"
        if self.clipped_patches:
            yield f"{_patches(self.clipped_patches)} clipped"
        if self.unused_patches:
            yield f"{_patches(self.unused_patches)} left out"
        if self.orientation_ratio < ORIENTATION_LIMIT:
            yield f"another orientation fits nearly as well (ratio {self.orientation_ratio:.2f})"
        if self.refit > 0.5:
            yield f"published matrix is {self.refit:.1f} levels off its refit"


def _patches(count: float) -> str:
    return "1 patch" if count == 1 else f"{count:.0f} patches"


def measure_fit(
    patches: npt.ArrayLike,
    used: Bool,
    to_standard: npt.ArrayLike,
    from_standard: npt.ArrayLike,
    kinds: tuple[FitKind | None, FitKind | None],
    refit: float = float("nan"),
) -> Residuals:
    """Measure a fit.

    Parameters
    ----------
    patches
        Measured colors, shape (24, 3), in [0, 1], release order, NaN where not measured.
    used
        Which patches the fit used, shape (24,).
    to_standard, from_standard
        T_a and T'_a on [0, 1], shape (3, 11).
    kinds
        How each was fitted, for the leave-one-out figures; None if it came from elsewhere.
    refit
        As in `Residuals`.

    Returns
    -------
    Residuals
        All figures of the fit.
    """
    patches = np.asarray(patches, np.float64)
    measured, standard = patches[used], STANDARD[used]
    forward = apply_polynomial(to_standard, measured)
    inverse = apply_polynomial(from_standard, standard)
    differences = delta_e(forward, standard)
    return Residuals(
        rmse=_rmse(forward, standard),
        rmse_inverse=_rmse(inverse, measured),
        delta_e=float(differences.mean()),
        delta_e_max=float(differences.max()),
        delta_e_inverse=float(delta_e(inverse, measured).mean()),
        left_out=_mean_left_out(measured, standard, kinds[0]),
        left_out_inverse=_mean_left_out(standard, measured, kinds[1]),
        clipped_patches=float(((patches <= 0) | (patches >= 1)).any(axis=1).sum()),
        unused_patches=float((~used).sum()),
        orientation_ratio=orientation_ratio(patches),
        condition=polynomial.condition(measured, kinds[0] or "published"),
        cube_clipped=clipped_share(apply_polynomial(to_standard, _CUBE)),
        cube_folded=float((polynomial.jacobian_determinant(to_standard, _CUBE) < 0).mean()),
        refit=refit,
    )


def left_out(source: npt.ArrayLike, target: npt.ArrayLike, kind: FitKind) -> Float64:
    """Return CIEDE2000 of each patch (n,) when it is predicted by the fit of the other patches.

    Parameters
    ----------
    source, target
        Patch colors, shape (n, 3), in [0, 1].
    kind
        Fit kind, see `fit_polynomial`.

    Returns
    -------
    Float64
        ΔE2000 of each patch, shape (n,).
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    count = len(source)
    others = np.nonzero(~np.eye(count, dtype=bool))[1].reshape(count, count - 1)
    matrices = fit_polynomial(source[others], target[others], kind)
    predicted = (matrices @ polynomial.expand(source)[..., None])[..., 0]
    return delta_e(predicted, target)


def clipped_share(colors: npt.ArrayLike) -> float:
    """Return the share of colors (n, 3) with a channel that rounds to a level outside [0, 255]."""
    values = np.asarray(colors)
    return float(((values < -_HALF_LEVEL) | (values > 1 + _HALF_LEVEL)).any(axis=1).mean())


def _mean_left_out(source: Float64, target: Float64, kind: FitKind | None) -> float:
    return float("nan") if kind is None else float(left_out(source, target, kind).mean())


def _rmse(found: Float64, wanted: Float64) -> float:
    return float(255 * np.sqrt(np.mean((found - wanted) ** 2)))
