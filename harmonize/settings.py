"""What shapes a network and its distillation; saved in every checkpoint.

-   :class:`NetworkSettings`: which network (iSSAM or GiftNet), how wide, where and how GIFT acts.
-   :class:`DistillSettings`: what the frozen reconstruction branch teaches, a property of the loss.
-   :data:`ISSAM`, :data:`TABLE_3`: the basic network and the ten rows of the paper's ablation.
-   :func:`to_dict`, :func:`from_dict`: any frozen dataclass of settings to JSON and back, nothing unknown accepted.
-   :func:`check_choice`, :func:`check_number`, :func:`check_integer`: one clear line for a wrong value.

"The paper" is Niu et al., "Deep Image Harmonization with Globally Guided Feature Transformation and Relation
Distillation", ICCV 2023. Where it is silent, the field's comment says what was chosen and why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from ccharmony.errors import SettingsError

GIFT_SITES = ("D1", "D2", "D3", "E")
DISTILL_SITES = ("E", "D2", "D3")
REGIONS = ("all", "background")

S = TypeVar("S")


@dataclass(frozen=True)
class NetworkSettings:
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

    model: str = "giftnet"
    """``giftnet`` or ``issam`` (the basic network, exactly; it has no GIFT)."""

    width: int = 32
    """Channels of the finest encoder block; the four blocks have width · (1, 2, 4, 8). 32 is iSSAM's, 16 half width."""

    gift: tuple[str, ...] = ("D2", "D3", "E")
    """Maps that GIFT transforms: the decoder blocks D1, D2, D3 (coarse to fine) and E, all four encoder blocks."""

    guidance: str = "global"
    """What the scales are read from: ``global`` (the pooled bottleneck), ``none`` (learned, the same for every
    picture; Table 3 row 6), ``self`` (the pooled map itself; row 7)."""

    mlp_width: int = 256
    """Width of the three shared fully connected layers. The paper gives only their number; 256 is the bottleneck's
    own width, and gives the parameter count that a GIFT without bias would have at that width."""

    mlp_slope: float = 0.2
    """Slope of the leaky ReLU after each of the three layers. Not in the paper; that of StyleGAN2's mapping network
    (the paper's reference for the modulation), which cannot die as a ReLU's units can."""

    epsilon: float = 1e-8
    """The small constant of equation 2. Not in the paper; StyleGAN2's."""

    gift_activation: str = "none"
    """What follows the modulated convolution: ``none`` or ``leaky_relu`` (slope 0.2, StyleGAN2's). Figure 1b draws
    nothing after it; in short runs nothing (val fMSE 1,005) beat the leaky ReLU (1,039). No bias and no noise either:
    equations 1 and 2 have none."""

    gift_start: str = "random"
    """The base weights at the start: ``random`` (Xavier-normal; StyleGAN2's are random too) or ``identity`` (a
    centered unit impulse plus a tenth of that, so that GIFT begins as almost no change: for a network that starts
    from the weights of a basic one). Random won three of three short runs from scratch, half width, 64×64, batch 8,
    600 steps of L1: val fMSE 886, 873, 897 against 929, 1,518, 916; composites 1,518."""

    mask_resize: str = "area"
    """How the mask reaches a map's resolution: ``area`` (share of foreground under each map pixel), ``bilinear`` or
    ``nearest``. Not in the paper. Area loses no thin part: iHarmony4's smallest foreground has 84 pixels, about one
    pixel of the bottleneck."""

    def __post_init__(self) -> None:
        check_choice("model", self.model, ("giftnet", "issam"))
        check_integer("width", self.width, 1)
        check_integer("mlp width", self.mlp_width, 1)
        check_choice("guidance", self.guidance, ("global", "none", "self"))
        check_choice("GIFT activation", self.gift_activation, ("none", "leaky_relu"))
        check_choice("GIFT start", self.gift_start, ("identity", "random"))
        check_choice("mask resize", self.mask_resize, ("area", "bilinear", "nearest"))
        check_number("MLP slope", self.mlp_slope, 0.0)
        check_number("epsilon", self.epsilon, 0.0, open_below=True)
        object.__setattr__(self, "gift", _ordered("GIFT site", self.gift, GIFT_SITES))
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_dict` reads them back."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NetworkSettings":
        """Read settings from plain values; a name that is not a field raises :class:`SettingsError`."""
        return from_dict(cls, values)


@dataclass(frozen=True)
class DistillSettings:
    """What is distilled from the frozen reconstruction branch (section 3.2 of the paper), and how strongly.

    Raises
    ------
    SettingsError
        An unknown kind or site, a γ or λ that is negative or not a number, or a kind without sites.
    """

    kind: str = "relation"
    """``relation`` (equation 3), ``feature`` (Table 3 row 10) or ``none``."""

    sites: tuple[str, ...] = ("E",)
    """Maps that are compared: E (all four encoder maps, after GIFT), D2, D3."""

    gamma: float = 0.01
    """γ of equation 3, the paper's."""

    weight: float = 0.001
    """λ of equation 4, the paper's; used for feature distillation too, of which the paper says nothing."""

    region: str = "all"
    """Pixels at which two similarity maps are compared: ``all``, as ‖R' − R̂‖² is written, or ``background``, since
    it is "the values in the background region" that "represent the relation between foreground and background"
    (section 3.2). The softmax runs over all pixels either way. Relation distillation alone."""

    def __post_init__(self) -> None:
        check_choice("distillation", self.kind, ("relation", "feature", "none"))
        check_choice("distillation region", self.region, REGIONS)
        check_number("gamma", self.gamma, 0.0)
        check_number("distillation weight", self.weight, 0.0)
        object.__setattr__(self, "sites", _ordered("distillation site", self.sites, DISTILL_SITES))
        if self.kind != "none" and not self.sites:
            raise SettingsError(f"distillation {self.kind}: no site found, one of {_listed(DISTILL_SITES)} wanted")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_dict` reads them back."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DistillSettings":
        """Read settings from plain values; a name that is not a field raises :class:`SettingsError`."""
        return from_dict(cls, values)


def to_dict(settings: Any) -> dict[str, Any]:
    """Fields of a settings dataclass as JSON has them (tuples become lists)."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def from_dict(cls: type[S], values: Mapping[str, Any]) -> S:
    """Build `cls`, a settings dataclass, from plain values; missing ones take their defaults.

    Raises
    ------
    SettingsError
        An unknown name, or a value that `cls` refuses.

    Examples
    --------
    >>> from_dict(DistillSettings, {"kind": "none", "sites": []}).kind
    'none'
    """
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(f"{cls.__name__}: unknown {', '.join(unknown)}; it has {', '.join(known)}")
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise :class:`SettingsError` unless `value` is one of `choices`."""
    if value not in choices:
        raise SettingsError(f"{name}: {value!r} found, one of {_listed(choices)} wanted")


def check_number(name: str, value: object, low: float, high: float = math.inf, *, open_below: bool = False) -> None:
    """Raise :class:`SettingsError` unless `value` is finite and in [low, high], or (low, high] with `open_below`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"{name}: {value!r} found, a finite number wanted")
    if value < low or value > high or (open_below and value == low):
        above = f"above {low:g}" if open_below else f"of at least {low:g}"
        raise SettingsError(f"{name}: {value:g} found, a number {above}{_at_most(high)} wanted")


def check_integer(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Raise :class:`SettingsError` unless `value` is an integer in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SettingsError(f"{name}: {value!r} found, an integer of at least {low}{_at_most(high)} wanted")


def _at_most(high: float) -> str:
    return "" if math.isinf(high) else f" and at most {high:g}"


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(choices)


def _ordered(name: str, values: Sequence[str], choices: Sequence[str]) -> tuple[str, ...]:
    """Return `values` in the order of `choices`, so that equal selections are equal settings."""
    if isinstance(values, str):
        raise SettingsError(f"{name}s: the string {values!r} found, a tuple wanted")
    for value in values:
        check_choice(name, value, choices)
    return tuple(choice for choice in choices if choice in values)


ISSAM = NetworkSettings(model="issam", gift=())
"""The basic network (Sofiiuk et al., WACV 2021), and the reconstruction branch."""

_NO_DISTILLATION = DistillSettings(kind="none", sites=())

TABLE_3: dict[int, tuple[NetworkSettings, DistillSettings]] = {
    1: (ISSAM, _NO_DISTILLATION),
    2: (NetworkSettings(gift=("D3",)), _NO_DISTILLATION),
    3: (NetworkSettings(gift=("D2", "D3")), _NO_DISTILLATION),
    4: (NetworkSettings(gift=("D1", "D2", "D3")), _NO_DISTILLATION),
    5: (NetworkSettings(gift=("D2", "D3", "E")), _NO_DISTILLATION),
    6: (NetworkSettings(gift=("D3",), guidance="none"), _NO_DISTILLATION),
    7: (NetworkSettings(gift=("D3",), guidance="self"), _NO_DISTILLATION),
    8: (NetworkSettings(), DistillSettings()),
    9: (NetworkSettings(), DistillSettings(sites=("E", "D2", "D3"))),
    10: (NetworkSettings(), DistillSettings(kind="feature")),
}
"""Network and distillation of each row of the paper's Table 3."""
