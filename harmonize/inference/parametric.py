"""A network's curves and shading map of one picture: predicted from a small copy.

-   :func:`predict`: curves and map of a composite of any size.
-   :func:`load`: weights that must be PIH's.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ccharmony.arrays import Float32, UInt8
from ccharmony.errors import WeightsError
from ccharmony.files import StrPath
from harmonize import devices
from harmonize.inference import network
from harmonize.inference.adjustment import Adjustment
from harmonize.inference.small_copy import average
from harmonize.models.network import ParametricNetwork
from harmonize.models.normalization import normalize


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
    small, inside = average(composite, mask)
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
