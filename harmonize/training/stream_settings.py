"""What PIH learns from in addition to pairs: a critic, unpaired composites, and pairs made harder.

-   :class:`StreamSettings`: part of :class:`harmonize.training.settings.TrainSettings`; all off by default.
-   :data:`DUAL`: the release's numbers, which ``harmonize train --model pih`` starts from.

References
----------
Wang, Gharbi, Zhang, Xia, Shechtman: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023.
"""

from dataclasses import dataclass

from ccharmony.errors import SettingsError
from harmonize.settings import Count, Settings, Share


@dataclass(frozen=True)
class StreamSettings(Settings):
    """The two streams.

    Raises
    ------
    SettingsError
        A share or weight outside [0, 1].
    """

    unpaired: Share = 0.0
    """Share of the steps that see unpaired composites, which have no loss but the critic's."""

    adversarial: Share = 0.0
    """Weight of the adversarial loss; that of the image's loss is 1 minus this."""

    brightness: Share = 0.0
    """Foregrounds of pairs are multiplied by 1 ± up to this."""

    contrast: Share = 0.0
    """Their contrast about their mean color is multiplied by 1 ± up to this."""

    shift: Share = 0.0
    """Foregrounds of pairs, in composite and answer alike, move by up to this share of the picture's side, so that
    they do not fit their surroundings to the pixel."""

    critic_width: Count = 32
    """Channels of the critic's finest level. Not in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unpaired and not self.adversarial:
            raise SettingsError(
                f"adversarial: 0 found, above 0 wanted: {self.unpaired:g} of the steps have no other loss"
            )

    @property
    def adversary(self) -> bool:
        """Whether a critic is trained."""
        return self.adversarial > 0

    @property
    def jitters(self) -> bool:
        """Whether pairs are made harder."""
        return self.brightness > 0 or self.contrast > 0 or self.shift > 0


DUAL = StreamSettings(unpaired=0.5, adversarial=0.08, brightness=0.35, contrast=0.2, shift=10 / 512)
"""The release's: 10 pixels of shift are of 512."""
