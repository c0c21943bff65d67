"""A run: reconstruct, then harmonize; it can be stopped and resumed after any step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from ccharmony.errors import TrainingError
from harmonize.data import batches
from harmonize.data.batches import Data
from harmonize.models import registry
from harmonize.models.network import Network
from harmonize.training import progress, reconstruction, validation
from harmonize.training.distributed import World
from harmonize.training.pace import Pace
from harmonize.training.progress import Reporter
from harmonize.training.run_folder import RunFolder
from harmonize.training.semi_supervised.stage import DualStage
from harmonize.training.settings import StageName, TrainSettings
from harmonize.training.stage import Stage
from harmonize.training.state import RunState, damaged
from harmonize.training.stop import Stop
from harmonize.training.stream_settings import StreamSettings

# Processes agree on stopping only every so many steps: each agreement costs a message.
_POLL = 10


@dataclass(frozen=True)
class Start:
    """Weights that a run starts from, where it does not start from random ones.

    Attributes
    ----------
    network
        The harmonization branch (finetuning).
    teacher
        A reconstruction branch that is trained already; its stage is skipped.
    """

    network: Network | None = None
    teacher: Network | None = None


@dataclass(frozen=True)
class Outcome:
    """How a run ended: whether it is complete, its last stage and step, and its lowest fMSE on the validation set."""

    complete: bool
    stage: StageName
    step: int
    best: float


class Run:
    """All stages of a run.

    Parameters
    ----------
    settings
        Every number that shapes the run.
    data
        Pairs to train and to validate on.
    folder
        Where its files go.
    world
        The processes that share it.
    reporter
        Where its lines, tables and pictures go.
    stop
        When it should stop early.
    pace
        How often it logs, validates and saves.
    start
        Weights that it starts from.
    """

    def __init__(
        self,
        settings: TrainSettings,
        data: Data,
        folder: RunFolder,
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
        """Run all stages, or resume from a state, until the end or until a request to stop.

        Parameters
        ----------
        state
            Where an interrupted run stood; None starts from the first step.

        Returns
        -------
        Outcome
            How the run ended.

        Raises
        ------
        TrainingError
            The loss is not a number, or memory ran out; the state on disk is an earlier one.
        OutputError
            A file cannot be written.
        SettingsError
            The settings do not fit the data.
        """
        self.folder.begin(self.settings)
        stages, teacher = self._remaining(state)
        for name in stages:
            stage = self._open(name, teacher)
            try:
                if state is None:
                    self._begin(stage)
                else:
                    self._resume(stage, state)
                state = None
                complete = self._train(stage)
                self.reporter.line(self.data.summarize())
            except TrainingError as error:
                raise TrainingError(f"{error}; {self.folder.state} holds the last good step") from error
            if not complete:
                break
            if name == "reconstruct":
                self.folder.save_weights(stage, "reconstruct")
                teacher = reconstruction.freeze(stage.scored)
        return Outcome(complete, name, stage.step, stage.best)

    def _remaining(self, state: RunState | None) -> tuple[tuple[StageName, ...], Network | None]:
        """Return the stages that are left, and the teacher if it exists already."""
        stages, teacher = self.settings.stages, self.start.teacher
        if "reconstruct" not in stages:
            return stages, None
        if teacher is not None:
            self.folder.save_teacher(teacher, self.settings)
        elif state is not None and state.stage == "harmonize":
            teacher = self.folder.read_teacher(self.settings)
        return (stages if teacher is None else stages[1:]), teacher

    def _open(self, name: StageName, teacher: Network | None) -> Stage:
        """Build a stage as it starts; the same weights on every process."""
        torch.manual_seed(self.settings.seed)
        begun = self.start.network if name == "harmonize" else None
        network = begun or registry.build_network(self.settings.network_of(name))
        if name == "harmonize" and self.settings.warm_start and begun is None and teacher is not None:
            reconstruction.warm_start(network, teacher)
        guide = teacher if name == "harmonize" and self.settings.distill.kind != "none" else None
        arguments = (name, network, guide, self.settings, self.data.train, self.world)
        kind = DualStage if self.settings.streams != StreamSettings() else Stage
        return kind(*arguments, compiled=self.pace.compiled)

    def _begin(self, stage: Stage) -> None:
        """Score the composites, and save the start of a stage."""
        self.reporter.begin(stage.name, 0)
        self._score_composites(stage)
        self._save(stage)

    def _resume(self, stage: Stage, state: RunState) -> None:
        """Resume a stage; where it is validated at another size from now on, the composites are scored again."""
        is_scored = stage.name == "harmonize" and math.isfinite(state.best)
        problem = self.folder.why_no_best() if is_scored else ""  # before, since to build a network draws numbers
        try:
            stage.restore(state)
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise damaged(self.folder.state, error) from error
        self.reporter.begin(stage.name, stage.step)
        if stage.best > state.best:
            self._score_composites(stage)
        if problem and math.isfinite(stage.best):
            self.reporter.line(f"{problem}; the next validation writes these weights anew")
            stage.best = math.inf

    def _score_composites(self, stage: Stage) -> None:
        if self.data.check is None or stage.name != "harmonize":
            return
        means = validation.score_composites(self.data.check, self.settings.largest, self.world)
        row = {"stage": stage.name, "step": stage.step, "row": "composite", "size": self.settings.largest}
        self.reporter.scores({**row, **means})
        self.reporter.line(f"composites: {_format_scores(means)}")

    def _train(self, stage: Stage) -> bool:
        """Take all steps of a stage; False where the run should stop before its end."""
        self._announce(stage)
        clock = progress.Clock(stage.step)
        for request, batch in batches.read_ahead(self.data.train, stage.requests(), self.data.ahead):
            stage.advance(request, batch)
            if self.world.device.type == "cpu":  # on a GPU, reading every loss would make it wait
                stage.check()
            self.reporter.progress(stage.step, stage.length, clock.pace(stage.step))
            last = stage.step == stage.length
            if last or stage.step % self.pace.log_every == 0:
                self._log(stage, request.size, clock.pace(stage.step))
            if last or stage.step % (self.pace.validate_every or stage.steps_an_epoch) == 0:
                self._validate(stage)
            if not last and self._should_stop(stage):
                self._save(stage)
                step = f"step {stage.step} of {stage.length}"
                self.reporter.line(f"{stage.name}: {self.stop.reason} at {step}; --resume continues from it")
                return False
            if time.monotonic() - self._saved > 60 * self.pace.save_minutes:
                self._save(stage)
        return True

    def _announce(self, stage: Stage) -> None:
        settings = self.settings
        count = sum(parameter.numel() for parameter in stage.network.parameters())
        model = f"{settings.network_of(stage.name).model}, {count:,} parameters"
        pace = f"batch {settings.batch}, {settings.precision} on {self.world.device}"
        samples = f"{len(self.data.train):,} samples"
        self.reporter.line(f"{stage.name}: {model}, {samples}, step {stage.step} of {stage.length}, {pace}")

    def _log(self, stage: Stage, size: int, seconds_a_step: float) -> None:
        stage.check()
        losses = stage.take_window()
        row = {"stage": stage.name, "step": stage.step, "epoch": stage.epoch, "pictures": stage.pictures, "size": size}
        rate = self.settings.rate_at(stage.step - 1, stage.length)
        self.reporter.log({**row, "rate": rate, **losses, "seconds": stage.seconds})
        left = progress.format_duration(seconds_a_step * (stage.length - stage.step))
        parts = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        pace = f"{self.settings.batch / seconds_a_step:.3g} pictures a second"
        self.reporter.line(f"{stage.name} {stage.step}/{stage.length}: {parts}; {pace}, {left} left")

    def _validate(self, stage: Stage) -> None:
        """Score the network, save its weights if they are the best so far, and save the state."""
        if self.data.check is not None:
            stage.check(weights=True)
            of_real, size = stage.name == "reconstruct", self.settings.largest
            network = stage.scored.eval()
            means = validation.validate(network, self.data.check, size, self.world, of_real=of_real)
            row = {"stage": stage.name, "step": stage.step, "row": "harmonized", "size": size}
            self.reporter.scores({**row, **means})
            self.reporter.line(f"{stage.name} {stage.step}: {_format_scores(means)}")
            if self.world.leads:
                batch = validation.select_pairs(self.data.check, size)
                picture = validation.strip(network, batch, self.world.device, of_real=of_real)
                self.reporter.strip(stage.name, stage.step, picture)
            if means["fmse"] < stage.best:
                stage.best = means["fmse"]
                if stage.name == "harmonize":
                    self.folder.save_weights(stage, "best")
            stage.objective.train()
        self._save(stage)

    def _save(self, stage: Stage) -> None:
        stage.check(weights=True)
        self.folder.save(stage)
        self._saved = time.monotonic()

    def _should_stop(self, stage: Stage) -> bool:
        """Return whether the run should stop now; the same answer on every process."""
        if self.world.processes == 1:
            return self.stop.due
        return stage.step % _POLL == 0 and self.world.any(self.stop.due)


def _format_scores(means: dict[str, float]) -> str:
    errors = f"fMSE {means['fmse']:.1f}, MSE {means['mse']:.2f}"
    return f"{errors}, PSNR {means['psnr']:.2f}, fSSIM {means['fssim']:.4f} ({means['n']:.0f} pairs)"
