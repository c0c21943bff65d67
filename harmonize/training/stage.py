"""One stage of a run: a network and its training steps.

A stage knows nothing of files: it returns its state and restores it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

from ccharmony.errors import SettingsError, TrainingError
from harmonize.data import batches
from harmonize.data.batches import Batch, BatchRequest, Source
from harmonize.models.network import Network
from harmonize.training.distributed import World
from harmonize.training.objective import PARTS, Objective
from harmonize.training.settings import StageName, TrainSettings
from harmonize.training.state import Average, RunState, restore_optimizer

N = TypeVar("N", bound=Network)


class Stage:
    """A network, its optimizer and the steps done.

    Parameters
    ----------
    name
        ``reconstruct`` or ``harmonize``.
    network
        As it starts; moved to the world's device.
    teacher
        The frozen reconstruction branch, or None.
    settings, source, world
        Numbers of the run, pairs to train on, and the processes that share them.
    compiled
        Whether the network goes through torch.compile.

    Raises
    ------
    SettingsError
        The batch is larger than the set or cannot be shared, or the device has no half precision of that kind.
    """

    def __init__(
        self,
        name: StageName,
        network: Network,
        teacher: Network | None,
        settings: TrainSettings,
        source: Source,
        world: World,
        *,
        compiled: bool = False,
    ) -> None:
        # A batch that cannot be shared raises here, not at the first step.
        batches.schedule_epoch(settings.seed, 0, source, settings.batch, processes=world.processes)
        if settings.precision == "fp16" and world.device.type != "cuda":
            raise SettingsError("precision fp16: needs a GPU, wanted float32 or bf16 on CPU")
        self.name, self.settings, self.source, self.world = name, settings, source, world
        self.steps_an_epoch = len(source) // settings.batch
        self.length = settings.length(name, self.steps_an_epoch)
        self.network = _lay_out(network, settings, world)
        self.average = Average(self.network, settings.ema) if settings.ema else None
        guide = None if teacher is None else _lay_out(teacher, settings, world)
        self.objective = world.wrap(self.make_objective(guide)).train()
        if compiled:
            self.network.compile(dynamic=False)
        fused = world.device.type == "cuda"
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.rate, settings.betas, fused=fused)
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=settings.precision == "fp16")
        self.step = self.epoch = self.done = self.pictures = 0
        self.best = float("inf")
        self.window = torch.zeros(len(PARTS) + 1, dtype=torch.float64, device=world.device)
        self._before, self._since = 0.0, time.monotonic()

    @property
    def scored(self) -> Network:
        """The network that is scored and saved: the running average, or where that is off the raw one."""
        return self.network if self.average is None else self.average.network

    @property
    def seconds(self) -> float:
        """Time spent in this stage, the runs before this one included."""
        return self._before + time.monotonic() - self._since

    @property
    def size(self) -> int:
        """Side of the pictures at this step."""
        return self.settings.size_at(min(self.step, self.length - 1), self.length)

    @property
    def rate(self) -> float:
        """Learning rate at this step."""
        return self.settings.rate_at(self.step, self.length)

    def requests(self) -> Iterator[BatchRequest]:
        """Yield the samples of each step from the present one to the end of the stage."""
        step, epoch, done = self.step, self.epoch, self.done
        settings, world = self.settings, self.world
        while step < self.length:
            visits = batches.schedule_epoch(
                settings.seed, epoch, self.source, settings.batch, rank=world.rank, processes=world.processes
            )
            for indices in visits[done : done + self.length - step]:
                yield BatchRequest(epoch, indices, settings.size_at(step, self.length), settings.unpaired_at(step))
                step += 1
            epoch, done = epoch + 1, 0

    def advance(self, request: BatchRequest, batch: Batch) -> Tensor:
        """Take one step.

        Parameters
        ----------
        request
            Which samples the step takes.
        batch
            These samples.

        Returns
        -------
        Tensor
            Losses named in `PARTS`, (3,), still on the device.

        Raises
        ------
        TrainingError
            Memory ran out.
        """
        try:
            losses = self.learn(batch.to(self.world.device), unpaired=request.unpaired)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
            found = f"batch {self.settings.batch} of {request.size}x{request.size}"
            raise TrainingError(
                f"out of memory at step {self.step}: {found}, wanted a smaller --batch or --size"
            ) from error
        self.step += 1
        self.epoch, self.done = request.epoch, self.done + 1 if request.epoch == self.epoch else 1
        self.pictures += self.settings.batch
        if self.average is not None:
            self.average.follow(self.network, self.step)
        self.window[:-1] += losses
        self.window[-1] += 1
        return losses

    def check(self, *, weights: bool = False) -> None:
        """Raise TrainingError if a loss since the last line of the log, or a weight, is not a number.

        The process waits for its device.
        """
        numbers = [self.window, *(self.network.parameters() if weights else ())]
        if not bool(torch.stack([tensor.isfinite().all() for tensor in numbers]).all()):
            raise TrainingError(f"the loss is not a number at step {self.step}: wanted a lower --rate, or --set clip=1")

    def take_window(self) -> dict[str, float]:
        """Return the mean losses of all processes since the last call, and reset the sums."""
        *sums, count = self.world.add(self.window.tolist())
        self.window.zero_()
        return dict(zip(PARTS, (total / max(count, 1) for total in sums), strict=True))

    def state(self) -> RunState:
        """Return everything that is needed to resume from here."""
        return RunState(
            settings=self.settings.to_dict(),
            stage=self.name,
            step=self.step,
            epoch=self.epoch,
            done=self.done,
            pictures=self.pictures,
            seconds=self.seconds,
            best=self.best,
            window=self.window.tolist(),
            network=self.network.state_dict(),
            average={} if self.average is None else self.average.network.state_dict(),
            optimizer=self.optimizer.state_dict(),
            scaler=self.scaler.state_dict(),
            random=torch.get_rng_state(),
        )

    def restore(self, state: RunState) -> None:
        """Resume from a state of this stage.

        A batch of another size starts the next epoch; with validation at another size the lowest fMSE is reset.
        """
        self.network.load_state_dict(state.network)
        if self.average is not None:
            self.average.network.load_state_dict(state.average or state.network)
        restore_optimizer(self.optimizer, state.optimizer)
        if state.scaler and self.scaler.is_enabled():
            self.scaler.load_state_dict(state.scaler)
        self.step, self.epoch, self.done = state.step, state.epoch, state.done
        if state.settings["batch"] != self.settings.batch:
            self.epoch, self.done = state.epoch + 1, 0
        self.pictures = state.pictures
        if TrainSettings.from_dict(state.settings).largest == self.settings.largest:
            self.best = state.best
        self.window.copy_(torch.tensor(state.window, dtype=torch.float64))
        self._before, self._since = state.seconds, time.monotonic()
        torch.set_rng_state(state.random)

    def make_objective(self, teacher: Network | None) -> nn.Module:
        """Return what the stage minimizes, on its device."""
        return Objective(self.network, teacher, self.settings, self.name)

    def learn(self, batch: Batch, *, unpaired: bool) -> Tensor:  # noqa: ARG002 - see harmonize.training.semi_supervised.stage
        """Take a step on a batch that is on the device, and return its losses, (3,)."""
        losses: Tensor = self.objective(batch.composite, batch.mask, batch.real)
        self.descend(losses[0])
        return losses.detach()

    def descend(self, loss: Tensor) -> None:
        """Change the network by the gradient of a loss, one number."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        if self.settings.clip:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()


def _lay_out(network: N, settings: TrainSettings, world: World) -> N:
    """Move a network to the world's device, in the memory layout of the settings."""
    form = torch.channels_last if settings.channels_last else torch.contiguous_format
    moved: N = network.to(world.device).to(memory_format=form)  # type: ignore[call-overload]
    return moved


def _is_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out; on CPU torch raises a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in str(error)
