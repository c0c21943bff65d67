"""A scene of the demo: a camera's view, a lamp, things, a chart, and the photos to take.

Contents: :class:`CameraView`, :func:`project`; :class:`Lamp`, :class:`Thing`, :class:`Scene`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccharmony.arrays import Float32, Float64
from ccharmony.checker.chart import Box
from ccharmony.records import Split
from ccharmony.sources.demo.shapes import Pose, Shape, Triple
from ccharmony.sources.demo.textures import CHART_HALF, CHART_OUTLINE, GLOSS, Texture


@dataclass(frozen=True)
class CameraView:
    """The camera's position and target, its vertical angle in degrees, the picture's height and width in pixels."""

    eye: Triple
    target: Triple
    angle: float
    size: tuple[int, int]

    @property
    def axes(self) -> Float64:
        """Right, up and backward as rows, shape (3, 3)."""
        backward = np.subtract(self.eye, self.target)
        backward /= np.linalg.norm(backward)
        right = np.cross((0.0, 1.0, 0.0), backward)
        right /= np.linalg.norm(right)
        axes: Float64 = np.stack([right, np.cross(backward, right), backward])
        return axes

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return float(self.size[0] / 2 / np.tan(np.radians(self.angle) / 2))


def project(view: CameraView, points: npt.ArrayLike) -> Float64:
    """Return where points (n, 3) are seen, shape (n, 2): x, y in pixels; (0, 0) is the first pixel's center."""
    right, up, backward = view.axes @ (np.asarray(points, np.float64) - view.eye).T
    height, width = view.size
    x = width / 2 - 0.5 - view.focal * right / backward
    y = height / 2 - 0.5 + view.focal * up / backward
    return np.stack([x, y], axis=-1)


@dataclass(frozen=True)
class Lamp:
    """A distant light: where it is, its angular radius in degrees, and the share of light that the room scatters."""

    toward: Triple
    spread: float = 5.0
    ambient: float = 0.25

    @property
    def middle(self) -> Float64:
        """Unit direction toward the middle of the lamp, shape (3,)."""
        toward = np.array(self.toward)
        return np.asarray(toward / np.linalg.norm(toward), np.float64)

    def samples(self, count: int) -> Float32:
        """Directions toward points of the lamp's disc, shape (count, 3): a sunflower's pattern."""
        middle = self.middle
        side = np.cross(middle, (0.0, 1.0, 0.0))
        side /= np.linalg.norm(side)
        other = np.cross(middle, side)
        rank = np.arange(count)
        reach = np.tan(np.radians(self.spread)) * np.sqrt((rank + 0.5) / count)
        angle = np.pi * (3 - np.sqrt(5)) * rank
        disc = reach[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other)
        directions = middle + disc
        return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Thing:
    """A shape in its position.

    Parameters
    ----------
    shape, pose, texture
        Its shape, its position, and its materials.
    gloss
        How much of the lamp it mirrors, in [0, 1].
    foreground
        Letter of the foreground it belongs to; empty for the background.
    casts
        Whether it shades itself and others; a backdrop need not.
    """

    shape: Shape
    pose: Pose
    texture: Texture
    gloss: float = 0.0
    foreground: str = ""
    casts: bool = True

    @property
    def is_backdrop(self) -> bool:
        """Whether light passes it: a plane ends the scene, and what casts no shadow does not count."""
        return not self.casts or np.isinf(self.shape.radius)

    @property
    def middle(self) -> Float32:
        """Middle of the shape in the scene, shape (3, 1)."""
        return self.pose.leave(np.array(self.shape.middle, np.float32)[:, None])


@dataclass(frozen=True)
class Scene:
    """All that is in view, and the photos to take of it.

    Parameters
    ----------
    name
        Begins the ids of the scene's photos.
    view, lamp
        The camera and the light source.
    chart
        The color checker.
    things
        All the others.
    camera
        A name among ``demo_spectra.CAMERAS``.
    split
        The list that the scene's photos belong to.
    lights
        CIE illuminant -> exposure compensation of that photo, in stops.
    """

    name: str
    view: CameraView
    lamp: Lamp
    chart: Thing
    things: tuple[Thing, ...]
    camera: str
    split: Split
    lights: Mapping[str, float]

    @property
    def everything(self) -> tuple[Thing, ...]:
        """The chart, then the things."""
        return (self.chart, *self.things)

    @property
    def materials(self) -> tuple[str, ...]:
        """Every material in view once, the gloss first."""
        names = [material for thing in self.everything for material in thing.texture.materials]
        return tuple(dict.fromkeys([GLOSS, *names]))

    @property
    def foregrounds(self) -> tuple[str, ...]:
        """Letters of the foregrounds."""
        return tuple(sorted({thing.foreground for thing in self.things} - {""}))

    @property
    def chart_corners(self) -> Float64:
        """Corners of the chart's field of patches in the picture, shape (4, 2): dark skin first, then clockwise."""
        width, height = CHART_OUTLINE
        return self._seen_on_chart([(-width, height), (width, height), (width, -height), (-width, -height)])

    @property
    def chart_box(self) -> Box:
        """x0, y0, x1, y1 around the chart's board, in pixels."""
        width, height, _ = CHART_HALF
        board = self._seen_on_chart([(-width, height), (width, height), (width, -height), (-width, -height)])
        (x0, y0), (x1, y1) = board.min(axis=0) - 1.5, board.max(axis=0) + 1.5
        return float(x0), float(y0), float(x1), float(y1)

    def _seen_on_chart(self, points: list[tuple[float, float]]) -> Float64:
        """Where points (x, y) of the chart's front are seen."""
        front = np.array([(x, y, CHART_HALF[2]) for x, y in points], np.float32)
        return project(self.view, self.chart.pose.leave(front.T).T)
