"""PIH's training step: pairs for the colors, a critic for the realism, on pairs and on unpaired composites.

-   :class:`DualObjective`: what the harmonizer minimizes, 0.92 · image + 0.08 · adversary on pairs, the adversary
    alone on unpaired composites.
-   :class:`DualStage`: a stage whose steps also train the critic.

References
----------
Wang, Gharbi, Zhang, Xia, Shechtman: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from harmonize.data.batches import Batch, Source
from harmonize.models.network import Network
from harmonize.models.normalization import normalize
from harmonize.training.distributed import World
from harmonize.training.objective import Objective
from harmonize.training.semi_supervised.critic import Critic, adversarial_loss, critic_loss
from harmonize.training.semi_supervised.jitter import jitter
from harmonize.training.settings import TrainSettings
from harmonize.training.stage import Stage
from harmonize.training.state import RunState


class DualObjective(Objective):
    """Losses of the harmonizer; the critic is not trained here.

    Parameters
    ----------
    network, settings
        As of :class:`harmonize.training.objective.Objective`.
    critic
        The critic, or None without an adversary.
    """

    def __init__(self, network: Network, critic: Critic | None, settings: TrainSettings) -> None:
        super().__init__(network, None, settings, "harmonize")
        self._critic = (critic,)  # in a tuple: a wrapper for distributed training should not see its weights
        self.unpaired = False
        self.seen: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, composite: Tensor, mask: Tensor, real: Tensor) -> Tensor:
        """Return loss, image loss and adversarial loss, (3,), and keep what the critic should learn from."""
        streams, (critic,) = self.settings.streams, self._critic
        if streams.jitters and not self.unpaired:
            composite, mask, real = jitter(composite, mask, real, streams)
        given, target = normalize(composite), normalize(real)
        with self.autocast(given.device.type):
            output = self.network.forward_features(given, mask).image
            judged = None if critic is None else critic(output)
        image = output.new_zeros(()) if self.unpaired else self.compare(output, target, mask)
        adversarial = image.new_zeros(()) if judged is None else adversarial_loss(judged)
        self.seen = target, output.detach(), mask
        total = (1 - streams.adversarial) * image + streams.adversarial * adversarial
        return torch.stack([total, image.detach(), adversarial.detach()])


class CriticObjective(nn.Module):
    """Loss of the critic, as one call."""

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, real: Tensor, harmonized: Tensor, mask: Tensor) -> Tensor:
        """Return one number; pictures (B, 3, H, W) are normalized, the mask (B, 1, H, W) is in [0, 1]."""
        of_real, of_harmonized = self.critic(torch.cat([real, harmonized])).chunk(2)
        return critic_loss(of_real, of_harmonized, mask)


class DualStage(Stage):
    """A harmonize stage whose steps are of one of two streams, and train a critic too.

    The third number of its log, ``distill`` elsewhere, is the adversarial loss. Its critic rests in the state beside
    the optimizers.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        teacher: Network | None,
        settings: TrainSettings,
        source: Source,
        world: World,
        *,
        compiled: bool = False,
    ) -> None:
        self.critic = Critic(settings.streams.critic_width).to(world.device) if settings.streams.adversary else None
        super().__init__(name, network, teacher, settings, source, world, compiled=compiled)
        if self.critic is not None:
            self.judgment = world.wrap(CriticObjective(self.critic)).train()
            self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), settings.rate, settings.betas)

    def make_objective(self, teacher: Network | None) -> Objective:  # noqa: ARG002 - there is none
        """Return the harmonizer's losses."""
        self._dual = DualObjective(self.network, self.critic, self.settings)
        return self._dual

    def state(self) -> RunState:
        """Return everything that is needed to go on from here, the critic included."""
        plain = super().state()
        if self.critic is None:
            return plain
        kept = {"critic": self.critic.state_dict(), "critic_optimizer": self.critic_optimizer.state_dict()}
        return dataclasses.replace(plain, optimizer={"network": plain.optimizer, **kept})

    def restore(self, state: RunState) -> None:
        """Go on from a state of this stage."""
        if self.critic is None:
            super().restore(state)
            return
        kept: dict[str, Any] = state.optimizer
        super().restore(dataclasses.replace(state, optimizer=kept["network"]))
        self.critic.load_state_dict(kept["critic"])
        self.critic_optimizer.load_state_dict(kept["critic_optimizer"])

    def learn(self, batch: Batch, *, unpaired: bool) -> Tensor:
        """Take a step of the harmonizer, then one of the critic on what it made."""
        self._dual.unpaired = unpaired
        if self.critic is None:
            return super().learn(batch, unpaired=unpaired)
        self.critic.requires_grad_(False)
        losses = super().learn(batch, unpaired=unpaired)
        self.critic.requires_grad_(True)
        self._teach()
        return losses

    def _teach(self) -> None:
        assert self._dual.seen is not None
        for group in self.critic_optimizer.param_groups:
            group["lr"] = self.rate
        self.critic_optimizer.zero_grad(set_to_none=True)
        with self._dual.autocast(self.world.device.type):
            loss: Tensor = self.judgment(*self._dual.seen)
        torch.autograd.backward(loss)
        self.critic_optimizer.step()
