"""A network's curves and shading map of one picture: predicted from a small copy, and plotted.

-   :func:`predict`: curves and map of a composite of any size.
-   :func:`load`: weights that must be PIH's.
-   :func:`plot`: the curves and the map as a picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import nn

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import WeightsError
from ccharmony.files import StrPath
from harmonize import devices
from harmonize.inference import network
from harmonize.inference.adjustment import Adjustment
from harmonize.models.network import ParametricNetwork
from harmonize.models.normalization import normalize
from harmonize.models.pih import curves
from harmonize.models.settings import SIDE

_PLOT = 512
_MARGIN = 24
_INKS = ((214, 39, 40), (44, 160, 44), (31, 119, 180))
_GRAY, _DARK = (210, 210, 210), (60, 60, 60)


@torch.inference_mode()
def predict(net: ParametricNetwork, composite: UInt8, mask: Float32) -> Adjustment:
    """Predict what harmonizes a foreground.

    Parameters
    ----------
    net
        The network, in evaluation mode; it stays on its device.
    composite
        Image (H, W, 3), RGB, sRGB-encoded.
    mask
        Foreground (H, W), in [0, 1].

    Returns
    -------
    Adjustment
        Curves and map, which hold at any size.

    Raises
    ------
    WeightsError
        The network made values that are not numbers.
    """
    device = devices.device_of(net)
    small = np.asarray(cv2.resize(composite, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32) / 255
    inside = np.asarray(cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    image = normalize(torch.from_numpy(small).to(device).permute(2, 0, 1)[None])  # (1, 3, SIDE, SIDE)
    found = net.parameters_of(image, torch.from_numpy(inside).to(device)[None, None])
    knots, log_gain = (part.double().cpu().numpy() for part in (found.curves[0], found.log_gain[0, 0]))
    if not (np.isfinite(knots).all() and np.isfinite(log_gain).all()):
        raise WeightsError("the network's parameters hold values that are not numbers, wanted sound weights")
    return Adjustment(knots, log_gain)


def load(weights: nn.Module | StrPath | None, device: str = "auto") -> ParametricNetwork:
    """Load a parametric network by name or file, or take one; raises WeightsError where it is another kind."""
    net = weights if isinstance(weights, nn.Module) else network.load_network(weights, device)
    if not isinstance(net, ParametricNetwork):
        raise WeightsError(f"{weights}: weights of {type(net).__name__} found, those of a parametric network wanted")
    return net


def plot(adjustment: Adjustment) -> UInt8:
    """Draw the three curves and, to their right, the map: white is a gain of 2, black 0, middle gray no change.

    Parameters
    ----------
    adjustment
        Curves and map.

    Returns
    -------
    UInt8
        Picture (H, W, 3), RGB, on white.
    """
    side = _PLOT + 2 * _MARGIN
    canvas = np.full((side, 2 * side, 3), 255, np.uint8)
    for share in np.linspace(0, 1, 5):
        for start, end in (((share, 0), (share, 1)), ((0, share), (1, share))):
            cv2.line(canvas, _to_pixel(*start), _to_pixel(*end), _GRAY, 1, cv2.LINE_AA)
    cv2.line(canvas, _to_pixel(0, 0), _to_pixel(1, 1), _GRAY, 2, cv2.LINE_AA)
    for table, ink in zip(curves.table(adjustment.curves), _INKS, strict=True):
        points = np.array([_to_pixel(x, y) for x, y in zip(np.linspace(0, 1, 256), table.clip(0, 1), strict=True)])
        cv2.polylines(canvas, [points.reshape(-1, 1, 2)], False, ink, 3, cv2.LINE_AA)
    gain = np.exp(adjustment.log_gain)
    shade = cv2.resize(gain.astype(np.float32), (_PLOT, _PLOT), interpolation=cv2.INTER_LINEAR)
    levels = np.rint((shade * 127.5).clip(0, 255)).astype(np.uint8)
    canvas[_MARGIN : _MARGIN + _PLOT, side + _MARGIN : side + _MARGIN + _PLOT] = levels[..., None]
    for text, left in (("curves", _MARGIN), (f"gain {gain.min():.2f} to {gain.max():.2f}", side + _MARGIN)):
        cv2.putText(canvas, text, (left, _MARGIN - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _DARK, 1, cv2.LINE_AA)
    return canvas


def _to_pixel(x: float, y: float) -> tuple[int, int]:
    """Return the pixel of a point of the unit square, its origin below left."""
    return _MARGIN + round(x * (_PLOT - 1)), _MARGIN + round((1 - y) * (_PLOT - 1))
