"""Every number that shapes a training run; saved in its checkpoints, so that a run can be repeated from its weights.

What only changes how fast a run goes or where its files are (threads, device, minutes) is not here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args

from ccharmony.errors import SettingsError
from harmonize import settings
from harmonize.data.kind_settings import KindSettings
from harmonize.models import registry
from harmonize.models.registry import AnySettings
from harmonize.models.settings import MULTIPLE, SIDE, NetworkSettings
from harmonize.settings import Count, Positive, Range, Settings, Share, Weight, describe, ordered
from harmonize.training.stream_settings import DUAL, StreamSettings

DistillSite = Literal["E", "D2", "D3"]
"""Maps that distillation can compare: all four encoder blocks, or a decoder block."""

Region = Literal["all", "background"]
"""Pixels at which two similarity maps are compared."""

Loss = Literal["l1", "foreground"]
Decay = Literal["milestones", "linear", "cosine", "none"]
Precision = Literal["float32", "bf16", "fp16"]

StageName = Literal["reconstruct", "harmonize"]
STAGES: tuple[StageName, ...] = get_args(StageName)

Side = Annotated[int, Range(MULTIPLE, 4096, multiple=MULTIPLE)]
"""Side of training pictures, which are not padded."""

Steps = Annotated[int, Range(0)]


_BelowOne = Annotated[float, Range(0, 1, open_above=True)]


@dataclass(frozen=True)
class DistillSettings(Settings):
    """What is distilled from the frozen reconstruction branch (section 3.2 of the paper), and how strongly.

    Raises
    ------
    SettingsError
        An unknown kind or site, a γ or λ that is negative or not a number, or a kind without sites.
    """

    kind: Literal["relation", "feature", "none"] = "relation"
    """``relation`` (equation 3), ``feature`` (Table 3 row 10) or ``none``."""

    sites: tuple[DistillSite, ...] = ("E",)
    """Maps that are compared: E (all four encoder maps, after GIFT), D2, D3."""

    gamma: Weight = 0.01
    """γ of equation 3, the paper's."""

    weight: Weight = 0.001
    """λ of equation 4, the paper's; used for feature distillation too, of which the paper says nothing."""

    region: Region = "all"
    """Pixels at which two similarity maps are compared: ``all``, as ‖R' − R̂‖² is written, or ``background``, since
    it is "the values in the background region" that "represent the relation between foreground and background"
    (section 3.2). The softmax runs over all pixels either way. Relation distillation alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sites", ordered(self.sites, get_args(DistillSite)))
        if self.kind != "none" and not self.sites:
            raise SettingsError(f"distillation {self.kind}: no site found, {describe(DistillSite)} wanted")


@dataclass(frozen=True)
class TrainSettings(Settings):
    """A run: two stages, reconstruct (real in, real out, then frozen) and harmonize (composite in, real out).

    The defaults are the paper's where it gives a number, else those of iSSAM's released recipe.

    Raises
    ------
    SettingsError
        A number that is negative, not a number or out of its range; a name that is none of the choices.
    """

    network: AnySettings = field(default_factory=NetworkSettings)
    """The harmonization branch; the reconstruction branch is the basic network of the same width."""

    distill: DistillSettings = field(default_factory=DistillSettings)
    """What the reconstruction branch teaches; with kind ``none`` there is no first stage unless `warm_start`."""

    streams: StreamSettings = field(default_factory=StreamSettings)
    """PIH's adversary, unpaired composites and jitter; off for the other networks."""

    loss: Loss = "l1"
    """``l1`` (the paper) or ``foreground`` (squared error over the foreground's area, iSSAM)."""

    min_share: Positive = 1000 / 256**2
    """Smallest foreground, as a share of the picture, that the loss ``foreground`` divides by; iSSAM's 1,000 pixels."""

    relit: Share = 0.0
    """Share of the photos that are first relit as a whole, foreground and background alike."""

    mixed: Share = 0.0
    """Share of the donor lights of photos that are a mixture of two recorded ones."""

    kinds: KindSettings = field(default_factory=KindSettings)
    """Kinds of mismatch other than a donor light, and hidden seams, of photos relit on the fly."""

    balanced: bool = False
    """Whether photos are chosen by source, each in proportion to the square root of its number of photos."""

    size: Side = SIDE
    """Side of the training pictures."""

    sides: tuple[Side, ...] = ()
    """Sides of which each step has a random one instead of `size`, before `grow` sets in."""

    grow: tuple[tuple[Share, Side], ...] = ()
    """Larger sides later on: pairs (share of the stage's steps, side), in rising order."""

    batch: Count = 16
    """Pictures a step, over all processes together: the same number gives the same run on one and on eight."""

    epochs: Positive = 120.0
    """Length of the harmonize stage; iSSAM's."""

    reconstruct_epochs: Positive = 10.0
    """Length of the reconstruct stage. Not in the paper; copying its input is learned within a few epochs."""

    steps: Steps = 0
    """Length of the harmonize stage in steps instead, where above 0."""

    reconstruct_steps: Steps = 0
    """Length of the reconstruct stage in steps instead, where above 0."""

    warm_start: bool = False
    """Whether the U-Net of the harmonization branch starts from the reconstruction branch's weights."""

    rate: Positive = 1e-3
    """Adam's learning rate, the paper's."""

    betas: tuple[_BelowOne, _BelowOne] = (0.9, 0.999)
    """Adam's running averages."""

    warmup: Steps = 0
    """Steps over which the rate rises from 0."""

    decay: Decay = "milestones"
    """``milestones`` (x 0.1 at each), ``linear`` or ``cosine`` (to 0, beginning at `decay_from`), or ``none``."""

    milestones: tuple[Share, ...] = (0.875, 0.9583)
    """Shares of the stage's steps; iSSAM's 105 and 115 of 120 epochs."""

    decay_from: Share = 0.0
    """Share of the stage's steps at which a linear or cosine decay begins."""

    clip: Weight = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""

    ema: _BelowOne = 0.999
    """Decay a step of the averaged weights that are scored and saved; 0 saves the raw ones."""

    precision: Precision = "float32"
    """``float32``, or ``bf16`` or ``fp16`` for the operations that autocast runs in half precision."""

    channels_last: bool = True
    """Whether tensors are laid out channels last: about a tenth faster on CPU, more on a GPU."""

    seed: Annotated[int, Range(0, 2**63 - 1)] = 0
    """Seed of initial weights, order, crops and lights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_parts()
        if list(self.grow) != sorted(self.grow):
            raise SettingsError(f"grow: {self.grow} found, rising shares wanted")
        self._check_network()

    def _check_parts(self) -> None:
        parts = {"network": Settings, "distill": DistillSettings, "streams": StreamSettings, "kinds": KindSettings}
        for name, kind in parts.items():
            if not isinstance(part := getattr(self, name), kind):
                raise SettingsError(f"{name}: {type(part).__name__} found, {kind.__name__} wanted")

    def _check_network(self) -> None:
        model = self.network.model
        row = registry.find_network(model)
        if self.reconstructs and row.teacher is None:
            raise SettingsError(f"model {model}: has no maps to compare, wanted distillation none and no warm start")
        if self.batch < row.smallest_batch:
            raise SettingsError(f"batch: {self.batch} found, model {model} needs {row.smallest_batch} or more")
        if self.streams != StreamSettings() and not row.parametric:
            raise SettingsError(f"model {model}: learns from pairs alone, wanted no streams")

    @property
    def reconstructs(self) -> bool:
        """Whether the run has a reconstruct stage."""
        return self.warm_start or self.distill.kind != "none"

    @property
    def stages(self) -> tuple[StageName, ...]:
        """The stages of the run, in order."""
        return STAGES if self.reconstructs else STAGES[1:]

    @property
    def largest(self) -> int:
        """The largest side that the run trains at."""
        return max(*(self.sides or (self.size,)), *(side for _, side in self.grow), 0)

    def network_of(self, stage: StageName) -> AnySettings:
        """Return the settings of the network that a stage trains; raises SettingsError where it has no such stage."""
        return self.network if stage == "harmonize" else registry.teacher_settings(self.network)

    def length(self, stage: StageName, steps_an_epoch: int) -> int:
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
        for share, side in reversed(self.grow):
            if step >= share * length:
                return side
        return random.Random(f"{self.seed} {step} side").choice(self.sides) if self.sides else self.size

    def unpaired_at(self, step: int) -> bool:
        """Return whether a step, counted from 0, sees unpaired composites: random, the same on every process."""
        return self.streams.unpaired > 0 and random.Random(f"{self.seed} {step}").random() < self.streams.unpaired

    def of_model(self, model: str) -> TrainSettings:
        """Return these settings if they are of a model, else with that model's own network, distillation and streams.

        Raises
        ------
        SettingsError
            There is no such model, or it refuses the other settings.
        """
        if model == self.network.model:
            return self
        row = registry.find_network(model)
        distill = DistillSettings(kind="none", sites=()) if row.teacher is None else DistillSettings()
        streams = DUAL if row.parametric else StreamSettings()
        return replace(self, network=row.default, distill=distill, streams=streams)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainSettings:
        """Read settings from plain values; a name that is not a field raises SettingsError."""
        inner: dict[str, Any] = {
            "network": registry.read_settings(values.get("network", {})),
            "distill": DistillSettings.from_dict(values.get("distill", {})),
            "streams": StreamSettings.from_dict(values.get("streams", {})),
            "kinds": KindSettings.from_dict(values.get("kinds", {})),
        }
        return settings.from_dict(cls, {**values, **inner})
