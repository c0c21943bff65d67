"""A network that torch runs, with the methods that an exported one has."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ccharmony.arrays import Float32, UInt8
from harmonize.inference import network, parametric
from harmonize.inference.adjustment import Adjustment
from harmonize.models.network import ParametricNetwork


@dataclass(frozen=True)
class TorchNetwork:
    """A network in evaluation mode, on its device."""

    net: nn.Module

    @property
    def parametric(self) -> bool:
        """Whether it predicts curves and map."""
        return isinstance(self.net, ParametricNetwork)

    def infer(self, composites: UInt8 | Float32, masks: Float32) -> Float32:
        """See :func:`harmonize.inference.network.infer`."""
        return network.infer(self.net, composites, masks)

    def infer_foreground(self, composites: UInt8 | Float32, masks: Float32) -> Float32:
        """Do the same without the background, in less time: what is not near the foreground may be the composite."""
        return network.infer(self.net, composites, masks, background=False)

    def predict(self, composite: UInt8, mask: Float32) -> Adjustment:
        """See :func:`harmonize.inference.parametric.predict`; for a parametric network alone."""
        assert isinstance(self.net, ParametricNetwork)
        return parametric.predict(self.net, composite, mask)
