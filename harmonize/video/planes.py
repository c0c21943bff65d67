"""Frames as their file holds them: planes of luma and chroma, changed without a way to RGB and back.

A way to RGB and back would cost detail of the whole picture: chroma is stored at half the size, and 8 bits are rounded
twice. Here RGB is only what a change is computed from. Since Y'CbCr is linear in RGB, the change of the planes is the
change of RGB times the same matrix; it is added where the mask is not 0, and luma stays as it is elsewhere.

Contents: :func:`to_rgb`, :func:`add_change`, :func:`planes_of`, :func:`alpha_of`, :func:`turn`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ccharmony.arrays import Float32, Samples, UInt8
from harmonize.inference.image import Change
from harmonize.video.container import Coding, load_av

STRIP_ROWS = 64
"""Rows changed at a time."""


def to_rgb(frame: Any, coding: Coding, width: int | None = None, height: int | None = None) -> UInt8:
    """Return a frame as RGB.

    Parameters
    ----------
    frame
        PyAV's frame, any format.
    coding
        How it is coded.
    width, height
        Size of the result; the frame's by default.

    Returns
    -------
    UInt8
        Picture (H, W, 3).
    """
    flags = load_av().video.reformatter.Interpolation
    rgb = frame.reformat(
        width,
        height,
        "rgb24",
        src_colorspace=coding.matrix,
        src_color_range=coding.range,
        interpolation=flags.BILINEAR | flags.ACCURATE_RND | flags.FULL_CHR_H_INT,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


def add_change(frame: Any, coding: Coding, mask: Float32, change: Change, strength: float = 1.0) -> None:
    """Change the foreground of a frame, in place.

    Parameters
    ----------
    frame
        PyAV's frame, planar Y'CbCr.
    coding
        How it is coded.
    mask
        Foreground (H, W), in [0, 1]; soft edges blend. Luma stays as it is where it is 0, and so does chroma where no
        pixel that shares the sample is foreground.
    change
        The change of its colors: computed from 8 bits, added at the frame's own depth.
    strength
        How much of it is made, in [0, 1].
    """
    if not mask.any():
        return
    frame.make_writable()
    rgb, planes, bits = to_rgb(frame, coding), planes_of(frame), bits_of(frame)
    render = change(rgb)
    rows, columns = (_extent(mask.max(axis=axis)) for axis in (1, 0))
    for top in range(rows.start, rows.stop, STRIP_ROWS):
        part = slice(top, min(top + STRIP_ROWS, rows.stop)), columns
        moved = (render(*part).clip(0, 255) - rgb[part]) * (mask[part] * np.float32(strength / 255))[..., None]
        for plane, added in zip(planes, _to_planes(moved, coding, bits), strict=True):
            _add(plane, added, part, mask.shape, 2**bits - 1)


def bits_of(frame: Any) -> int:
    """Return the bits of a sample."""
    return int(frame.format.components[0].bits)


def planes_of(frame: Any) -> list[Samples]:
    """Return views of the planes of a frame, each (h, w); chroma may be of half the height and width."""
    dtype = np.dtype(np.uint8 if bits_of(frame) == 8 else np.uint16)
    found = []
    for plane in frame.planes:
        rows: Samples = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
        found.append(rows[: plane.height, : plane.width])
    return found


def has_alpha(kind: Any) -> bool:
    """Return whether frames of PyAV's format `kind` have opacity."""
    return any(component.is_alpha for component in kind.components)


def alpha_of(frame: Any, quarters: int = 0) -> Float32 | None:
    """Return the opacity of a frame (H, W), in [0, 1], turned as by :func:`turn`; None where it has none."""
    if not has_alpha(frame.format):
        return None
    levels = planes_of(frame.reformat(format="yuva444p"))[3]
    return np.asarray(np.rot90(levels, quarters) / np.float32(255), np.float32)


def turn(frame: Any, quarters: int) -> Any:
    """Return a frame turned counterclockwise by quarter turns; its format has chroma that is halved alike both ways."""
    if quarters % 4 == 0:
        return frame
    size = (frame.height, frame.width) if quarters % 2 else (frame.width, frame.height)
    turned = load_av().VideoFrame(*size, frame.format.name)
    for target, plane in zip(planes_of(turned), planes_of(frame), strict=True):
        target[:] = np.rot90(plane, quarters)
    for name in ("pts", "time_base", "colorspace", "color_range", "color_trc", "color_primaries"):
        setattr(turned, name, getattr(frame, name))
    return turned


def _to_planes(moved: Float32, coding: Coding, bits: int) -> tuple[Float32, Float32, Float32]:
    """Return a change of RGB (h, w, 3), in [0, 1], as changes of luma, blue and red chroma in levels, (h, w) each."""
    red, blue = coding.luma
    luma = moved @ np.array([red, 1 - red - blue, blue], np.float32)
    high = 2 ** (bits - 8)
    luma_levels, chroma_levels = (2**bits - 1, 2**bits - 1) if coding.is_full else (219 * high, 224 * high)
    chroma = np.float32(chroma_levels / 2)
    return (
        luma * np.float32(luma_levels),
        (moved[..., 2] - luma) * (chroma / np.float32(1 - blue)),
        (moved[..., 0] - luma) * (chroma / np.float32(1 - red)),
    )


def _add(plane: Samples, added: Float32, part: tuple[slice, slice], shape: tuple[int, ...], most: int) -> None:
    """Add a change (h, w) of a part of a picture to a plane, averaged where the plane has fewer samples."""
    steps = [-(-side // own) for side, own in zip(shape, plane.shape, strict=True)]
    rows, columns = (slice(each.start // step, -(-each.stop // step)) for each, step in zip(part, steps, strict=True))
    padded = np.pad(added, [(0, -side % step) for side, step in zip(added.shape, steps, strict=True)], mode="edge")
    blocks = padded.reshape(padded.shape[0] // steps[0], steps[0], -1, steps[1])
    levels = plane[rows, columns] + blocks.mean(axis=(1, 3))
    plane[rows, columns] = np.rint(levels).clip(0, most)


def _extent(line: Float32) -> slice:
    """Return from where to where a line has foreground, widened to pairs of pixels, which share a sample of chroma."""
    inside = np.flatnonzero(line)
    return slice(int(inside[0]) // 2 * 2, min(-(-(int(inside[-1]) + 1) // 2) * 2, len(line)))
