"""Shapes of the demo: where a ray meets them, which way their surface faces, where on them a point lies.

Points and directions are float32 arrays (3, n): x right, y up, z toward the viewer, one unit a decimeter. Each shape
answers in a frame of its own, in which it stands upright at the origin, and a :class:`Pose` places it in the scene.

Contents: :class:`Pose`; :class:`Shape` and its kinds :class:`Plane`, :class:`Ball`, :class:`Box` (and the solids of
``demo_solids``); :func:`slabs`, :func:`unit`, :func:`dot`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Bool, Float32

Triple = tuple[float, float, float]

FAR = np.float32(1e6)
"""Distance of a shape that a ray does not meet."""

NEAR = np.float32(1e-3)
"""A ray that meets a shape nearer than this has started on it."""

TINY = np.float32(1e-9)
"""Keeps divisions finite."""


@dataclass(frozen=True)
class Pose:
    """Place and attitude: first rolled about z, then pitched about x (tilted back), then yawed about y; in degrees."""

    position: Triple = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def axes(self) -> Float32:
        """The shape's own axes as columns, shape (3, 3), in the scene."""
        (sy, cy), (sp, cp), (sr, cr) = ((np.sin(a), np.cos(a)) for a in np.radians([self.yaw, self.pitch, self.roll]))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(yaw @ pitch @ roll, np.float32)

    def enter(self, points: Float32) -> Float32:
        """Bring points (3, n) of the scene into the shape's frame."""
        return self.axes.T @ (points - np.array(self.position, np.float32)[:, None])

    def leave(self, points: Float32) -> Float32:
        """Bring points (3, n) of the shape's frame into the scene."""
        return self.axes @ points + np.array(self.position, np.float32)[:, None]


@dataclass(frozen=True)
class Shape(ABC):
    """Something a ray can meet, in its own frame."""

    @property
    @abstractmethod
    def radius(self) -> float:
        """Radius of a ball around :attr:`middle` that holds the shape; infinite for a plane."""

    @property
    def middle(self) -> Triple:
        """Middle of that ball."""
        return (0.0, 0.0, 0.0)

    @abstractmethod
    def meet(self, origins: Float32, directions: Float32) -> Float32:
        """Distances (n,) at which rays from `origins` (3, n) or (3, 1) first enter, :data:`FAR` where they pass."""

    def block(self, origins: Float32, directions: Float32) -> Bool:
        """Whether rays (n,) meet the shape at all; may be coarser than :meth:`meet`, since shadows are soft."""
        return self.meet(origins, directions) < FAR

    @abstractmethod
    def normals(self, points: Float32) -> Float32:
        """Outward unit normals (3, n) at points of the surface."""


@dataclass(frozen=True)
class Plane(Shape):
    """The plane y = 0, facing up."""

    @property
    def radius(self) -> float:
        """Radius of a ball around the middle that holds the shape."""
        return float("inf")

    def meet(self, origins: Float32, directions: Float32) -> Float32:
        """Return distances (n,); see :meth:`Shape.meet`."""
        distance = -origins[1] / np.minimum(directions[1], -TINY)
        return np.where((directions[1] < 0) & (distance > NEAR), distance, FAR)

    def normals(self, points: Float32) -> Float32:
        """Return outward unit normals (3, n)."""
        up = np.zeros_like(points)
        up[1] = 1
        return up


@dataclass(frozen=True)
class Ball(Shape):
    """An ellipsoid of three half axes."""

    half: Triple

    @property
    def radius(self) -> float:
        """Radius of a ball around the middle that holds the shape."""
        return max(self.half)

    def meet(self, origins: Float32, directions: Float32) -> Float32:
        """Return distances (n,); see :meth:`Shape.meet`."""
        half = np.array(self.half, np.float32)[:, None]
        o, d = origins / half, directions / half
        a, b, c = dot(d, d), dot(o, d), dot(o, o) - 1
        root = b * b - a * c
        distance = (-b - np.sqrt(np.maximum(root, 0))) / a
        return np.where((root > 0) & (distance > NEAR), distance, FAR)

    def normals(self, points: Float32) -> Float32:
        """Return outward unit normals (3, n)."""
        return unit(points / np.array(self.half, np.float32)[:, None] ** 2)


@dataclass(frozen=True)
class Box(Shape):
    """A box of three half edges."""

    half: Triple

    @property
    def radius(self) -> float:
        """Radius of a ball around the middle that holds the shape."""
        return float(np.linalg.norm(self.half))

    def meet(self, origins: Float32, directions: Float32) -> Float32:
        """Return distances (n,); see :meth:`Shape.meet`."""
        enter, leave = slabs(origins, directions, (-np.array(self.half), np.array(self.half)))
        return np.where((enter < leave) & (enter > NEAR), enter, FAR)

    def normals(self, points: Float32) -> Float32:
        """Return outward unit normals (3, n)."""
        relative = points / np.array(self.half, np.float32)[:, None]
        outermost = np.abs(relative).argmax(0)
        normals = np.zeros_like(points)
        np.put_along_axis(normals, outermost[None], np.sign(np.take_along_axis(relative, outermost[None], 0)), 0)
        return normals


def slabs(
    origins: Float32, directions: Float32, corners: tuple[npt.ArrayLike, npt.ArrayLike]
) -> tuple[Float32, Float32]:
    """Return the distances (n,) at which rays enter and leave a box between two corners."""
    low, high = (np.asarray(corner, np.float32)[:, None] for corner in corners)
    inverse = np.float32(1) / np.where(np.abs(directions) < TINY, TINY, directions)
    one, other = (low - origins) * inverse, (high - origins) * inverse
    return np.minimum(one, other).max(0), np.maximum(one, other).min(0)


def unit(vectors: Float32) -> Float32:
    """Return vectors (3, …) at length 1."""
    return np.asarray(vectors / np.maximum(np.sqrt(dot(vectors, vectors)), TINY))


def dot(one: Float32, other: Float32) -> Float32:
    """Return the scalar products of vectors (3, …), which is faster written out than summed over an axis."""
    return np.asarray(one[0] * other[0] + one[1] * other[1] + one[2] * other[2])
