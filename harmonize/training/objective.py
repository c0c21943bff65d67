"""What one training step minimizes: a network, its frozen teacher and the losses, as one module.

One module, so that a wrapper for distributed training sees a single call: pictures in, losses out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ccharmony.errors import TrainingError
from harmonize.models.network import Network
from harmonize.models.normalization import normalize
from harmonize.training import losses, reconstruction
from harmonize.training.settings import StageName, TrainSettings

PARTS = ("loss", "image", "distill")
"""What `Objective` returns, in order: the sum that is minimized, the loss of the image, that of distillation."""

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Objective(nn.Module):
    """Losses of a stage.

    Parameters
    ----------
    network
        The branch that is trained.
    teacher
        The frozen reconstruction branch; None where nothing is distilled.
    settings
        Losses and precision.
    stage
        ``reconstruct`` feeds the real picture, ``harmonize`` the composite.
    """

    def __init__(self, network: Network, teacher: Network | None, settings: TrainSettings, stage: StageName) -> None:
        super().__init__()
        self.network = network
        self.teacher = teacher
        self.settings = settings
        self.stage = stage

    def train(self, mode: bool = True) -> Objective:
        """Switch the network; the teacher stays in evaluation mode."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def forward(self, composite: Tensor, mask: Tensor, real: Tensor) -> Tensor:
        """Return the losses named in `PARTS`, (3,), of pictures (B, 3, H, W) and masks (B, 1, H, W) in [0, 1]."""
        form = torch.channels_last if self.settings.channels_last else torch.contiguous_format
        target = normalize(real).to(memory_format=form)
        given = target if self.stage == "reconstruct" else normalize(composite).to(memory_format=form)
        with autocast(self.settings, given.device.type):
            output = self.network.forward_features(given, mask)
            reference = self._refer(target, mask)
        image = image_loss(self.settings, output.image, target, mask)
        distilled = image.new_zeros(())
        if reference:
            maps = output.maps(self.settings.distill.sites)
            distilled = losses.distillation(maps, reference, output.mask, self.settings.distill)
        return torch.stack([image + distilled, image.detach(), distilled.detach()])

    def _refer(self, target: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        if self.teacher is None:
            return ()
        return reconstruction.reference(self.teacher, target, mask, self.settings.distill.sites)


def autocast(settings: TrainSettings, device_type: str) -> torch.autocast:
    """Return the context of a forward pass on ``cpu`` or ``cuda``, at the precision of the settings."""
    half = _HALF.get(settings.precision)
    return torch.autocast(device_type, dtype=half, enabled=half is not None)


def image_loss(settings: TrainSettings, output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Compare a network's pictures with the real ones.

    Parameters
    ----------
    settings
        Say which loss.
    output, target
        Normalized pictures (B, 3, H, W).
    mask
        Foreground (B, 1, H, W), in [0, 1].

    Returns
    -------
    Tensor
        One number, at least 0.

    Raises
    ------
    TrainingError
        The network returned another shape; some of them would be broadcast in silence.
    """
    if output.shape != target.shape:
        raise TrainingError(f"the network returned {tuple(output.shape)}, wanted pictures {tuple(target.shape)}")
    if settings.loss == "l1":
        return losses.l1(output, target)
    return losses.foreground_mse(output, target, mask, settings.min_share)
