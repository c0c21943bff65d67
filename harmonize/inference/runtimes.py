"""What runs a network: torch, or onnxruntime; torch is imported where it is needed, not before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from ccharmony.files import StrPath
from harmonize.exported.session import is_exported
from harmonize.inference import onnx_network
from harmonize.inference.onnx_network import OnnxNetwork

if TYPE_CHECKING:
    from torch import nn

    from harmonize.inference.torch_network import TorchNetwork

Runtime: TypeAlias = "OnnxNetwork | TorchNetwork"
"""A network that can be asked: `parametric`, `infer` and `predict`."""

Weights: TypeAlias = "nn.Module | OnnxNetwork | TorchNetwork | StrPath | None"
"""A network, the name of bundled weights, a file of weights or of `harmonize export`, or None for the default."""


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
    from harmonize.inference import network, torch_network

    if net is None or isinstance(net, str | os.PathLike):
        net = network.load_network(net, device)
    return net if isinstance(net, torch_network.TorchNetwork) else torch_network.TorchNetwork(net)
