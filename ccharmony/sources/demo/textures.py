"""Textures of the demo: of which materials a surface consists, point by point.

A texture takes points (3, n) of a shape's own frame and says which share of each of its materials lies there. Shares
add up to 1 or, in grooves, to less.

Contents: :class:`Texture`, :func:`noise`; :func:`plain`, :func:`mottled`, :func:`blend`, :func:`stripes`,
:func:`tiles`, :func:`checks`, :func:`plaid`, :func:`wood`, :func:`spots`, :func:`bands`, :func:`chart`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ccharmony.arrays import Float32, UInt8

Triple = tuple[float, float, float]

GLOSS = "gloss"
"""What varnish mirrors: the lamp itself; also a perfect white."""

PATCHES = tuple(f"patch {number}" for number in range(1, 25))
"""Materials of the chart, standard chart order: dark skin is ``patch 1``, black ``patch 24``."""


@dataclass(frozen=True)
class Texture:
    """Materials and where they are.

    Parameters
    ----------
    materials
        Names of m materials.
    shares
        Points (3, n) → shares (m, n) in [0, 1].
    """

    materials: tuple[str, ...]
    shares: Callable[[Float32], Float32]


_HASH = np.random.Generator(np.random.PCG64(24)).permutation(256).astype(np.uint8)
_VALUES = np.random.Generator(np.random.PCG64(2005)).uniform(-1, 1, 256).astype(np.float32)


def noise(points: Float32, octaves: int = 3) -> Float32:
    """Return smooth random values (n,), about in [-1, 1], that vary over one unit and, more weakly, over less."""
    total = np.zeros(points.shape[1], np.float32)
    for octave in range(octaves):
        total += _value_noise(points * np.float32(2**octave) + np.float32(17.3 * octave)) / np.float32(2**octave)
    return total


def _value_noise(points: Float32) -> Float32:
    """Random values at the points of a grid, blended in between."""
    cell = np.floor(points)
    position = points - cell
    x, y, z = position * position * (3 - 2 * position)
    i, j, k = cell.astype(np.int32).astype(np.uint8)
    corners = [[_HASH[_HASH[i + a] + j + b] for b in _BYTES] for a in _BYTES]
    planes = [_mix(_mix(_at(corners, 0, 0, k + c), _at(corners, 1, 0, k + c), x),
                   _mix(_at(corners, 0, 1, k + c), _at(corners, 1, 1, k + c), x), y) for c in _BYTES]  # fmt: skip
    return _mix(planes[0], planes[1], z)


_BYTES = (np.uint8(0), np.uint8(1))


def _at(corners: list[list[UInt8]], a: int, b: int, k: UInt8) -> Float32:
    return np.asarray(_VALUES[corners[a][b] + k])


def _mix(one: Float32, other: Float32, share: Float32) -> Float32:
    return np.asarray(one + share * (other - one))


def plain(material: str) -> Texture:
    """Return one material everywhere."""
    return Texture((material,), lambda points: np.ones((1, points.shape[1]), np.float32))


def blend(one: Texture, other: Texture, share: Callable[[Float32], Float32]) -> Texture:
    """Return two textures in one: `share` says how much of the `other` lies at points (3, n)."""

    def shares(points: Float32) -> Float32:
        part = np.clip(share(points), 0, 1)
        return np.concatenate([one.shares(points) * (1 - part), other.shares(points) * part])

    return Texture(one.materials + other.materials, shares)


def mottled(one: str, other: str, size: float, stretch: Triple = (1.0, 1.0, 1.0), contrast: float = 1.2) -> Texture:
    """Return two materials that pass into each other in patches of about `size`, drawn out by `stretch`."""
    scale = (1 / (size * np.array(stretch))).astype(np.float32)[:, None]
    return blend(plain(one), plain(other), lambda points: 0.5 + np.float32(contrast / 2) * noise(points * scale))


def stripes(textures: tuple[Texture, ...], width: float, axis: int = 0, shift: float = 0.0) -> Texture:
    """Return textures that take turns along an axis (0, 1, 2), each `width` wide."""
    materials = tuple(material for texture in textures for material in texture.materials)

    def shares(points: Float32) -> Float32:
        turn = np.floor(points[axis] / np.float32(width) + np.float32(shift)).astype(np.int32) % len(textures)
        return np.concatenate([texture.shares(points) * (turn == number) for number, texture in enumerate(textures)])

    return Texture(materials, shares)


def tiles(
    tile: Texture, joint: Texture, size: tuple[float, float], gap: float, bond: bool, axes: str = "xy"
) -> Texture:
    """Return tiles of `size` with joints `gap` wide; with `bond` every other row is shifted by half, as in brick."""
    across, along = ("xyz".index(axis) for axis in axes)

    def is_joint(points: Float32) -> Float32:
        row = np.floor(points[along] / np.float32(size[1]))
        u = points[across] / np.float32(size[0]) + (row % 2) * np.float32(0.5 if bond else 0.0)
        v = points[along] / np.float32(size[1])
        inside = ((u - np.floor(u)) * size[0] > gap) & ((v - row) * size[1] > gap)
        return np.where(inside, np.float32(0), np.float32(1))

    return blend(tile, joint, is_joint)


def checks(one: Texture, other: Texture, size: float, axes: str = "xz") -> Texture:
    """Return a checkerboard on two axes."""
    across, along = ("xyz".index(axis) for axis in axes)

    def odd(points: Float32) -> Float32:
        squares = np.floor(points[across] / np.float32(size)) + np.floor(points[along] / np.float32(size))
        return np.asarray(squares % 2, np.float32)

    return blend(one, other, odd)


def plaid(ground: str, broad: str, narrow: str, size: float, axes: str = "xz") -> Texture:
    """Return a woven tartan: warp and weft show in turn where they cross."""
    across, along = ("xyz".index(axis) for axis in axes)

    def thread(position: Float32) -> Float32:
        """Return half the share of ground, broad and narrow along one direction, shape (3, n)."""
        phase = position / np.float32(size) - np.floor(position / np.float32(size))
        wide, thin = (phase > 0.15) & (phase < 0.55), (np.abs(phase - np.float32(0.8)) < 0.035)
        return np.stack([~wide & ~thin, wide, thin]).astype(np.float32) * np.float32(0.5)

    return Texture((ground, broad, narrow), lambda points: thread(points[across]) + thread(points[along]))


def wood(light: str, dark: str, ring: float = 0.16, axis: str = "x", plank: float = 0.0) -> Texture:
    """Return wood cut along `axis`, with growth rings and pores; boards are `plank` wide, 0 stands for one piece."""
    along = "xyz".index(axis)
    across = [number for number in range(3) if number != along]

    def darkness(points: Float32) -> Float32:
        board = np.floor(points[across[1]] / np.float32(plank)) if plank else np.zeros_like(points[0])
        u, v = points[across[0]] + board * np.float32(0.7), points[across[1]] + board * np.float32(0.37)
        length = points[along] + board * np.float32(3.1)
        sway = noise(np.stack([length * np.float32(0.35), u * 2, v * 2]), 2)
        rings = np.sqrt((u + np.float32(1.3)) ** 2 + v * v) / np.float32(ring) + np.float32(1.4) * sway
        saw = rings - np.floor(rings)
        pores = noise(np.stack([length * np.float32(1.5), u * 22, v * 22]), 2)
        dark: Float32 = np.float32(0.1) + np.float32(0.55) * saw * saw + np.float32(0.2) * pores
        if plank:
            seam = np.abs(points[across[1]] / np.float32(plank) - np.round(points[across[1]] / np.float32(plank)))
            dark = dark + np.float32(0.12) * np.sin(board * np.float32(4.7)) + (seam * plank < 0.012)
        return dark

    return blend(plain(light), plain(dark), darkness)


def spots(ground: Texture, spot: Texture, size: float, share: float = 0.3) -> Texture:
    """Return irregular spots of about `size` on a ground, covering about `share` of it."""
    edge = np.float32(0.55 - share)
    return blend(ground, spot, lambda points: (noise(points / np.float32(size), 2) - edge) * 9)


def bands(edges: tuple[float, ...], textures: tuple[Texture, ...], axis: int = 1) -> Texture:
    """Return textures one above the other, the first up to ``edges[0]``, the last from ``edges[-1]`` on."""
    materials = tuple(material for texture in textures for material in texture.materials)

    def shares(points: Float32) -> Float32:
        band = np.searchsorted(np.array(edges, np.float32), points[axis])
        return np.concatenate([texture.shares(points) * (band == number) for number, texture in enumerate(textures)])

    return Texture(materials, shares)


CHART_HALF = (1.425, 1.075, 0.02)
"""Half edges of the chart's board in decimeters, as the large ColorChecker has them, and its thickness."""

CHART_OUTLINE = (1.34, 0.90)
"""Half width and height of the field of patches, one gap around the outermost ones included."""

_PATCH, _GAP = 0.40, 0.04


def chart(frame: str) -> Texture:
    """Return the front of a color checker: 24 patches in chart order on a frame, as seen from z."""

    def shares(points: Float32) -> Float32:
        pitch = np.float32(_PATCH + _GAP)
        u = (points[0] + np.float32(CHART_OUTLINE[0] - _GAP)) / pitch
        v = (np.float32(CHART_OUTLINE[1] - _GAP) - points[1]) / pitch
        column, row = np.floor(u), np.floor(v)
        inside = ((u - column) * pitch < _PATCH) & ((v - row) * pitch < _PATCH)
        inside &= (column >= 0) & (column < 6) & (row >= 0) & (row < 4) & (points[2] > 0)
        number = np.where(inside, row * 6 + column + 1, 0)
        return np.asarray(number == np.arange(25)[:, None], np.float32)

    return Texture((frame, *PATCHES), shares)
