"""A part of a map, and what a convolution sees around it.

Contents: :class:`Box`, :func:`box_around`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Box(NamedTuple):
    """Rows and columns of a map (..., H, W)."""

    rows: slice
    columns: slice

    def of(self, x: Tensor) -> Tensor:
        """Return this part of a map, a view."""
        return x[..., self.rows, self.columns]

    def shrunk(self, factor: int) -> Box:
        """Return the same part of a map whose sides are shorter by a factor that divides the box's."""
        return Box(*(slice(part.start // factor, part.stop // factor) for part in self))

    def within(self, outer: Box) -> Box:
        """Return where the box lies in another that holds it."""
        parts = zip(self, outer, strict=True)
        return Box(*(slice(part.start - out.start, part.stop - out.start) for part, out in parts))

    def widened(self, margin: int, x: Tensor) -> tuple[Box, Box]:
        """Return the box with a margin, where the map `x` does not end before, and where the box lies in that."""
        sides = zip(self, x.shape[-2:], strict=True)
        outer = Box(*(slice(max(part.start - margin, 0), min(part.stop + margin, side)) for part, side in sides))
        return outer, self.within(outer)

    def computed(self, filtered: Callable[[Tensor], Tensor], x: Tensor, margin: int) -> Tensor:
        """Return this part of a filtered map.

        Parameters
        ----------
        filtered
            Filters a map, or a part of it, and pads it with zeros.
        x
            The map.
        margin
            How many pixels around one the filter sees.

        Returns
        -------
        Tensor
            Of the box's size: the same as of the whole map.
        """
        outer, inner = self.widened(margin, x)
        return inner.of(filtered(outer.of(x)))


def box_around(mask: Tensor, margin: int, cell: int) -> Box | None:
    """Return the box of what is above 0.

    Parameters
    ----------
    mask
        Shape (1, 1, H, W).
    margin
        Pixels around it that belong to the box.
    cell
        The box begins and ends at multiples of this, or where the mask does.

    Returns
    -------
    Box or None
        None where nothing is above 0.
    """
    parts = []
    for axis, side in zip((-1, -2), mask.shape[-2:], strict=True):
        inside = (mask.amax(axis).flatten() > 0).nonzero()
        if not len(inside):
            return None
        first, last = int(inside[0]) - margin, int(inside[-1]) + margin
        parts.append(slice(max(first // cell * cell, 0), min((last // cell + 1) * cell, side)))
    return Box(*parts)
