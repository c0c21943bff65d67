"""The five scenes of the demo: their things, cameras and lights.

The lights of a scene are CIE illuminants; the number is the exposure compensation of that photo in stops.
"""

from __future__ import annotations

import numpy as np

from ccharmony.sources.demo import props
from ccharmony.sources.demo.scene import CameraView, Lamp, Scene, Thing
from ccharmony.sources.demo.shapes import Plane, Pose
from ccharmony.sources.demo.textures import blend, mottled, noise, plain, stripes, tiles, wood

LARGE, SMALL = (480, 720), (320, 480)


def _kitchen() -> Scene:
    """Stand a jug and a bowl of fruit before tiles."""
    tiled = tiles(mottled("linen", "ice", 1.0, contrast=0.7), plain("plaster"), (1.5, 1.5), 0.06, bond=False, axes="xz")
    return Scene(
        name="kitchen",
        view=CameraView((0.3, 4.1, 13.2), (0.25, 1.6, 0), 30.5, LARGE),
        lamp=Lamp((-0.6, 0.9, 0.85), 5.0, 0.3),
        chart=props.checker(3.85, 0.6, -14, 12),
        things=(
            Thing(Plane(), Pose(), wood("oak", "saddle", 0.25, "x", 1.3), 0.03),
            props.wall(-3.2, tiled),
            *props.jug((-3.3, 0, -0.3), "a"),
            *props.fruit_bowl((-0.45, 0, 1.0), "b"),
        ),
        camera="Nikon",
        split="train",
        lights={"A": 0.1, "D50": 0, "D65": 0.2, "D100": -0.4, "FL2": -0.2, "LED-V2": 0},
    )


def _nursery() -> Scene:
    """Stand a ball, a tower of rings and painted blocks before a striped wallpaper."""
    paper = stripes((plain("vanilla"), plain("cream"), plain("apricot"), plain("cream")), 0.55)
    return Scene(
        name="nursery",
        view=CameraView((-0.3, 4.4, 12.8), (-0.25, 1.45, 0), 30.5, SMALL),
        lamp=Lamp((0.55, 0.9, 0.8), 6.0, 0.32),
        chart=props.checker(-3.6, 0.4, 12, 10),
        things=(
            Thing(Plane(), Pose(), mottled("denim", "mist", 0.12, contrast=1.0)),
            props.wall(-3.6, paper),
            *props.blocks((1.3, 0, -2.25)),
            *props.beach_ball((-0.35, 0, 0.8), 1.25, "a"),
            *props.ring_tower((3.1, 0, 0.3), "b"),
        ),
        camera="Sigma",
        split="train",
        lights={"A": 0, "D60": 0.1, "D75": 0, "FL1": -0.5, "FL11": -0.2, "LED-B3": 0.1},
    )


def _garden() -> Scene:
    """Stand a cactus and a gnome on a lawn before a brick wall."""
    clay = mottled("brick", "chestnut", 0.5, (2, 1, 1), 1.6)
    bricks = tiles(clay, mottled("plaster", "putty", 0.2), (1.15, 0.42), 0.06, bond=True, axes="xz")
    grass = mottled("grass", "moss", 0.1, (1, 1, 0.4), 1.4)
    lawn = blend(grass, plain("leaf"), lambda points: 0.5 * noise(points * np.float32(0.7), 2))
    return Scene(
        name="garden",
        view=CameraView((0.1, 4.0, 12.6), (0.15, 1.6, 0), 30, SMALL),
        lamp=Lamp((-0.5, 1.0, 0.75), 2.0, 0.35),
        chart=props.checker(3.5, -0.3, -10, 14),
        things=(
            Thing(Plane(), Pose(), lawn),
            props.wall(-2.6, bricks),
            *props.cactus((-2.9, 0, 0), "a"),
            *props.gnome((0.35, 0, 0.6), "b"),
        ),
        camera="Nikon",
        split="test",
        lights={"D50": -0.7, "D65": -0.3, "D100": -0.55, "FL7": -0.1, "FL9": -0.5, "ISO 7589 Photoflood": -0.5},
    )


def _textiles() -> Scene:
    """Stand a tartan cushion and a basket of yarn before a curtain."""
    return Scene(
        name="textiles",
        view=CameraView((0.3, 3.9, 12.8), (0.25, 1.6, 0), 31, LARGE),
        lamp=Lamp((-0.42, 0.85, 0.9), 6.0, 0.3),
        chart=props.checker(3.7, 0.3, -8, 9),
        things=(
            Thing(Plane(), Pose(), wood("walnut", "chestnut", 0.3, "x", 1.6), 0.04),
            *props.curtain((0, 0, -2.7)),
            *props.tartan_cushion((-2.9, 0, -0.6), "a"),
            *props.yarn_basket((0.2, 0, 0.7), "b"),
        ),
        camera="Nikon",
        split="train",
        lights={"D50": -0.3, "D55": -0.8, "D75": -0.2, "FL8": -0.3, "FL3.13": -0.4, "HP5": -0.25},
    )


def _study() -> Scene:
    """Stand a globe and a mug before a row of books."""
    return Scene(
        name="study",
        view=CameraView((-0.3, 3.7, 12.8), (-0.25, 1.6, 0), 30.5, SMALL),
        lamp=Lamp((0.5, 0.85, 0.9), 5.0, 0.28),
        chart=props.checker(-3.65, 0.7, 14, 12),
        things=(
            Thing(Plane(), Pose(), wood("oak", "chestnut", 0.3, "x"), 0.06),
            props.wall(-3.4, mottled("mist", "pearl", 2.0, contrast=0.6)),
            *props.books((-4.9, 0, -2.2)),
            *props.globe((-0.4, 0, 0.2), "a"),
            *props.mug((3.0, 0, 1.2), "b"),
        ),
        camera="Sigma",
        split="test",
        lights={"A": -0.2, "D55": 0, "D65": -0.4, "FL2": 0, "FL3.14": -0.1, "LED-B4": -0.1},
    )


SCENES = (_kitchen(), _nursery(), _garden(), _textiles(), _study())
