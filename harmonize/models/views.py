"""A network that is asked twice, about a picture and its mirror image: the mean of both answers errs less.

Contents: :class:`TwoViews`, :func:`ask_twice`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ccharmony.errors import SettingsError
from harmonize.models.network import Network, ParametricNetwork


class TwoViews(Network):
    """Any network that renders pictures, at twice its time.

    Parameters
    ----------
    net
        The network; it is shared, not copied.

    Raises
    ------
    SettingsError
        The network predicts curves and a map: those of two views are not averaged.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        if isinstance(net, ParametricNetwork):
            raise SettingsError("views: 2 found, 1 wanted for a network that predicts curves")
        self.net = net
        if isinstance(net, Network) and net.bytes_a_pixel is not None:
            self.bytes_a_pixel = 2 * net.bytes_a_pixel

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the mean of two answers, (B, 3, H, W), for a picture (B, 3, H, W) and a mask (B, 1, H, W)."""
        return ask_twice(self.net, image, mask)


def ask_twice(net: Callable[[Tensor, Tensor], Tensor], image: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of what a network answers to a picture and to its mirror image; shapes are those of a call."""
    pictures, masks = (torch.cat([x, x.flip(-1)]) for x in (image, mask))
    first, second = net(pictures, masks).chunk(2)
    return (first + second.flip(-1)) / 2
