"""The reconstruction branch: a basic network that learned to give back real pictures, then teaches by its maps.

-   :func:`build`: the branch for a harmonization network (same width, so that its maps compare).
-   :func:`freeze`: fix it.
-   :func:`reference`: its maps of the real picture, what :func:`harmonize.training.losses.distillation` aims at.
-   :func:`warm_start`: begin a harmonization network from its weights.

References
----------
Niu et al., ICCV 2023, section 3.2: "the reconstruction branch is pretrained and fixed".
"""

from typing import TypeVar

import torch
from torch import Tensor, nn

from ccharmony.errors import WeightsError
from harmonize.models.settings import NetworkSettings
from harmonize.models.unet import UNet, pad

M = TypeVar("M", bound=nn.Module)


def build(settings: NetworkSettings) -> UNet:
    """Assemble the branch for a network of `settings`: iSSAM of the same width, trained on (real, mask) → real."""
    return UNet(NetworkSettings(model="issam", gift=(), width=settings.width))


def freeze(net: M) -> M:
    """Fix `net` in place: evaluation mode (batch norm uses its running statistics), no parameter takes a gradient."""
    return net.eval().requires_grad_(False)


def reference(branch: UNet, real: Tensor, mask: Tensor, sites: tuple[str, ...]) -> tuple[Tensor, ...]:
    """Make the maps F̂ of the real picture at `sites`, without gradients.

    Where only the encoder is asked for, the decoder does not run: 6.8 of the 29.8 GFLOP remain.

    Parameters
    ----------
    branch
        Frozen reconstruction branch.
    real
        Real picture, normalized, shape (B, 3, H, W).
    mask
        Foreground of the composite, shape (B, 1, H, W), in [0, 1].
    sites
        As in :class:`harmonize.training.settings.DistillSettings`.

    Returns
    -------
    tuple of Tensor
        In the order of :meth:`harmonize.models.unet.Features.maps`.
    """
    with torch.no_grad():
        if set(sites) == {"E"}:
            padded, padded_mask, _ = pad(real, mask)
            return branch.encode(padded, padded_mask)
        return branch.forward_features(real, mask).maps(sites)


def warm_start(net: UNet, branch: UNet) -> None:
    """Copy the weights of `branch` into the U-Net part of `net`; GIFT stays as it is.

    Raises
    ------
    WeightsError
        The two have another width.
    """
    theirs, ours = branch.state_dict(), net.state_dict()
    differing = [name for name, value in theirs.items() if name not in ours or ours[name].shape != value.shape]
    if differing:
        raise WeightsError(f"warm start: {len(differing)} weights do not fit, first {differing[0]}; same width wanted")
    net.load_state_dict(ours | theirs)
