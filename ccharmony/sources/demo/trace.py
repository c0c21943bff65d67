"""How the demo's scenes become pictures: rays, shadows, and the share of each material in each pixel.

One lamp (and what the room scatters of it) lights a whole scene, so a pixel's color is linear in the colors that its
materials have under that lamp. The rays therefore do not carry color but *shares*: how much of each material, shading
included, a pixel shows. A scene is traced once; any light and any camera is then a product of matrices.

Contents: :class:`Traced`, :func:`trace`, :func:`chart_light`.

References
----------
- B. T. Phong, *Illumination for Computer Generated Pictures*, CACM 18, 1975; J. F. Blinn, SIGGRAPH 1977 (highlights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Bool, Float32, Float64, Int64
from ccharmony.sources.demo.scene import CameraView, Scene, Thing
from ccharmony.sources.demo.shapes import FAR, dot
from ccharmony.sources.demo.textures import CHART_HALF, CHART_OUTLINE, GLOSS

_SHINE = 60.0
_LIFT = np.float32(4e-3)


@dataclass(frozen=True)
class Traced:
    """Some rows of a scene's picture.

    Attributes
    ----------
    shares
        Shape (h, W, materials), float32, in [0, about 1.5]: shading times share of each of ``Scene.materials``.
    coverage
        Letter of a foreground -> shape (h, W), float32: the share of the pixel that it covers.
    """

    shares: Float32
    coverage: dict[str, Float32]


_LAMP_SAMPLES = 16
_VISIBLE = 0.04
_AROUND = tuple((down / 3, right / 3) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)


def trace(scene: Scene, rows: slice) -> Traced:
    """Trace some rows of a scene, the same whichever rows are asked for together.

    Each pixel gets a ray through its center. Where that shows something else than a neighbor's (an edge, a fine
    pattern, the rim of a shadow), eight more rays, which look at other points of the lamp, make nine.
    """
    height, width = rows.stop - rows.start, scene.view.size[1]
    y, x = (positions.ravel() for positions in np.mgrid[rows.start - 1 : rows.stop + 1, 0:width].astype(np.float64))
    lamp = scene.lamp.samples(_LAMP_SAMPLES)
    seen = np.empty((y.size, len(scene.materials) + len(scene.foregrounds)), np.float32)  # rows one after the other
    kind = (2 * (y % 2) + x % 2).astype(int)
    for number in range(4):  # neighbors look at different points of the lamp, so that the rim of a shadow is rough
        pixels = np.flatnonzero(kind == number)
        seen[pixels] = _see(scene, _rays(scene.view, y[pixels], x[pixels]), lamp[number::4])
    rough = np.flatnonzero(_differs(seen.reshape(height + 2, width, -1))) + width
    fine = seen[rough]
    for number, (down, right) in enumerate(_AROUND):
        fine += _see(scene, _rays(scene.view, y[rough] + down, x[rough] + right), lamp[number :: len(_AROUND)])
    seen[rough] = fine / (len(_AROUND) + 1)
    inner = seen[width:-width].reshape(height, width, -1)
    count = len(scene.materials)
    coverage = {letter: inner[..., count + number] for number, letter in enumerate(scene.foregrounds)}
    return Traced(inner[..., :count], coverage)


def chart_light(scene: Scene) -> float:
    """Return how much light the chart of a scene sends back from white: 1 where it faces the lamp."""
    x, y = np.meshgrid(np.linspace(-1, 1, 6), np.linspace(-1, 1, 4))
    positions = np.stack([CHART_OUTLINE[0] * x, CHART_OUTLINE[1] * y, np.full(x.shape, CHART_HALF[2])]).reshape(3, -1)
    points = scene.chart.pose.leave(positions.astype(np.float32))
    normals = scene.chart.pose.axes @ np.tile(np.array([[0], [0], [1]], np.float32), points.shape[1])
    diffuse, _ = _light(scene, 0, points, normals, -normals, scene.lamp.samples(_LAMP_SAMPLES))
    return float(diffuse.mean())


def _differs(seen: Float32) -> Bool:
    """Whether pixels (h + 2, w, n) differ visibly from one of their four neighbors, shape (h, w).

    The n shares are compared after a projection on four directions, of which one at least sees any difference.
    """
    directions = np.random.Generator(np.random.PCG64(5)).standard_normal((seen.shape[-1], 4)).astype(np.float32)
    looks = seen @ directions
    down = np.abs(np.diff(looks, axis=0)).max(-1) > _VISIBLE
    right = np.abs(np.diff(looks, axis=1)).max(-1) > _VISIBLE
    differs: Bool = down[1:] | down[:-1]
    differs[:, 1:] |= right[1:-1]
    differs[:, :-1] |= right[1:-1]
    return differs


def _rays(view: CameraView, y: Float64, x: Float64) -> Float32:
    """Return unit directions (3, n) through positions in the picture in pixels."""
    height, width = view.size
    local = np.stack([x + 0.5 - width / 2, height / 2 - y - 0.5, np.full(x.shape, -view.focal)])
    directions = view.axes.T @ local
    return np.asarray(directions / np.linalg.norm(directions, axis=0), np.float32)


def _see(scene: Scene, directions: Float32, lamp: Float32) -> Float32:
    """Return what rays (3, n) from the camera see, shape (n, materials and foregrounds): the share of each."""
    columns = {name: number for number, name in enumerate((*scene.materials, *scene.foregrounds))}
    seen = np.zeros((directions.shape[1], len(columns)), np.float32)
    eye = np.array(scene.view.eye, np.float32)[:, None]
    distances, nearest = _first_met(scene, eye, directions)
    for number, thing in enumerate(scene.everything):
        rays = np.flatnonzero(nearest == number)
        if not rays.size:
            continue
        points = eye + distances[rays] * directions[:, rays]
        local = thing.pose.enter(points)
        normals = thing.pose.axes @ thing.shape.normals(local)
        diffuse, mirrored = _light(scene, number, points, normals, directions[:, rays], lamp)
        for material, part in zip(thing.texture.materials, thing.texture.shares(local) * diffuse, strict=True):
            seen[rays, columns[material]] += part
        seen[rays, columns[GLOSS]] += np.float32(thing.gloss) * mirrored
        if thing.foreground:
            seen[rays, columns[thing.foreground]] = 1
    return seen


def _first_met(scene: Scene, eye: Float32, directions: Float32) -> tuple[Float32, Int64]:
    """Distance (n,) to the first thing that each ray meets, and the thing's number, -1 for none."""
    nearest = np.full(directions.shape[1], -1)
    distances = np.full(directions.shape[1], FAR)
    for number, thing in enumerate(scene.everything):
        rays = _near(thing, eye, directions)
        met = thing.shape.meet(thing.pose.enter(eye), thing.pose.axes.T @ directions[:, rays])
        closer = met < distances[rays]
        distances[rays[closer]], nearest[rays[closer]] = met[closer], number
    return distances, nearest


def _near(thing: Thing, origins: Float32, directions: Float32, spread: float = 0.0) -> Int64:
    """Rays that come near enough to a thing to meet it, even if turned by `spread` radians; all of them for a plane."""
    if np.isinf(thing.shape.radius):
        return np.arange(np.broadcast_shapes(origins.shape, directions.shape)[1])
    toward = thing.middle - origins
    along = dot(toward, directions)
    reach = np.float32(thing.shape.radius) + np.float32(spread) * np.abs(along)
    return np.flatnonzero((dot(toward, toward) - along * along < reach * reach) & (along > -thing.shape.radius))


def _light(
    scene: Scene, number: int, points: Float32, normals: Float32, directions: Float32, lamp: Float32
) -> tuple[Float32, Float32]:
    """Light that a matt surface sends back and that a varnish mirrors, each (n,); 1 and more face the lamp."""
    facing = lamp @ normals > 0  # (looks, n)
    seen = (facing & ~_shadowed(scene, points + _LIFT * normals, lamp, facing)).mean(0, dtype=np.float32)
    middle = scene.lamp.middle.astype(np.float32)[:, None]
    halfway = middle - directions
    cosine = np.maximum(dot(normals, halfway), 0) / np.sqrt(dot(halfway, halfway))
    key = np.float32(1 - scene.lamp.ambient) * np.maximum(dot(normals, middle), 0)
    ambient = np.float32(scene.lamp.ambient) * _openness(scene, number, points, normals)
    return ambient + key * seen, seen * cosine ** np.float32(_SHINE)


def _shadowed(scene: Scene, points: Float32, lamp: Float32, wanted: Bool) -> Bool:
    """Whether something stands between points (3, n) and directions (looks, 3) of the lamp, where wanted (looks, n)."""
    shadowed = np.zeros_like(wanted)
    for thing in scene.everything:
        if thing.is_backdrop:
            continue
        near = _near(thing, points, lamp.mean(0)[:, None], 1.1 * float(np.radians(scene.lamp.spread)))
        local, toward = thing.pose.enter(points[:, near]), thing.pose.axes.T @ lamp.T
        for look in range(len(lamp)):
            asked = np.flatnonzero(wanted[look, near] & ~shadowed[look, near])
            directions = np.broadcast_to(toward[:, look : look + 1], (3, asked.size))
            shadowed[look, near[asked]] = thing.shape.block(local[:, asked], directions)
    return shadowed


def _openness(scene: Scene, number: int, points: Float32, normals: Float32) -> Float32:
    """Share of the scattered light that reaches points (n,): less below, and less beside other things."""
    openness: Float32 = np.float32(0.75) + np.float32(0.25) * normals[1]
    for other, thing in enumerate(scene.everything):
        if other == number or thing.is_backdrop:
            continue
        toward = thing.middle - points
        distance = np.sqrt(dot(toward, toward))
        facing = dot(toward, normals) / distance
        reach = np.minimum(np.float32(0.6 * thing.shape.radius) / distance, 1)
        openness = openness * (1 - np.float32(0.9) * np.maximum(facing, 0) * reach * reach)
    return openness
