"""Solids of the demo that no formula meets: rays walk through them in steps and close in on the surface.

Contents: :class:`Solid`; :func:`turned` (vases, fruit, a cactus), :func:`ring`, :func:`cushion`, :func:`folds`.

References
----------
- F. N. Fritsch and R. E. Carlson, *Monotone Piecewise Cubic Interpolation*, SIAM J. Numer. Anal. 17, 1980.
- M. Dowell and P. Jarratt, *A modified regula falsi method*, BIT 11, 1971 (the Illinois rule).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from ccharmony.arrays import Bool, Float32, Indices
from ccharmony.sources.demo.shapes import FAR, NEAR, TINY, Shape, Triple, slabs, unit

Field = Callable[[Float32], Float32]

_RAYS_AT_ONCE = 1024
"""Times the steps of a solid: what fits into a core's cache."""


@dataclass(frozen=True)
class Solid(Shape):
    """What a field calls inside (negative), searched in steps within a box.

    Parameters
    ----------
    field
        Points (3, …) → values (…), negative inside, about as steep as a distance.
    low, high
        Corners of the box that holds the solid.
    steps
        Steps a ray takes through the box; a part thinner than a step may be missed.
    """

    field: Field
    low: Triple
    high: Triple
    steps: int = 40

    @property
    def radius(self) -> float:
        """Radius of a ball around the middle that holds the shape."""
        return float(np.linalg.norm(np.subtract(self.high, self.low))) / 2

    @property
    def middle(self) -> Triple:
        """Middle of the box."""
        x, y, z = (np.add(self.low, self.high) / 2).tolist()
        return x, y, z

    def meet(self, origins: Float32, directions: Float32) -> Float32:
        """Return distances (n,); see :meth:`Shape.meet`."""
        origins = np.broadcast_to(origins, directions.shape)
        distances = np.full(directions.shape[1], FAR)
        for rays, enter, leave in self._crossing(origins, directions):
            distances[rays] = self._march(origins[:, rays], directions[:, rays], enter, leave)
        return distances

    def block(self, origins: Float32, directions: Float32) -> Bool:
        """Return whether rays meet the solid (n,), in half the steps."""
        blocked = np.zeros(directions.shape[1], bool)
        for rays, enter, leave in self._crossing(origins, directions):
            _, values = self._walk(origins[:, rays], directions[:, rays], enter, leave, self.steps // 2)
            blocked[rays] = values.min(0) < 0
        return blocked

    def _crossing(self, origins: Float32, directions: Float32) -> Iterator[tuple[Indices, Float32, Float32]]:
        """Rays that cross the box, some at a time, and where they enter and leave it."""
        enter, leave = slabs(origins, directions, (np.array(self.low), np.array(self.high)))
        enter = np.maximum(enter, NEAR)
        crossing = np.flatnonzero(enter < leave)
        for start in range(0, crossing.size, _RAYS_AT_ONCE):
            rays = crossing[start : start + _RAYS_AT_ONCE]
            yield rays, enter[rays], leave[rays]

    def _walk(
        self, origins: Float32, directions: Float32, enter: Float32, leave: Float32, steps: int
    ) -> tuple[Float32, Float32]:
        """Distances and values of the field at equal steps, each (steps + 1, n)."""
        along = enter + np.linspace(0, 1, steps + 1, dtype=np.float32)[:, None] * (leave - enter)
        return along, self.field(origins[:, None] + along * directions[:, None])

    def _march(self, origins: Float32, directions: Float32, enter: Float32, leave: Float32) -> Float32:
        """Look for the first step at which the field turns negative, then close in between it and the one before."""
        along, values = self._walk(origins, directions, enter, leave, self.steps)
        turns = (values[1:] < 0) & (values[:-1] >= 0)
        first, rays = turns.argmax(0), np.flatnonzero(turns.any(0))
        first = first[rays]
        distances = np.full(enter.shape, FAR)
        ends = along[first, rays], along[first + 1, rays], values[first, rays], values[first + 1, rays]
        distances[rays] = self._close_in(origins[:, rays], directions[:, rays], *ends)
        return distances

    def _close_in(
        self, origins: Float32, directions: Float32, near: Float32, far: Float32, above: Float32, below: Float32
    ) -> Float32:
        """Four steps of false position (Illinois rule) between a point outside and one inside."""
        for _ in range(4):
            middle = near + (far - near) * above / np.maximum(above - below, TINY)
            value = self.field(origins + middle * directions)
            inside = value < 0
            near, far = np.where(inside, near, middle), np.where(inside, middle, far)
            above, below = np.where(inside, above / 2, value), np.where(inside, value, below / 2)
        return np.asarray(near + (far - near) * above / np.maximum(above - below, TINY), np.float32)

    def normals(self, points: Float32) -> Float32:
        """Return outward unit normals (3, n)."""
        nudge = np.float32(2e-3)
        slopes = [self.field(points + nudge * axis) - self.field(points - nudge * axis) for axis in _UNIT_VECTORS]
        return unit(np.stack(slopes))


_UNIT_VECTORS = np.eye(3, dtype=np.float32)[:, :, None]


def turned(profile: tuple[tuple[float, float], ...], ribs: int = 0, depth: float = 0.0) -> Solid:
    """Return a solid of revolution: a vase, a pear, a bowl.

    Parameters
    ----------
    profile
        Knots (height, radius), from the foot up; smooth in between.
    ribs, depth
        Number of ribs around it, and how deep they are as a share of the radius.

    Returns
    -------
    Solid
        Its foot at the origin, its axis along y.
    """
    heights, radii = np.array(profile, np.float64).T
    fine = np.linspace(heights[0], heights[-1], 257)
    table = PchipInterpolator(heights, radii)(fine).astype(np.float32)
    low, scale = np.float32(heights[0]), np.float32(256 / (heights[-1] - heights[0]))

    def field(points: Float32) -> Float32:
        x, y, z = points
        position = np.clip((y - low) * scale, 0, np.float32(255.999))
        knot = position.astype(np.int32)
        radius = table[knot] + (position - knot) * (table[knot + 1] - table[knot])
        if ribs:
            radius = radius * (1 + np.float32(depth) * np.cos(np.float32(ribs) * np.arctan2(x, z)))
        caps = np.maximum(low - y, y - np.float32(heights[-1]))
        return np.asarray(np.maximum(np.sqrt(x * x + z * z) - radius, caps))

    reach = float(table.max()) * (1 + depth) + 0.01
    return Solid(field, (-reach, float(heights[0]) - 0.01, -reach), (reach, float(heights[-1]) + 0.01, reach))


def ring(radius: float, thickness: float) -> Solid:
    """Return a torus that lies flat; `thickness` is the radius of its tube."""

    def field(points: Float32) -> Float32:
        x, y, z = points
        around = np.sqrt(x * x + z * z) - np.float32(radius)
        return np.asarray(np.sqrt(around * around + y * y) - np.float32(thickness))

    reach = radius + thickness + 0.01
    return Solid(field, (-reach, -thickness - 0.01, -reach), (reach, thickness + 0.01, reach))


def cushion(half: Triple) -> Solid:
    """Return a cushion that lies flat: thick in the middle, drawn out to four corners."""
    width, thickness, length = (np.float32(edge) for edge in half)

    def field(points: Float32) -> Float32:
        x, z = points[0] / width, points[2] / length
        xx, zz = x * x, z * z
        pinch = 1 + np.float32(0.12) * (xx * zz - np.float32(0.35) * (xx + zz))  # sides drawn in, corners out
        pinch = 1 / (pinch * pinch)
        xx, zz = xx * pinch, zz * pinch
        swell = np.sqrt(np.maximum(1 - xx * xx, 0) * np.maximum(1 - zz * zz, 0))
        return np.asarray(np.abs(points[1]) - thickness * (swell - np.float32(0.04)))

    reach = np.array([half[0] * 1.1, half[1], half[2] * 1.1])
    return Solid(field, tuple(-reach), tuple(reach))


def folds(size: tuple[float, float], depth: float, count: float, sway: float = 0.35) -> Solid:
    """Return a hanging cloth: `size` wide and high, its folds `depth` deep, the hem at y = 0.

    The folds run together toward the top, where the cloth hangs from its rail.
    """
    width, height = size

    def field(points: Float32) -> Float32:
        x, y, z = points
        high = y / np.float32(height)
        along = np.float32(count * 2 * np.pi / width) * (x + np.float32(sway) * np.sin(np.float32(1.3) * x + 2 * high))
        wave = np.sin(along) + np.float32(0.4) * np.sin(np.float32(0.47) * along + 3 * high)
        surface = np.float32(depth) * (np.float32(1.1) - np.float32(0.4) * high) * wave
        outside = np.maximum(np.maximum(np.abs(x) - np.float32(width / 2), -y), y - np.float32(height))
        return np.asarray(np.maximum(np.abs(z - surface) - np.float32(0.05), outside))

    reach = 1.6 * depth + 0.06
    return Solid(field, (-width / 2, 0.0, -reach), (width / 2, height, reach), steps=28)
