"""The demo's shapes and textures: where rays meet them, and that their shares add up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccharmony.sources.demo.shapes import FAR, Ball, Box, Plane, Pose, Shape
from ccharmony.sources.demo.solids import Solid, cushion, folds, ring, turned
from ccharmony.sources.demo.textures import (
    Texture,
    bands,
    blend,
    chart,
    checks,
    mottled,
    plaid,
    plain,
    spots,
    stripes,
    tiles,
    wood,
)


def shoot(shape: Shape, origin: tuple[float, float, float], *directions: tuple[float, float, float]) -> np.ndarray:
    rays = np.array(directions, np.float32).T
    return shape.meet(np.array(origin, np.float32)[:, None], rays / np.linalg.norm(rays, axis=0).astype(np.float32))


def test_rays_meet_shapes_where_geometry_says() -> None:
    down, aside = (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)
    assert shoot(Plane(), (0, 3, 0), down, aside).tolist() == [3, FAR]
    assert shoot(Ball((1, 2, 1)), (0, 5, 0), down, aside).tolist() == [3, FAR]
    assert shoot(Box((1, 0.5, 1)), (0, 5, 0), down, aside).tolist() == pytest.approx([4.5, FAR])


def test_a_solid_ball_is_met_where_the_analytic_one_is() -> None:
    field: Callable[[np.ndarray], np.ndarray] = lambda points: np.sqrt((points * points).sum(0)) - np.float32(1)  # noqa: E731
    solid, ball = Solid(field, (-1.1,) * 3, (1.1,) * 3), Ball((1, 1, 1))
    aims = [(x / 5, y / 5, -5.0) for x in range(-6, 7) for y in range(-6, 7)]
    by_walking, by_formula = shoot(solid, (0, 0, 5), *aims), shoot(ball, (0, 0, 5), *aims)
    np.testing.assert_allclose(by_walking, by_formula, atol=2e-3)
    met = by_formula < FAR
    assert 50 < met.sum() < 169
    points = np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32)
    points /= np.linalg.norm(points, axis=0)
    np.testing.assert_allclose(solid.normals(points), ball.normals(points), atol=2e-3)


def test_a_ring_has_a_hole() -> None:
    down = (0.0, -1.0, 0.0)
    assert shoot(ring(1.0, 0.2), (0, 3, 0), down).tolist() == [FAR]
    assert shoot(ring(1.0, 0.2), (1, 3, 0), down).tolist() == pytest.approx([2.8], abs=1e-3)


def test_a_turned_shape_follows_its_profile() -> None:
    vase = turned(((0, 1.0), (1, 2.0), (2, 0.5)))
    for height, radius in ((0.01, 1.0), (1.0, 2.0), (1.99, 0.5)):
        assert shoot(vase, (5, height, 0), (-1.0, 0.0, 0.0))[0] == pytest.approx(5 - radius, abs=0.05)


def test_soft_solids_are_met_from_the_front() -> None:
    assert shoot(cushion((1, 0.4, 1)), (0, 3, 0), (0.0, -1.0, 0.0))[0] == pytest.approx(3 - 0.4 * 0.96, abs=0.01)
    assert 2.5 < shoot(folds((4, 3), 0.2, 4), (0, 1.5, 3), (0.0, 0.0, -1.0))[0] < 3.4


def test_a_pose_is_undone_by_its_way_back() -> None:
    pose = Pose((1, 2, 3), 30, -20, 70)
    points = np.random.default_rng(1).standard_normal((3, 20)).astype(np.float32)
    np.testing.assert_allclose(pose.enter(pose.leave(points)), points, atol=1e-5)
    np.testing.assert_allclose(pose.axes @ pose.axes.T, np.eye(3), atol=1e-6)
    tilted_back = Pose(pitch=30).axes @ [0, 1, 0]
    assert tilted_back == pytest.approx([0, np.cos(np.pi / 6), -0.5])


TEXTURES = [
    plain("rose"),
    mottled("rose", "pink", 0.3),
    blend(plain("rose"), plain("pink"), lambda points: points[0]),
    stripes((plain("rose"), plain("pink"), mottled("moss", "fern", 0.2)), 0.3),
    tiles(plain("rose"), plain("pink"), (0.5, 0.3), 0.05, bond=True),
    checks(plain("rose"), plain("pink"), 0.2),
    plaid("rose", "pink", "moss", 0.7),
    wood("oak", "teak", plank=0.6),
    spots(plain("rose"), plain("pink"), 0.2),
    bands((-0.2, 0.3), (plain("rose"), plain("pink"), plain("moss"))),
    chart("coal"),
]


@pytest.mark.parametrize("texture", TEXTURES, ids=lambda texture: "-".join(texture.materials[:2]))
def test_the_shares_of_a_texture_add_up_to_one(texture: Texture) -> None:
    points = np.random.default_rng(3).uniform(-1.5, 1.5, (3, 500)).astype(np.float32)
    shares = texture.shares(points)
    assert shares.shape == (len(texture.materials), 500)
    assert shares.min() >= 0
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-5)
