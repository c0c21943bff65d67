"""The props of the demo's scenes: each is a function that returns its things.

Contents: foregrounds :func:`jug`, :func:`fruit_bowl`, :func:`beach_ball`, :func:`ring_tower`, :func:`cactus`,
:func:`gnome`, :func:`tartan_cushion`, :func:`yarn_basket`, :func:`globe`, :func:`mug`; background :func:`blocks`,
:func:`books`, :func:`curtain`, :func:`wall`, :func:`checker`. `position` is where a prop stands on its ground.
"""

from __future__ import annotations

import numpy as np

from ccharmony.arrays import Float32
from ccharmony.sources.demo.scene import Thing
from ccharmony.sources.demo.shapes import Ball, Box, Plane, Pose, Shape, Triple
from ccharmony.sources.demo.solids import cushion, folds, ring, turned
from ccharmony.sources.demo.textures import (
    CHART_HALF,
    Texture,
    bands,
    blend,
    chart,
    checks,
    mottled,
    noise,
    plaid,
    plain,
    spots,
    stripes,
    tiles,
    wood,
)

Things = tuple[Thing, ...]


def jug(position: Triple, letter: str) -> Things:
    """Return a glazed jug with painted bands and a handle at its left."""
    profile = ((0, 0.75), (0.1, 0.82), (0.8, 1.28), (1.45, 1.32), (2.25, 0.78), (2.65, 0.67), (3.15, 0.9), (3.25, 0.92))
    glaze, blue = mottled("porcelain", "linen", 1.4, contrast=0.5), plain("royal")
    painted = bands(
        (0.4, 0.6, 1.0, 1.75, 1.95, 3.0),
        (plain("cobalt"), glaze, blue, spots(glaze, plain("cobalt"), 0.5, 0.32), blue, glaze, blue),
    )
    handle = Pose(_beside(position, -1.2, 1.85), pitch=90)
    return (
        Thing(turned(profile), Pose(position, yaw=25), painted, 0.5, letter),
        Thing(ring(0.7, 0.14), handle, blue, 0.5, letter),
    )


def fruit_bowl(position: Triple, letter: str) -> Things:
    """Return a bowl with an orange, an apple, a lemon and a pear."""
    bowl = turned(((0, 0.7), (0.1, 0.74), (0.2, 0.7), (0.5, 1.3), (0.95, 1.68), (1.0, 1.7)))
    pear = turned(((-0.9, 0.02), (-0.86, 0.3), (-0.4, 0.78), (0.1, 0.66), (0.7, 0.34), (1.1, 0.24), (1.2, 0.02)))

    def ripeness(points: Float32) -> Float32:
        green: Float32 = 0.35 * noise(points * np.float32(1.6), 2) + 0.8 * points[1] + 0.1 * points[0]
        return green

    apple = blend(mottled("cherry", "raspberry", 0.5, (0.4, 2, 0.4)), plain("apple"), ripeness)
    freckled = spots(mottled("lime", "honey", 0.9), plain("teak"), 0.1, 0.12)

    def fruit(shape: Shape, x: float, y: float, z: float, peel: Texture, gloss: float, turn: Triple) -> Thing:
        return Thing(shape, Pose(_beside(position, x, y, z), *turn), peel, gloss, letter)

    return (
        Thing(
            bowl, Pose(position), bands((0.7, 0.85), (plain("petrol"), plain("foam"), plain("petrol"))), 0.35, letter
        ),
        fruit(
            Ball((0.72, 0.7, 0.72)),
            -0.75,
            1.3,
            0.35,
            mottled("orange", "tangerine", 0.16, contrast=0.9),
            0.12,
            (0, 0, 0),
        ),
        fruit(Ball((0.7, 0.67, 0.7)), 0.6, 1.3, 0.75, apple, 0.35, (20, 10, 0)),
        fruit(
            Ball((0.86, 0.6, 0.6)), 0.8, 1.25, -0.5, mottled("lemon", "butter", 0.2, contrast=0.8), 0.15, (30, 0, 20)
        ),
        fruit(pear, -0.2, 1.9, -0.45, freckled, 0.15, (30, 8, 12)),
    )


def beach_ball(position: Triple, radius: float, letter: str) -> Things:
    """Return a ball with broad stripes."""
    skin = stripes((plain("coral"), plain("ivory"), plain("turquoise"), plain("butter")), radius / 3, shift=0.5)
    return (Thing(Ball((radius,) * 3), Pose(_beside(position, 0, radius), 25, 20, 35), skin, 0.45, letter),)


def ring_tower(position: Triple, letter: str) -> Things:
    """Return a wooden peg with colored rings, the largest below, and a ball on top."""
    peg = turned(((0, 1.05), (0.18, 1.08), (0.3, 1.0), (0.32, 0.25), (2.5, 0.2)))
    colors = (("raspberry", 0.52), ("tangerine", 0.98), ("lemon", 1.42), ("grass", 1.84), ("azure", 2.24))
    rings = [
        Thing(ring(0.64 - 0.1 * number, 0.24), Pose(_beside(position, 0, height)), plain(color), 0.4, letter)
        for number, (color, height) in enumerate(colors)
    ]
    ball = Thing(Ball((0.33, 0.33, 0.33)), Pose(_beside(position, 0, 2.72)), plain("cherry"), 0.5, letter)
    return (Thing(peg, Pose(position), wood("hay", "oak", 0.2, "y"), 0.1, letter), *rings, ball)


def cactus(position: Triple, letter: str) -> Things:
    """Return a ribbed cactus in bloom, in a clay pot."""
    pot = turned(((0, 0.72), (0.05, 0.76), (1.1, 1.05), (1.12, 1.18), (1.45, 1.22), (1.47, 1.0)))
    stem = turned(((0, 0.55), (0.4, 0.8), (1.2, 0.88), (2.0, 0.72), (2.4, 0.35), (2.46, 0.02)), ribs=14, depth=0.09)
    skin = spots(mottled("thyme", "pine", 0.5), plain("celery"), 0.12, 0.16)
    bloom = stripes((plain("magenta"), plain("rose")), 0.09)
    return (
        Thing(pot, Pose(position), mottled("terracotta", "salmon", 0.35, (1, 0.5, 1), 0.7), 0.02, letter),
        Thing(stem, Pose(_beside(position, 0, 1.4)), skin, 0.05, letter),
        Thing(Ball((0.32, 0.26, 0.32)), Pose(_beside(position, 0.15, 3.88, 0.15)), bloom, 0.05, letter),
    )


def gnome(position: Triple, letter: str) -> Things:
    """Return a garden gnome: coat, face with nose and eyes, beard, pointed hat."""
    coat = turned(((0, 0.95), (0.05, 1.0), (0.5, 0.92), (1.1, 0.72), (1.6, 0.3)))
    belt = bands((0.12, 0.62, 0.82), (plain("chestnut"), plain("cobalt"), plain("saddle"), plain("cobalt")))
    beard = turned(((0, 0.02), (0.15, 0.2), (0.7, 0.46), (1.0, 0.3)))
    hat = turned(((0, 0.66), (0.06, 0.68), (0.5, 0.46), (1.1, 0.18), (1.55, 0.02)))
    hair = mottled("chalk", "cloud", 0.12, (0.5, 3, 0.5))
    felt = mottled("cherry", "oxblood", 0.8)
    eyes = [
        Thing(Ball((0.05, 0.065, 0.05)), Pose(_beside(position, side, 1.97, 0.48)), plain("ink"), 0.3, letter)
        for side in (-0.2, 0.2)
    ]
    return (
        Thing(coat, Pose(position), belt, 0.08, letter),
        Thing(Ball((0.56, 0.55, 0.52)), Pose(_beside(position, 0, 1.85)), plain("clay"), 0.05, letter),
        Thing(Ball((0.14, 0.13, 0.14)), Pose(_beside(position, 0, 1.86, 0.55)), plain("salmon"), 0.1, letter),
        *eyes,
        Thing(beard, Pose(_beside(position, 0, 0.78, 0.35), pitch=8), hair, 0.0, letter),
        Thing(hat, Pose(_beside(position, 0, 2.1, -0.05), pitch=10, roll=6), felt, 0.08, letter),
    )


def tartan_cushion(position: Triple, letter: str) -> Things:
    """Return a cushion that leans back on one edge."""
    cloth = plaid("oxblood", "pine", "mustard", 0.95)
    return (Thing(cushion((1.7, 0.62, 1.7)), Pose(_beside(position, 0, 1.62), 14, 68), cloth, 0.0, letter),)


def yarn_basket(position: Triple, letter: str) -> Things:
    """Return a wicker basket with three balls of yarn."""
    basket = turned(((0, 0.95), (0.1, 1.0), (0.6, 1.22), (1.1, 1.32), (1.2, 1.38), (1.32, 1.36), (1.34, 1.2)))
    weave = tiles(mottled("hay", "straw", 0.2), plain("walnut"), (0.34, 0.17), 0.035, bond=True)

    def yarn(x: float, y: float, z: float, radius: float, light: str, dark: str, turn: float) -> Thing:
        thread = stripes((plain(light), plain(light), plain(dark)), 0.045)
        wound = blend(thread, mottled(light, dark, 0.3), lambda points: 0.7 * noise(points * np.float32(1.4), 1) + 0.4)
        ball = Ball((radius, radius * 0.95, radius))
        return Thing(ball, Pose(_beside(position, x, y, z), turn, 30, turn), wound, 0.0, letter)

    return (
        Thing(basket, Pose(position), weave, 0.02, letter),
        yarn(-0.55, 1.6, 0.3, 0.66, "peony", "magenta", 20),
        yarn(0.55, 1.55, 0.4, 0.6, "sky", "azure", 70),
        yarn(0.05, 1.75, -0.5, 0.68, "butter", "mustard", 130),
    )


def globe(position: Triple, letter: str) -> Things:
    """Return a globe with seas, lands and ice in a brass ring, on a wooden foot."""
    middle = _beside(position, 0, 2.1)
    foot = turned(((0, 0.85), (0.1, 0.87), (0.2, 0.6), (0.32, 0.2), (0.75, 0.14)))

    def is_land(points: Float32) -> Float32:
        land: Float32 = (noise(points * np.float32(1.3) + np.float32(4.2), 4) - 0.12) * 14
        return land

    def is_ice(points: Float32) -> Float32:
        ice: Float32 = (np.abs(points[1]) - 1.1 + 0.12 * noise(points * np.float32(3), 2)) * 20
        return ice

    earth = blend(plain("ocean"), mottled("apple", "hay", 0.35, contrast=1.4), is_land)
    return (
        Thing(Ball((1.3, 1.3, 1.3)), Pose(middle, 30, 0, 20), blend(earth, plain("ivory"), is_ice), 0.35, letter),
        Thing(ring(1.42, 0.07), Pose(middle, pitch=90), plain("brass"), 0.6, letter),
        Thing(foot, Pose(position), wood("chestnut", "walnut", 0.2, "y"), 0.3, letter),
    )


def mug(position: Triple, letter: str) -> Things:
    """Return a mug with a checkered band and a handle at its right."""
    body = turned(((0, 0.62), (0.06, 0.7), (0.2, 0.74), (1.5, 0.76), (1.56, 0.74), (1.57, 0.66)))
    cream, coral = plain("cream"), plain("coral")
    glaze = bands((0.45, 0.55, 1.05, 1.15), (coral, cream, checks(cream, plain("petrol"), 0.25, "xy"), cream, coral))
    return (
        Thing(body, Pose(position, yaw=-20), glaze, 0.45, letter),
        Thing(ring(0.42, 0.1), Pose(_beside(position, 0.85, 0.82, 0.1), -15, 90), coral, 0.45, letter),
    )


def blocks(position: Triple) -> Things:
    """Return three painted blocks, one upon two."""
    edge = 0.6

    def block(x: float, y: float, turn: float, color: str) -> Thing:
        sides = tiles(plain(color), wood("hay", "oak", 0.2), (2 * edge, 2 * edge), 0.16, bond=False)
        return Thing(Box((edge, edge, edge)), Pose(_beside(position, x, y), turn), sides, 0.1)

    return (block(-0.75, edge, 12, "violet"), block(0.7, edge, -8, "emerald"), block(0, 3 * edge, 25, "cherry"))


def books(left: Triple) -> Things:
    """Return a row of books with gilt spines, from `left` to the right."""
    covers = ("oxblood", "navy", "mustard", "fir", "plum", "clay", "ocean", "brick", "ivory", "damson", "moss", "steel",
              "saddle", "ink")  # fmt: skip
    heights = (2.9, 3.2, 2.5, 3.0, 3.3, 2.7, 3.1, 2.6, 2.9, 3.2, 2.8, 3.1, 2.6, 3.2)

    def book(number: int, cover: str, height: float) -> Thing:
        gilt = tuple(height * share for share in (0.12, 0.16, 0.3, 0.34))
        spine = bands(gilt, (plain(cover), plain("brass"), plain(cover), plain("brass"), plain(cover)))
        pose = Pose(_beside(left, 0.76 * number, height / 2), yaw=(number * 37) % 5 - 2)
        return Thing(Box((0.36, height / 2, 1.0)), pose, spine, 0.05)

    return tuple(book(number, *kind) for number, kind in enumerate(zip(covers, heights, strict=True)))


def curtain(position: Triple) -> Things:
    """Return a striped curtain across the view, and the dark behind it."""
    cloth = stripes((mottled("sage", "reed", 0.3, (0.3, 3, 1)), plain("linen"), plain("sage"), plain("fir")), 0.5)
    hanging = Thing(folds((13.5, 7.0), 0.3, 11), Pose(_beside(position, 0, 0.06)), cloth, casts=False)
    return (hanging, wall(position[2] - 0.9, plain("bark")))


def wall(z: float, texture: Texture) -> Thing:
    """Return a wall across the view; on it the texture's x runs along, its z down."""
    return Thing(Plane(), Pose((0.0, 0.0, z), pitch=-90.0), texture)


def checker(x: float, z: float, yaw: float, pitch: float) -> Thing:
    """Return the color checker, standing on its lower edge and leaning back by `pitch` degrees."""
    tilt, half = float(np.radians(pitch)), CHART_HALF[1]
    position = (x, half * float(np.cos(tilt)) + 0.03, z - half * float(np.sin(tilt)))
    return Thing(Box(CHART_HALF), Pose(position, yaw, pitch), chart("coal"))


def _beside(position: Triple, x: float, y: float, z: float = 0.0) -> Triple:
    return position[0] + x, position[1] + y, position[2] + z
