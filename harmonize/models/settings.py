"""What shapes the parametric harmonizer; saved in every checkpoint of it.

-   :class:`PihSettings`: light or as the paper's release runs, with or without a clean background, with or without
    the shading map.
-   :data:`FAITHFUL`: the release's choices (whose release has 93.6 M parameters and runs at 512×512).

References
----------
Wang, Gharbi, Zhang, Xia, Shechtman: Semi-supervised Parametric Real-world Image Harmonization, CVPR 2023.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from ccharmony.errors import SettingsError
from harmonize.settings import Count, Positive, Range, Settings, Share, Weight, ordered

SIDE = 256
"""Height and width in pixels at which the field trains and scores; what a network sees unless asked otherwise."""

MULTIPLE = 32
"""Sides that a U-Net takes without padding are multiples of this. Three poolings would need 8; the original pads to
2^(depth + 1)."""

_LIGHT_SIDE, _FAITHFUL_SIDE = 128, 512


@dataclass(frozen=True)
class PihSettings(Settings):
    """Everything that decides the layout of the parametric harmonizer.

    Raises
    ------
    SettingsError
        A value that no network has.

    Examples
    --------
    >>> PihSettings().side, PihSettings(form="faithful").side
    (128, 512)
    """

    model: Literal["pih"] = "pih"
    """``pih``; the key by which a checkpoint finds its builder."""

    form: Literal["light", "faithful"] = "light"
    """``light``: one small backbone for curves and shading, free knots, a gain that may brighten, the identity at the
    start. ``faithful``: a ResNet-50 for the curves and a U-Net for the shading, knots behind a sigmoid, a gain in
    [`darkest`, 1], as the paper's release."""

    knots: Annotated[int, Range(2, 256)] = 32
    """Knots of each curve, at the bin centers (i + 0.5) / knots; the release's number."""

    shading: bool = True
    """Whether a shading map follows the curves; without it the model is the paper's curves-only baseline."""

    background: bool = False
    """Whether a clean background, the picture without the foreground, is a third input: 7 channels in place of 4."""

    monotone: bool = False
    """Whether curves may not fall: each knot is raised to the highest before it."""

    side: Annotated[int, Range(0, 4096)] = 0
    """Side in pixels of the square that the networks see; 0 is the form's own, 128 or 512."""

    shading_side: Annotated[int, Range(2, 256)] = 16
    """Side of the shading map; the release's effective resolution."""

    width: Count = 32
    """Channels of the light backbone's first convolution; its maps have width · (1, 2, 4, 8)."""

    darkest: Share = 0.5
    """o of the faithful gain sigmoid·(1 − o) + o: the darkest shade, in [0, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side == 0:
            object.__setattr__(self, "side", _LIGHT_SIDE if self.form == "light" else _FAITHFUL_SIDE)
        if self.side % MULTIPLE or self.side < 64:
            raise SettingsError(f"side: {self.side} found, a multiple of {MULTIPLE} of at least 64 wanted")

    @property
    def channels(self) -> int:
        """Channels that the networks see: composite and mask, with the clean background where it is an input."""
        return 7 if self.background else 4


FAITHFUL = PihSettings(form="faithful")
"""The paper's model as its public release runs."""


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

    model: Literal["giftnet", "issam"] = "giftnet"
    """``giftnet`` or ``issam`` (the basic network, exactly; it has no GIFT)."""

    width: Count = 32
    """Channels of the finest encoder block; the four blocks have width · (1, 2, 4, 8). 32 is iSSAM's, 16 half width."""

    gift: tuple[GiftSite, ...] = ("D2", "D3", "E")
    """Maps that GIFT transforms: the decoder blocks D1, D2, D3 (coarse to fine) and E, all four encoder blocks."""

    guidance: Literal["global", "none", "self"] = "global"
    """What the scales are read from: ``global`` (the pooled bottleneck), ``none`` (learned, the same for every
    picture; Table 3 row 6), ``self`` (the pooled map itself; row 7)."""

    mlp_width: Count = 256
    """Width of the three shared fully connected layers. The paper gives only their number; 256 is the bottleneck's
    own width, and gives the parameter count that a GIFT without bias would have at that width."""

    mlp_slope: Weight = 0.2
    """Slope of the leaky ReLU after each of the three layers. Not in the paper; that of StyleGAN2's mapping network
    (the paper's reference for the modulation), which cannot die as a ReLU's units can."""

    epsilon: Positive = 1e-8
    """The small constant of equation 2. Not in the paper; StyleGAN2's."""

    gift_activation: Literal["none", "leaky_relu"] = "none"
    """What follows the modulated convolution: ``none`` or ``leaky_relu`` (slope 0.2, StyleGAN2's). Figure 1b draws
    nothing after it; in short runs nothing (val fMSE 1,005) beat the leaky ReLU (1,039). No bias and no noise either:
    equations 1 and 2 have none."""

    gift_start: Literal["identity", "random"] = "random"
    """The base weights at the start: ``random`` (Xavier-normal; StyleGAN2's are random too) or ``identity`` (a
    centered unit impulse plus a tenth of that, so that GIFT begins as almost no change: for a network that starts
    from the weights of a basic one). Random won three of three short runs from scratch, half width, 64×64, batch 8,
    600 steps of L1: val fMSE 886, 873, 897 against 929, 1,518, 916; composites 1,518."""

    mask_resize: Literal["area", "bilinear", "nearest"] = "area"
    """How the mask reaches a map's resolution: ``area`` (share of foreground under each map pixel), ``bilinear`` or
    ``nearest``. Not in the paper. Area loses no thin part: iHarmony4's smallest foreground has 84 pixels, about one
    pixel of the bottleneck."""

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
