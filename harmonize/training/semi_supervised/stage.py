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
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from harmonize.data.batches import Batch, Source
from harmonize.models.network import Network
from harmonize.models.normalization import normalize
from harmonize.training.distributed import World
from harmonize.training.objective import autocast, image_loss
from harmonize.training.semi_supervised.critic import Critic, adversarial_loss, critic_loss
from harmonize.training.semi_supervised.jitter import jitter
from harmonize.training.settings import StageName, TrainSettings
from harmonize.training.stage import Stage
from harmonize.training.state import RunState, restore_optimizer


class CriticBatch(NamedTuple):
    """What the critic learns from in a step, as the harmonizer left it.

    Attributes
    ----------
    real, harmonized
        Normalized pictures (B, 3, H, W), without gradient.
    mask
        Foreground of the harmonized pictures, (B, 1, H, W), in [0, 1].
    """

    real: Tensor
    harmonized: Tensor
    mask: Tensor


class DualObjective(nn.Module):
    """Losses of the harmonizer; the critic is not trained here.

    Parameters
    ----------
    network
        The harmonizer.
    settings
        Losses, streams and precision.
    """

    def __init__(self, network: Network, settings: TrainSettings) -> None:
        super().__init__()
        self.network = network
        self.settings = settings

    def forward(
        self, composite: Tensor, mask: Tensor, real: Tensor, *, critic: Critic | None, unpaired: bool
    ) -> tuple[Tensor, CriticBatch]:
        """Harmonize a batch and judge the result.

        Parameters
        ----------
        composite, real
            Pictures (B, 3, H, W), in [0, 1].
        mask
            Foreground (B, 1, H, W), in [0, 1].
        critic
            Judges the result, or None without an adversary. An argument and no part of the module, so that a wrapper
            for distributed training does not see its weights.
        unpaired
            Whether `real` is no answer to the composite: then only the critic judges, and nothing is jittered.

        Returns
        -------
        losses, batch
            Loss, image loss and adversarial loss, (3,); and what the critic should learn from.
        """
        streams = self.settings.streams
        if streams.jitters and not unpaired:
            composite, mask, real = jitter(composite, mask, real, streams)
        given, target = normalize(composite), normalize(real)
        with autocast(self.settings, given.device.type):
            output = self.network.forward_features(given, mask).image
            logits = None if critic is None else critic(output)
        image = output.new_zeros(()) if unpaired else image_loss(self.settings, output, target, mask)
        adversarial = image.new_zeros(()) if logits is None else adversarial_loss(logits)
        total = (1 - streams.adversarial) * image + streams.adversarial * adversarial
        losses = torch.stack([total, image.detach(), adversarial.detach()])
        return losses, CriticBatch(target, output.detach(), mask)


class CriticObjective(nn.Module):
    """Loss of the critic, as one call."""

    def __init__(self, critic: Critic) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, real: Tensor, harmonized: Tensor, mask: Tensor) -> Tensor:
        """Return the critic's loss, one number; arguments as in :class:`CriticBatch`."""
        of_real, of_harmonized = self.critic(torch.cat([real, harmonized])).chunk(2)
        return critic_loss(of_real, of_harmonized, mask)


class DualStage(Stage):
    """A harmonize stage whose steps are of one of two streams, and train a critic too.

    The third number of its log, ``distill`` elsewhere, is the adversarial loss. The critic is saved in the
    state with the optimizers.
    """

    def __init__(
        self,
        name: StageName,
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
            self.critic_objective = world.wrap(CriticObjective(self.critic)).train()
            self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), settings.rate, settings.betas)

    def make_objective(self, teacher: Network | None) -> DualObjective:  # noqa: ARG002 - there is none
        """Return the harmonizer's losses."""
        return DualObjective(self.network, self.settings)

    def state(self) -> RunState:
        """Return everything that is needed to resume from here, the critic included."""
        plain = super().state()
        if self.critic is None:
            return plain
        more = {"critic": self.critic.state_dict(), "critic_optimizer": self.critic_optimizer.state_dict()}
        return dataclasses.replace(plain, optimizer={"network": plain.optimizer, **more})

    def restore(self, state: RunState) -> None:
        """Resume from a state of this stage."""
        if self.critic is None:
            super().restore(state)
            return
        saved: dict[str, Any] = state.optimizer
        super().restore(dataclasses.replace(state, optimizer=saved["network"]))
        self.critic.load_state_dict(saved["critic"])
        restore_optimizer(self.critic_optimizer, saved["critic_optimizer"])

    def learn(self, batch: Batch, *, unpaired: bool) -> Tensor:
        """Take a step of the harmonizer, then one of the critic on what it made; return the losses, (3,)."""
        if self.critic is not None:
            self.critic.requires_grad_(False)
        losses, judged = self.objective(batch.composite, batch.mask, batch.real, critic=self.critic, unpaired=unpaired)
        self.descend(losses[0])
        if self.critic is not None:
            self.critic.requires_grad_(True)
            self._teach(judged)
        detached: Tensor = losses.detach()
        return detached

    def _teach(self, batch: CriticBatch) -> None:
        """Take a step of the critic."""
        for group in self.critic_optimizer.param_groups:
            group["lr"] = self.rate
        self.critic_optimizer.zero_grad(set_to_none=True)
        with autocast(self.settings, self.world.device.type):
            loss: Tensor = self.critic_objective(*batch)
        torch.autograd.backward(loss)
        self.critic_optimizer.step()
