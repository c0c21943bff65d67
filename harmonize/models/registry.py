"""The networks that can be trained, and how each is built from its settings."""

from harmonize.models import giftnet
from harmonize.models.pih import network
from harmonize.models.pih.network import Pih
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.models.unet import UNet

Network = UNet | Pih
"""Called as ``network(image, mask)``; ``forward_features`` also gives the maps that distillation compares."""

AnySettings = NetworkSettings | PihSettings
"""What a network is built from; ``model`` tells which."""


def build(settings: AnySettings) -> Network:
    """Assemble the network that `settings` describe, freshly started from the global random state."""
    return network.build(settings) if isinstance(settings, PihSettings) else giftnet.build(settings)
