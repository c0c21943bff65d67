"""What runs a network: torch, onnxruntime or OpenCV; torch is imported where it is needed, not before.

-   :func:`find`: a network ready to be asked.
-   :func:`choose`: bundled weights for OpenCV, where torch would take longer to be imported than it saves.
-   :func:`name_of`: what a network is called in a file.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from ccharmony.errors import WeightsError
from ccharmony.files import StrPath
from harmonize import processors
from harmonize.exported.opencv import OpencvSession
from harmonize.exported.session import is_exported
from harmonize.inference import onnx_network
from harmonize.inference.onnx_network import OnnxNetwork
from harmonize.weights import bundled

if TYPE_CHECKING:
    from torch import nn

    from harmonize.inference.torch_network import TorchNetwork

Runtime: TypeAlias = "OnnxNetwork | TorchNetwork"
"""A network that can be asked: `parametric`, `infer`, `infer_foreground` and `predict`."""

Weights: TypeAlias = "nn.Module | OnnxNetwork | TorchNetwork | StrPath | None"
"""A network, the name of bundled weights, a file of weights or of `harmonize export`, or None for the default."""


_FEW_PIXELS = 24 * 256**2
"""Of what a network sees: that many squares take OpenCV 1.9 s of the processor longer than torch, whose import takes
that long."""

_LARGEST = 512
"""Side of what OpenCV is shown: 0.4 GB of memory. For more, torch checks whether there is enough."""

_logger = logging.getLogger(__name__)


def choose(net: Weights, device: str, size: int | Literal["full"], pictures: int) -> Weights:
    """Return what is quickest for some pictures from the start of a process: OpenCV's network, or `net` itself.

    Parameters
    ----------
    net
        Of bundled weights their name; anything else is returned.
    device
        As of :func:`harmonize.load_network`.
    size
        Side of what the network sees, or "full".
    pictures
        How many there are.

    Returns
    -------
    Weights
        The results of both differ by 1e-6 at most before they are rounded.

    Raises
    ------
    WeightsError
        The file of the weights is damaged.
    """
    if not isinstance(net, str) or net not in bundled.list_weights():
        return net
    if device != "cpu" and (device != "auto" or processors.may_have_gpu()):
        return net
    if size == "full" or size > _LARGEST or pictures * size**2 > _FEW_PIXELS:
        return net
    found = onnx_network.load_bundled(net)
    if found is not None:
        _logger.info("weights %s on cpu, by OpenCV", net)
    return found or net


def name_of(net: Weights) -> str | None:
    """Return the name or file of weights, or None for a network that has none."""
    if isinstance(net, OnnxNetwork) and isinstance(net.session, OpencvSession):
        return net.session.name
    return os.fspath(net) if isinstance(net, str | os.PathLike) else None


def find(net: Weights, device: str = "auto") -> Runtime:
    """Return a network ready to be asked; files are opened once for several calls.

    Parameters
    ----------
    net
        A network, or what names one.
    device
        As of :func:`harmonize.load_network`; an exported network runs on the CPU.

    Returns
    -------
    Runtime
        The network.

    Raises
    ------
    WeightsError
        No such weights, or they do not fit.
    SettingsError
        No such device, or onnxruntime is not installed.
    """
    if isinstance(net, OnnxNetwork):
        return net
    if isinstance(net, str | os.PathLike) and is_exported(net):
        return onnx_network.load(net, device)
    from torch import nn

    from harmonize.inference import network, torch_network

    if net is not None and not isinstance(net, str | os.PathLike | nn.Module | torch_network.TorchNetwork):
        raise WeightsError(f"net: {type(net).__name__} found, a network, a name or a file of weights wanted")
    if net is None or isinstance(net, str | os.PathLike):
        net = network.load_network(net, device)
    return net if isinstance(net, torch_network.TorchNetwork) else torch_network.TorchNetwork(net)
