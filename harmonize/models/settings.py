"""What shapes the networks; saved in every checkpoint.

-   :class:`NetworkSettings`: the basic network or GiftNet, how wide, where and how GIFT acts.
-   :data:`ISSAM`: the basic network.
-   :class:`PihSettings`: the parametric harmonizer, with or without a clean background and the shading map.

References
----------
-   Niu et al.: Deep Image Harmonization with Globally Guided Feature Transformation and Relation Distillation, ICCV
    2023 ("the paper" of GiftNet). Where it is silent, the field's comment says what was chosen and why.
-   Wang, Gharbi, Zhang, Xia, Shechtman: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023 ("the
    paper" of PIH).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from ccharmony.errors import SettingsError
from harmonize.settings import Positive, Range, Settings, ordered

SIDE = 256
"""Height and width in pixels at which the field trains and scores; what a network sees unless asked otherwise."""

MULTIPLE = 32
"""Sides that a U-Net takes without padding are multiples of this. Three poolings would need 8; the original pads to
2^(depth + 1)."""


Width = Annotated[int, Range(1, 4096)]
"""A number of channels; a U-Net of that width has 39 GB in its largest layer alone."""


@dataclass(frozen=True)
class PihSettings(Settings):
    """Everything that decides the layout of the parametric harmonizer.

    Raises
    ------
    SettingsError
        A value that no network has.

    Examples
    --------
    >>> PihSettings().channels, PihSettings(background=True).channels
    (4, 7)
    """

    retired: ClassVar[Mapping[str, Any]] = {"form": "light", "darkest": 0.5}

    model: Literal["pih"] = "pih"
    """``pih``; the key by which a checkpoint finds its builder."""

    knots: Annotated[int, Range(2, 256)] = 32
    """Knots of each curve, at the bin centers (i + 0.5) / knots; the release's number."""

    shading: bool = True
    """Whether a shading map follows the curves; without it the model is the paper's curves-only baseline."""

    background: bool = False
    """Whether a clean background, the picture without the foreground, is a third input: 7 channels in place of 4."""

    monotone: bool = False
    """Whether curves may not fall: each knot is raised to the highest before it."""

    side: Annotated[int, Range(64, 4096, multiple=MULTIPLE)] = 128
    """Side in pixels of the square that the network sees, whatever the size of the picture; the release's is 512."""

    shading_side: Annotated[int, Range(2, 256)] = 16
    """Side of the shading map; the release's effective resolution."""

    width: Width = 32
    """Channels of the backbone's first convolution; its maps have width · (1, 2, 4, 8)."""

    @property
    def channels(self) -> int:
        """Channels that the network sees: composite and mask, with the clean background where it is an input."""
        return 7 if self.background else 4


GiftSite = Literal["D1", "D2", "D3", "E"]
"""Map that GIFT can transform: a decoder block, coarse to fine, or all encoder blocks."""


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """Everything that decides a network's layout; two equal settings have the same parameter names and shapes.

    The default is row 8 of the paper's Table 3, the chosen model. GIFT never writes into the background: the
    transformed map is m·(F ∗ W'') + (1 − m)·F.

    Raises
    ------
    SettingsError
        A value that no network has, or GIFT sites on the basic network.

    Examples
    --------
    >>> NetworkSettings(gift=("E", "D3")).gift
    ('D3', 'E')
    >>> NetworkSettings(model="issam", gift=()) == ISSAM
    True
    """

    retired: ClassVar[Mapping[str, Any]] = {
        "gift_activation": "none",
        "gift_start": "random",
        "mask_resize": "area",
        "mlp_slope": 0.2,
    }

    model: Literal["giftnet", "issam"] = "giftnet"
    """``giftnet`` or ``issam`` (the basic network, exactly; it has no GIFT)."""

    width: Width = 32
    """Channels of the finest encoder block; the four blocks have width · (1, 2, 4, 8). 32 is iSSAM's, 16 half width."""

    gift: tuple[GiftSite, ...] = ("D2", "D3", "E")
    """Maps that GIFT transforms: the decoder blocks D1, D2, D3 (coarse to fine) and E, all four encoder blocks."""

    guidance: Literal["global", "none", "self"] = "global"
    """What the scales are read from: ``global`` (the pooled bottleneck), ``none`` (learned, the same for every
    picture; Table 3 row 6), ``self`` (the pooled map itself; row 7)."""

    mlp_width: Width = 256
    """Width of the three shared fully connected layers. The paper gives only their number; 256 is the bottleneck's
    own width, and gives the parameter count that a GIFT without bias would have at that width."""

    epsilon: Positive = 1e-8
    """The small constant of equation 2. Not in the paper; StyleGAN2's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "gift", ordered(self.gift, get_args(GiftSite)))
        if self.model == "issam" and self.gift:
            raise SettingsError(f"model issam: GIFT on {', '.join(self.gift)} found, the basic network has none")

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of the four encoder blocks, fine to coarse."""
        return self.width, 2 * self.width, 4 * self.width, 8 * self.width

    @property
    def sites(self) -> dict[str, int]:
        """Each transformed map by name (``E1``-``E4`` fine to coarse, ``D1``-``D3`` coarse to fine), its channels."""
        encoder = {f"E{level}": channels for level, channels in enumerate(self.widths, start=1)}
        decoder = {f"D{block}": channels for block, channels in enumerate(self.widths[2::-1], start=1)}
        return {name: channels for name, channels in (encoder | decoder).items() if {name, name[0]} & set(self.gift)}


ISSAM = NetworkSettings(model="issam", gift=())
"""The basic network (Sofiiuk et al., WACV 2021), and the reconstruction branch."""
