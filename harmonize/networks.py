"""The networks that can be trained, and how each is built from its settings."""

from harmonize import giftnet, pih
from harmonize.pih import Pih
from harmonize.pih_settings import PihSettings
from harmonize.settings import NetworkSettings
from harmonize.unet import UNet

Network = UNet | Pih
"""Called as ``network(image, mask)``; ``forward_features`` also gives the maps that distillation compares."""

AnySettings = NetworkSettings | PihSettings
"""What a network is built from; ``model`` tells which."""


def build(settings: AnySettings) -> Network:
    """Assemble the network that `settings` describe, freshly started from the global random state."""
    return pih.build(settings) if isinstance(settings, PihSettings) else giftnet.build(settings)
