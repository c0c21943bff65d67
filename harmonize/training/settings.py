"""Every number that shapes a training run; saved in its checkpoints, so that a run can be repeated from its weights.

What only changes how fast a run goes or where its files are (threads, device, minutes) is not here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ccharmony.errors import SettingsError
from harmonize import settings
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.settings import check_choice, check_number, from_dict, listed, ordered, to_dict
from harmonize.training.stream_settings import StreamSettings

DISTILL_SITES = ("E", "D2", "D3")
REGIONS = ("all", "background")


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
        object.__setattr__(self, "sites", ordered("distillation site", self.sites, DISTILL_SITES))
        if self.kind != "none" and not self.sites:
            raise SettingsError(f"distillation {self.kind}: no site found, one of {listed(DISTILL_SITES)} wanted")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; :meth:`from_dict` reads them back."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DistillSettings:
        """Read settings from plain values; a name that is not a field raises :class:`SettingsError`."""
        return from_dict(cls, values)


LOSSES = ("l1", "foreground")
DECAYS = ("milestones", "linear", "cosine", "none")
PRECISIONS = ("float32", "bf16", "fp16")
STAGES = ("reconstruct", "harmonize")

_MULTIPLE = 32
"""The networks pad to this; training pictures are not padded."""


@dataclass(frozen=True)
class TrainSettings:
    """A run: two stages, reconstruct (real in, real out, then frozen) and harmonize (composite in, real out).

    The defaults are the paper's where it speaks, and iSSAM's released recipe where it does not.

    Raises
    ------
    SettingsError
        A number that is negative, not a number or out of its range; a name that is none of the choices.
    """

    network: NetworkSettings | PihSettings = field(default_factory=NetworkSettings)
    """The harmonization branch; the reconstruction branch is the basic network of the same width."""

    distill: DistillSettings = field(default_factory=DistillSettings)
    """What the reconstruction branch teaches; with kind ``none`` there is no first stage unless `warm_start`."""

    streams: StreamSettings = field(default_factory=StreamSettings)
    """PIH's adversary, unpaired composites and jitter; off for the other networks."""

    loss: str = "l1"
    """``l1`` (the paper) or ``foreground`` (squared error over the foreground's area, iSSAM)."""

    min_share: float = 1000 / 256**2
    """Smallest foreground, as a share of the picture, that the loss ``foreground`` divides by; iSSAM's 1,000 pixels."""

    relit: float = 0.0
    """Share of the photos under lent lights that are lit as a whole first, foreground and background alike."""

    mixed: float = 0.0
    """Share of the lights lent to photos that are a mixture of two recorded ones."""

    size: int = 256
    """Side of the training pictures."""

    grow: tuple[tuple[float, int], ...] = ()
    """Larger sides later on: pairs (share of the stage's steps, side), in rising order."""

    batch: int = 16
    """Pictures a step, over all processes together: the same number gives the same run on one and on eight."""

    epochs: float = 120.0
    """Length of the harmonize stage; iSSAM's."""

    reconstruct_epochs: float = 10.0
    """Length of the reconstruct stage. Not in the paper; copying its input is learned within a few epochs."""

    steps: int = 0
    """Length of the harmonize stage in steps instead, where above 0."""

    reconstruct_steps: int = 0
    """Length of the reconstruct stage in steps instead, where above 0."""

    warm_start: bool = False
    """Whether the U-Net of the harmonization branch starts from the reconstruction branch's weights."""

    rate: float = 1e-3
    """Adam's learning rate, the paper's."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's running averages."""

    warmup: int = 0
    """Steps over which the rate rises from 0."""

    decay: str = "milestones"
    """``milestones`` (x 0.1 at each), ``linear`` or ``cosine`` (to 0, beginning at `decay_from`), or ``none``."""

    milestones: tuple[float, ...] = (0.875, 0.9583)
    """Shares of the stage's steps; iSSAM's 105 and 115 of 120 epochs."""

    decay_from: float = 0.0
    """Share of the stage's steps at which a linear or cosine decay begins."""

    clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""

    ema: float = 0.999
    """Decay a step of the averaged weights that are scored and kept; 0 keeps the raw ones."""

    precision: str = "float32"
    """``float32``, or ``bf16`` or ``fp16`` where autocast sees fit."""

    channels_last: bool = True
    """Whether tensors are laid out channels last: about a tenth faster on CPU, more on a GPU."""

    seed: int = 0
    """Seed of initial weights, order, crops and lights."""

    def __post_init__(self) -> None:
        settings.check_choice("loss", self.loss, LOSSES)
        settings.check_choice("decay", self.decay, DECAYS)
        settings.check_choice("precision", self.precision, PRECISIONS)
        settings.check_integer("batch", self.batch, 1)
        settings.check_integer("seed", self.seed, 0, 2**63 - 1)
        for name in ("steps", "reconstruct_steps", "warmup"):
            settings.check_integer(_spoken(name), getattr(self, name), 0)
        for name in ("epochs", "reconstruct_epochs", "min_share"):
            settings.check_number(_spoken(name), getattr(self, name), 0.0, open_below=True)
        settings.check_number("rate", self.rate, 0.0, open_below=True)
        settings.check_number("clip", self.clip, 0.0)
        settings.check_number("relit", self.relit, 0.0, 1.0)
        settings.check_number("mixed", self.mixed, 0.0, 1.0)
        settings.check_number("EMA", self.ema, 0.0, math.nextafter(1.0, 0.0))
        self._check_tuples()
        if isinstance(self.network, PihSettings) and self.reconstructs:
            raise SettingsError("model pih: has no maps to compare, wanted distillation none and no warm start")
        if isinstance(self.network, PihSettings) and self.batch < 2:
            raise SettingsError(f"batch: {self.batch} found, model pih needs 2 or more for its batch norm")
        if not isinstance(self.network, PihSettings) and self.streams != StreamSettings():
            raise SettingsError(f"model {self.network.model}: learns from pairs alone, wanted no streams")

    def _check_tuples(self) -> None:
        _check_side(self.size)
        for beta in self.betas:
            settings.check_number("beta", beta, 0.0, math.nextafter(1.0, 0.0))
        for share in (*self.milestones, self.decay_from):
            settings.check_number("share of the steps", share, 0.0, 1.0)
        if len(self.betas) != 2:
            raise SettingsError(f"betas: {len(self.betas)} numbers found, two wanted")
        object.__setattr__(self, "grow", tuple((share, side) for share, side in self.grow))
        for share, side in self.grow:
            settings.check_number("share of the steps", share, 0.0, 1.0)
            _check_side(side)
        if list(self.grow) != sorted(self.grow):
            raise SettingsError(f"grow: {self.grow} found, rising shares wanted")

    @property
    def reconstructs(self) -> bool:
        """Whether the run has a reconstruct stage."""
        return self.warm_start or self.distill.kind != "none"

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the run, in order."""
        return STAGES if self.reconstructs else STAGES[1:]

    @property
    def largest(self) -> int:
        """The largest side that the run trains at."""
        return max(self.size, *(side for _, side in self.grow), 0)

    def network_of(self, stage: str) -> NetworkSettings | PihSettings:
        """Return the network that a stage trains."""
        if stage == "harmonize":
            return self.network
        return NetworkSettings(model="issam", width=self.network.width, gift=())

    def length(self, stage: str, steps_an_epoch: int) -> int:
        """Return how many steps a stage has."""
        steps, epochs = (
            (self.steps, self.epochs) if stage == "harmonize" else (self.reconstruct_steps, self.reconstruct_epochs)
        )
        return steps or max(round(epochs * steps_an_epoch), 1)

    def rate_at(self, step: int, length: int) -> float:
        """Return the learning rate of a step, counted from 0, in a stage of that length."""
        share = step / length
        rate = self.rate * min(1.0, (step + 1) / (self.warmup + 1))
        if self.decay == "milestones":
            return rate * 0.1 ** sum(share >= milestone for milestone in self.milestones)
        left = min(1.0, (1 - share) / max(1 - self.decay_from, 1 / length))
        if self.decay == "linear":
            return rate * left
        return rate * (1 - math.cos(math.pi * left)) / 2 if self.decay == "cosine" else rate

    def size_at(self, step: int, length: int) -> int:
        """Return the side of the pictures of a step, counted from 0, in a stage of that length."""
        return next((side for share, side in reversed(self.grow) if step >= share * length), self.size)

    def unpaired_at(self, step: int) -> bool:
        """Toss the coin of a step, counted from 0: whether it sees unpaired composites; the same on every process."""
        return self.streams.unpaired > 0 and random.Random(f"{self.seed} {step}").random() < self.streams.unpaired

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them back."""
        values = {entry.name: _to_plain(getattr(self, entry.name)) for entry in fields(self)}
        return {
            **values,
            "network": self.network.to_dict(),
            "distill": self.distill.to_dict(),
            "streams": self.streams.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainSettings:
        """Read settings from plain values; a name that is not a field raises SettingsError."""
        inner: dict[str, Any] = {
            "network": read_network_settings(values.get("network", {})),
            "distill": DistillSettings.from_dict(values.get("distill", {})),
            "streams": StreamSettings.from_dict(values.get("streams", {})),
        }
        return settings.from_dict(cls, {**values, **inner})


def read_network_settings(values: Mapping[str, Any]) -> NetworkSettings | PihSettings:
    """Read a network's settings from plain values, by the model that they name; raises SettingsError."""
    return PihSettings.from_dict(values) if values.get("model") == "pih" else NetworkSettings.from_dict(values)


def _check_side(side: int) -> None:
    settings.check_integer("size", side, _MULTIPLE)
    if side % _MULTIPLE:
        raise SettingsError(f"size: {side} found, a multiple of {_MULTIPLE} wanted")


def _to_plain(value: Any) -> Any:
    return [_to_plain(item) for item in value] if isinstance(value, tuple) else value


def _spoken(name: str) -> str:
    return name.replace("_", " ")
