"""Curves and shading map for a composite, with any network: predicted where it predicts them, else fitted.

-   :func:`find_adjustment`: composite, mask and network in, :class:`Fitted` out.
-   :func:`fit_change`: the curves and map that come nearest to a change that was found.
-   :func:`fit_adjustment`: those that come nearest to a change that is given as two pictures.

Level after = gain at its place x curve of the level before, for each channel. For known gains the knots of the
curves solve a small linear system, for known curves the gains do, so that the two take turns. Knots and cells that
few pixels reach lean on their neighbors. What mixes the channels, such as saturation, is not in this form and remains
as the error: 0.9 % of the squared change of 81 composites (giftnet_w16_kinds at 256x256), whose mean fMSE to the real
pictures is 411 with the network and 409 with the fit (benchmarks/forms.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccharmony.arrays import Float32, Float64, Int64, Samples, UInt8
from ccharmony.images.mask_rules import shares
from ccharmony.images.stored import to_8_bits
from harmonize.inference import runtimes
from harmonize.inference.adjustment import Adjustment, renderer
from harmonize.inference.image import Change, Size, as_mask, check_picture, check_size, shrink, shrink_mask
from harmonize.inference.runtimes import Weights
from harmonize.models.settings import SIDE

KNOTS = 32
"""As many as `pih` has."""

CELLS = 8
"""Side of the shading map."""

TURNS = 3
"""Of curves and map; six or twelve leave the same error to 0.02 levels."""

BEND = 1e-3
"""Weight of the curves' second differences, against a mean pixel."""

SLOPE = 3e-3
"""Weight of the differences of neighboring cells, against a mean pixel."""

PULL = 1e-3
"""Weight of the distance to no change, against that of bends and slopes: it decides where no pixel is."""

LEAST_GAIN = 0.05
"""A cell's gain stays above this, and below 1 / this, whatever the equations say."""


@dataclass(frozen=True)
class Fitted:
    """Curves and map, and what they leave.

    Attributes
    ----------
    adjustment
        Curves and map. Fitted ones have a mean gain of 1 over the foreground: the curves hold all of the brightness.
    change, error
        Root mean square over the foreground, in levels: of the network's change, and of what is missed of it.
    """

    adjustment: Adjustment
    change: float
    error: float


def find_adjustment(
    composite: Samples, mask: npt.NDArray[np.generic], net: Weights = None, *, size: Size = SIDE, device: str = "auto"
) -> Fitted:
    """Find curves and shading map that harmonize a foreground, and that a person can edit.

    Parameters
    ----------
    composite
        Image (H, W, 3), RGB, sRGB-encoded, 8 or 16 bits, of which 8 count.
    mask
        Foreground (H, W), as of :func:`harmonize.harmonize_image`.
    net, size, device
        As of :func:`harmonize.harmonize_image`.

    Returns
    -------
    Fitted
        Of a parametric network what it predicts, of another what comes nearest to its result; no change where nothing
        is foreground.

    Raises
    ------
    ImageError, SettingsError, WeightsError
        As :func:`harmonize.harmonize_image`.
    """
    check_size(size)
    composite, mask = to_8_bits(check_picture(composite)), shares(as_mask(mask, composite.shape[:2]))
    if not mask.any():
        return Fitted(Adjustment(np.tile(_centers(), (3, 1)), np.zeros((CELLS, CELLS))), 0.0, 0.0)
    network = runtimes.find(net, device)
    side = SIDE if size == "full" else size
    small, inside = shrink(composite, side), shrink_mask(mask, side)
    if network.parametric:
        predicted = network.predict(composite, mask)
        return Fitted(predicted, _distance(_render(predicted, small), small, inside), 0.0)
    if size == "full":
        after = shrink(network.infer(composite[None], mask[None])[0], side)
    else:
        after = network.infer_foreground(small[None], inside[None])[0]
    return fit_adjustment(small, after, inside)


def fit_change(change: Change, composite: UInt8, mask: Float32, own: Adjustment | None = None) -> Fitted:
    """Find the curves and the shading map that come nearest to what a network changes.

    Parameters
    ----------
    change
        As of :func:`harmonize.inference.image.find_change`, for a change that can be rendered on small copies, or for
        a picture of 256x256.
    composite
        Picture (H, W, 3), RGB, sRGB-encoded, 8 bits.
    mask
        Foreground (H, W), in [0, 1], with at least one pixel above 0.
    own
        Curves and map of a parametric network, which are its change; they are not fitted, and miss nothing.

    Returns
    -------
    Fitted
        Found and measured on a copy of 256x256.
    """
    small, inside = shrink(composite, SIDE), shrink_mask(mask, SIDE)
    after = change(small)(slice(0, SIDE), slice(0, SIDE)).clip(0, 255)
    return fit_adjustment(small, after, inside) if own is None else _measure(own, small, after, inside)


def fit_adjustment(composite: UInt8, harmonized: Float32, mask: Float32) -> Fitted:
    """Fit curves and a shading map to a foreground's change.

    Parameters
    ----------
    composite, harmonized
        Picture before and after, (H, W, 3), RGB, sRGB-encoded, in levels.
    mask
        Foreground (H, W), in [0, 1], with at least one pixel above 0.

    Returns
    -------
    Fitted
        The nearest curves and map, and the error that is left.
    """
    rows, columns = np.nonzero(mask > 0)
    weights = mask[rows, columns].astype(np.float64)
    weights /= weights.sum()
    before, after = (picture[rows, columns] / np.float64(255) for picture in (composite, harmonized))  # (N, 3)
    spread = _spread(rows, columns, mask.shape)
    gains = np.ones(CELLS * CELLS)
    for _ in range(TURNS):
        at_pixels = spread @ gains  # (N,)
        knots = np.stack([_fit_curve(before[:, c], after[:, c], at_pixels, weights) for c in range(3)])
        curved = np.stack([np.interp(before[:, c], _centers(), knots[c]) for c in range(3)], axis=1)
        gains = _fit_gains(spread, curved, after, weights)
    middle = float(np.exp(weights @ np.log(spread @ gains)))
    adjustment = Adjustment(knots * middle, np.log(gains / middle).reshape(CELLS, CELLS))
    return _measure(adjustment, composite, harmonized, mask)


def _measure(adjustment: Adjustment, composite: UInt8, harmonized: Float32, mask: Float32) -> Fitted:
    error = _distance(_render(adjustment, composite), harmonized, mask)
    return Fitted(adjustment, _distance(composite, harmonized, mask), error)


def _render(adjustment: Adjustment, composite: UInt8) -> Float32:
    height, width = composite.shape[:2]
    return renderer(adjustment, composite)(slice(0, height), slice(0, width)).clip(0, 255)


def _distance(first: UInt8 | Float32, second: UInt8 | Float32, mask: Float32) -> float:
    """Return the root mean square difference of two pictures over a foreground."""
    squares = ((np.asarray(first, np.float32) - second) ** 2).mean(axis=2)
    return float(np.sqrt((mask * squares).sum() / mask.sum()))


def _fit_curve(before: Float64, after: Float64, gains: Float64, weights: Float64) -> Float64:
    """Return the heights (KNOTS,) for which gain x curve(before) is nearest to after."""
    position = (before * KNOTS - 0.5).clip(0, KNOTS - 1)
    below = np.minimum(position.astype(np.int64), KNOTS - 2)
    share = position - below
    taps = sparse.csr_array(
        (
            np.concatenate([1 - share, share]) * np.tile(gains, 2),
            (np.tile(np.arange(len(before)), 2), np.concatenate([below, below + 1])),
        ),
        shape=(len(before), KNOTS),
    )
    weighted = taps.T * weights  # (KNOTS, N)
    bends = np.diff(np.eye(KNOTS), n=2, axis=0)
    normal = (weighted @ taps).toarray() + BEND * (bends.T @ bends) + PULL * BEND * np.eye(KNOTS)
    return np.asarray(np.linalg.solve(normal, weighted @ after + PULL * BEND * _centers()), np.float64)


def _fit_gains(spread: sparse.csr_array, curved: Float64, after: Float64, weights: Float64) -> Float64:
    """Return the gains of the cells (CELLS², row by row) for which gain x curved is nearest to after."""
    energy = weights * (curved**2).sum(axis=1)  # (N,)
    agreement = weights * (curved * after).sum(axis=1)
    steps = np.diff(np.eye(CELLS), axis=0)
    differences = np.kron(np.eye(CELLS), steps.T @ steps) + np.kron(steps.T @ steps, np.eye(CELLS))
    slope, pull = SLOPE * energy.sum(), PULL * SLOPE * energy.sum()
    normal = ((spread.T * energy) @ spread).toarray() + slope * differences + pull * np.eye(CELLS * CELLS)
    found = np.linalg.solve(normal, spread.T @ agreement + pull)
    return np.asarray(found, np.float64).clip(LEAST_GAIN, 1 / LEAST_GAIN)


def _spread(rows: Int64, columns: Int64, shape: tuple[int, ...]) -> sparse.csr_array:
    """Return the matrix (N, CELLS²) that interpolates the map at pixels, as the map is applied."""
    count = len(rows)
    (top, down), (left, right) = (_taps(at, side) for at, side in ((rows, shape[0]), (columns, shape[1])))
    cells = [row * CELLS + column for row in (top, top + 1) for column in (left, left + 1)]
    shares = [part * other for part in (1 - down, down) for other in (1 - right, right)]
    where = (np.tile(np.arange(count), 4), np.concatenate(cells))
    return sparse.csr_array((np.concatenate(shares), where), shape=(count, CELLS * CELLS))


def _taps(at: Int64, side: int) -> tuple[Int64, Float64]:
    """Return the lower cell of each position and the share of the upper one."""
    position = ((at + 0.5) * CELLS / side - 0.5).clip(0, CELLS - 1)
    lower = np.minimum(position.astype(np.int64), CELLS - 2)
    return lower, position - lower


def _centers() -> Float64:
    return (np.arange(KNOTS) + 0.5) / KNOTS
