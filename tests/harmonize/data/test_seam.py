"""Rings filled, rims filled, masks grown: what stays, what changes, and to what."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from harmonize.data import seam


def scene(side: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """A background that rises from left to right, an object of another color, a line of red around it."""
    picture = torch.linspace(0, 0.5, side).repeat(3, side, 1)[None].clone()
    mask = torch.zeros(1, 1, side, side)
    mask[..., 9:16, 9:16] = 1
    picture[:, 0, 8:17, 8:17] = 1.0
    picture[:, :, 9:16, 9:16] = 0.8
    return picture, mask


def distance(mask: torch.Tensor) -> np.ndarray:
    """Chessboard distance of each pixel from the foreground."""
    return ndimage.distance_transform_cdt(mask[0, 0].numpy() == 0, "chessboard")


def test_a_filled_ring_knows_nothing_of_what_was_there() -> None:
    picture, mask = scene()
    filled = seam.fill_outside(picture, mask, [2])
    ring = (distance(mask) >= 1) & (distance(mask) <= 2)
    np.testing.assert_array_equal(filled[0][:, ~ring], picture[0][:, ~ring])
    assert float(picture[0, 0][ring].max()) == 1.0
    assert float(filled[0, 0][ring].max()) < 0.5  # the background's own
    other = picture.clone()
    other[0, :, torch.from_numpy(ring | (mask[0, 0].numpy() > 0))] = 0.123
    refilled = seam.fill_outside(other, mask, [2])
    np.testing.assert_array_equal(refilled[0][:, ring], filled[0][:, ring])


def test_widths_are_those_of_each_picture() -> None:
    picture, mask = (part.repeat(3, 1, 1, 1) for part in scene())
    filled = seam.fill_outside(picture, mask, [0, 1, 4])
    changed = [(filled[row] != picture[row]).any(dim=0).numpy() for row in range(3)]
    far = distance(mask[:1])
    assert not changed[0].any()
    assert set(far[changed[1]]) == {1}
    assert far[changed[2]].max() <= 4


def test_a_filled_rim_takes_the_objects_inside() -> None:
    picture, mask = scene()
    picture[:, :, 9, 9:16] = 0.0  # a dark line along the object's upper edge
    filled = seam.fill_inside(picture, mask, [2])
    assert float(filled[0, 0, 9, 12]) > 0.79
    outside = mask[0, 0].numpy() == 0
    np.testing.assert_array_equal(filled[0][:, outside], picture[0][:, outside])
    thin = torch.zeros_like(mask)
    thin[..., 12, 3:20] = 1
    np.testing.assert_array_equal(seam.fill_inside(picture, thin, [2]), picture)


def test_a_shifted_ring_is_background_from_elsewhere() -> None:
    picture, mask = scene()
    shifted = seam.shift_outside(picture, mask, [1], [(0, 12)])
    assert float(shifted[0, 1, 12, 8]) == float(picture[0, 1, 12, 20])
    assert float(shifted[0, 1, 3, 3]) == float(picture[0, 1, 3, 3])


def test_masks_grow_and_shrink_by_whole_pixels() -> None:
    _, mask = scene()
    masks = seam.grow_mask(mask.repeat(3, 1, 1, 1), [2, -2, -9])
    assert [int(part.sum()) for part in masks] == [11 * 11, 3 * 3, 7 * 7]  # the last would vanish
