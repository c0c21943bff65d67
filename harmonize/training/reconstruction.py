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
from harmonize.models import registry
from harmonize.models.network import Network
from harmonize.models.registry import AnySettings

M = TypeVar("M", bound=nn.Module)


def build(settings: AnySettings) -> Network:
    """Build the branch for a network of `settings`, as the registry says; raises SettingsError where it has none."""
    return registry.build_network(registry.teacher_settings(settings))


def freeze(net: M) -> M:
    """Fix `net` in place: evaluation mode (batch norm uses its running statistics), no parameter takes a gradient."""
    return net.eval().requires_grad_(False)


def reference(branch: Network, real: Tensor, mask: Tensor, sites: tuple[str, ...]) -> tuple[Tensor, ...]:
    """Make the maps F̂ of the real picture at `sites`, without gradients.

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
        In the order of :meth:`harmonize.models.network.Features.maps`.
    """
    with torch.no_grad():
        return branch.maps_of(real, mask, sites)


def warm_start(net: Network, branch: Network) -> None:
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
