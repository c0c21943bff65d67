"""A run in its folder: reconstruct, then harmonize; it can be left and taken up at any moment.

::

    RUN/settings.json             every number that shapes the run
    RUN/state.pt                  where it stands; what --resume goes on from
    RUN/reconstruct.safetensors   the frozen reconstruction branch
    RUN/last.safetensors          the harmonization branch as it stands (the running average of its weights)
    RUN/best.safetensors          the same at its lowest fMSE on the validation set

and the tables and pictures of `harmonize.progress`. Every file is written to a temporary name and then renamed: a
killed run leaves the last whole one.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ccharmony import pixels
from ccharmony.errors import TrainingError
from harmonize import batches, checkpoint, giftnet, progress, reconstruction, validate
from harmonize.batches import Source
from harmonize.distributed import World
from harmonize.progress import Reporter
from harmonize.stage import Stage
from harmonize.state import RunState
from harmonize.stopping import Stop
from harmonize.train_settings import TrainSettings
from harmonize.unet import UNet

# Processes agree on stopping only every so many steps: asking costs a message.
_POLL = 10


@dataclass(frozen=True)
class Data:
    """What a run is fed.

    Attributes
    ----------
    train
        Pairs to learn from.
    check
        Pairs to validate on, or None.
    ahead
        Batches that a thread prepares in advance; 0 where they are made on the network's device.
    notes
        Where the pairs come from, for the weights' metadata.
    """

    train: Source
    check: Source | None = None
    ahead: int = 2
    notes: dict[str, Any] | None = None


@dataclass(frozen=True)
class Pace:
    """How often a run does what is not training; changes nothing of what is learned.

    Attributes
    ----------
    log_every
        Steps between two rows of the log.
    validate_every
        Steps between two validations; 0 is once an epoch.
    save_minutes
        Minutes between two states on disk; one is written at each validation and at the end anyway.
    compiled
        Whether the network goes through torch.compile.
    """

    log_every: int = 50
    validate_every: int = 0
    save_minutes: float = 5.0
    compiled: bool = False


@dataclass(frozen=True)
class Start:
    """Weights that a run begins from, where it does not begin at random.

    Attributes
    ----------
    network
        The harmonization branch (finetuning).
    teacher
        A reconstruction branch that is trained already; its stage is skipped.
    """

    network: UNet | None = None
    teacher: UNet | None = None


@dataclass(frozen=True)
class Outcome:
    """How a run ended: whether it is complete, its last stage and step, and its lowest fMSE on the validation set."""

    complete: bool
    stage: str
    step: int
    best: float


class Run:
    """A run in its folder.

    Parameters
    ----------
    settings, data, pace, start
        See there.
    folder
        Where its files go; made if it is not there.
    world
        The processes that share it.
    reporter
        Where it tells how it goes.
    stop
        When it should stop early.
    """

    def __init__(
        self,
        settings: TrainSettings,
        data: Data,
        folder: Path,
        world: World,
        reporter: Reporter,
        stop: Stop,
        *,
        pace: Pace | None = None,
        start: Start | None = None,
    ) -> None:
        self.settings, self.data, self.folder, self.world = settings, data, folder, world
        self.reporter, self.stop = reporter, stop
        self.pace, self.start = pace or Pace(), start or Start()
        self._saved = time.monotonic()

    def go(self, state: RunState | None = None) -> Outcome:
        """Run all stages, or from a state on, until the end or until asked to stop.

        Raises
        ------
        TrainingError
            The loss is not a number, or memory ran out; the state on disk is from before.
        OutputError
            A file cannot be written.
        SettingsError
            The settings do not fit the data or the state.
        """
        if self.world.leads:
            pixels.write_bytes(self.folder / "settings.json", json.dumps(self.settings.to_dict(), indent=1).encode())
        teacher = self.start.teacher
        stages = [name for name in self.settings.stages if name == "harmonize" or teacher is None]
        if teacher is not None and self.world.leads:
            network = self.settings.network_of("reconstruct")
            checkpoint.save_weights(self.folder / "reconstruct.safetensors", teacher, network)
        if state is not None and state.stage == "harmonize" and len(stages) == 2:
            teacher = self._read_teacher()
            stages = stages[1:]
        for name in stages:
            stage = self._open(name, teacher)
            if state is not None:
                stage.restore(state)
                state = None
            if not self._follow(stage):
                return Outcome(False, name, stage.step, stage.best)
            if name == "reconstruct":
                teacher = self._keep_teacher(stage)
        return Outcome(True, name, stage.step, stage.best)

    def _open(self, name: str, teacher: UNet | None) -> Stage:
        """Build a stage as it starts; the same weights on every process."""
        torch.manual_seed(self.settings.seed)
        if name == "reconstruct":
            network = reconstruction.build(self.settings.network)
        else:
            network = self.start.network or giftnet.build(self.settings.network)
            if self.settings.warm_start and self.start.network is None and teacher is not None:
                reconstruction.warm_start(network, teacher)
        guide = teacher if name == "harmonize" and self.settings.distill.kind != "none" else None
        arguments = (name, network, guide, self.settings, self.data.train, self.world)
        return Stage(*arguments, compiled=self.pace.compiled)

    def _follow(self, stage: Stage) -> bool:
        """Take a stage to its end; False where it was asked to stop before."""
        self.reporter.begin(stage.name, stage.step)
        self._announce(stage)
        every = self.pace.validate_every or stage.steps_an_epoch
        began, first = time.monotonic(), stage.step
        if stage.step == 0:
            self._save(stage)
        for draw, batch in batches.read_ahead(self.data.train, stage.draws(), self.data.ahead):
            try:
                stage.advance(draw, batch)
                if self.world.device.type == "cpu":
                    stage.check()
            except TrainingError as error:
                raise TrainingError(f"{error}; {self.folder / 'state.pt'} holds the last good step") from error
            self.reporter.progress(stage.step, stage.length, (time.monotonic() - began) / (stage.step - first))
            last = stage.step == stage.length
            if stage.step % self.pace.log_every == 0 or last:
                self._log(stage, draw.size, (time.monotonic() - began) / (stage.step - first))
            if stage.step % every == 0 or last:
                self._validate(stage)
            if self._asked(stage) and not last:
                self._save(stage)
                self.reporter.line(
                    f"{self.stop.reason} at step {stage.step} of {stage.length}; --resume goes on from there"
                )
                return False
            if time.monotonic() - self._saved > 60 * self.pace.save_minutes:
                self._save(stage)
        return True

    def _announce(self, stage: Stage) -> None:
        settings = self.settings
        count = sum(parameter.numel() for parameter in stage.network.parameters())
        self.reporter.line(
            f"{stage.name}: {settings.network_of(stage.name).model}, {count:,} parameters, {len(self.data.train):,} samples, "
            f"step {stage.step} of {stage.length}, batch {settings.batch}, {settings.precision} on {self.world.device}"
        )
        if self.data.check is not None and stage.name == "harmonize" and stage.step == 0:
            size = settings.largest
            means = validate.score_composites(self.data.check, size, self.world)
            self.reporter.scores({"stage": stage.name, "step": 0, "row": "composite", "size": size, **means})
            self.reporter.line(f"composites: {_spell_scores(means)}")

    def _log(self, stage: Stage, size: int, seconds_a_step: float) -> None:
        stage.check()
        losses = stage.take_window()
        row = {"stage": stage.name, "step": stage.step, "epoch": stage.epoch, "pictures": stage.pictures, "size": size}
        rate = stage.settings.rate_at(stage.step - 1, stage.length)
        self.reporter.log({**row, "rate": rate, **losses, "seconds": stage.seconds})
        left = progress.spell(seconds_a_step * (stage.length - stage.step))
        parts = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        pace = self.settings.batch / seconds_a_step
        self.reporter.line(
            f"{stage.name} {stage.step}/{stage.length}: {parts}; {pace:.3g} pictures a second, {left} left"
        )

    def _validate(self, stage: Stage) -> None:
        """Score the network, keep its weights, and the better ones apart; then save the state."""
        stage.check()
        if self.data.check is not None:
            of_real, size = stage.name == "reconstruct", self.settings.largest
            network = stage.scored.eval()
            means = validate.validate(network, self.data.check, size, self.world, of_real=of_real)
            row = {"stage": stage.name, "step": stage.step, "row": "harmonized", "size": size}
            self.reporter.scores({**row, **means})
            self.reporter.line(f"{stage.name} {stage.step}: {_spell_scores(means)}")
            if self.world.leads:
                batch = validate.pick(self.data.check, size)
                picture = validate.strip(network, batch, self.world.device, of_real=of_real)
                self.reporter.strip(stage.name, stage.step, picture)
            if means["fmse"] < stage.best:
                stage.best = means["fmse"]
                if stage.name == "harmonize":
                    self._keep(stage, "best")
            stage.objective.train()
        self._save(stage)

    def _save(self, stage: Stage) -> None:
        """Write where the run stands, and its weights; the process that leads does it."""
        stage.check()
        self._saved = time.monotonic()
        if self.world.leads:
            stage.state().write(self.folder / "state.pt")
            if stage.name == "harmonize":
                self._keep(stage, "last")

    def _keep(self, stage: Stage, name: str) -> None:
        if self.world.leads:
            notes = {
                "stage": stage.name,
                "step": stage.step,
                "pictures": stage.pictures,
                "seconds": round(stage.seconds),
            }
            best = stage.best if math.isfinite(stage.best) else None
            metadata = {**notes, "fmse": best, "data": self.data.notes or {}, "training": self.settings.to_dict()}
            settings = self.settings.network_of(stage.name)
            checkpoint.save_weights(self.folder / f"{name}.safetensors", stage.scored, settings, metadata=metadata)

    def _keep_teacher(self, stage: Stage) -> UNet:
        """Write the reconstruction branch and return it, frozen."""
        self._keep(stage, "reconstruct")
        return reconstruction.freeze(stage.scored)

    def _read_teacher(self) -> UNet | None:
        if not self.settings.reconstructs:
            return None
        return reconstruction.freeze(checkpoint.load_weights(self.folder / "reconstruct.safetensors").net)

    def _asked(self, stage: Stage) -> bool:
        """Tell whether the run should stop now; all processes get the same answer."""
        if self.world.processes == 1:
            return self.stop.due
        return stage.step % _POLL == 0 and self.world.any(self.stop.due)


def _spell_scores(means: dict[str, float]) -> str:
    return f"fMSE {means['fmse']:.1f}, MSE {means['mse']:.2f}, PSNR {means['psnr']:.2f}, fSSIM {means['fssim']:.4f} ({means['n']:.0f} pairs)"
