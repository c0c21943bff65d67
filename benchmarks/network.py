"""What GiftNet (Table 3 row 8) costs compared with the basic network (iSSAM, row 1).

    python -m benchmarks.network [--smoke] [--batch 4] [--threads N]

Seconds of one picture and of one training step at 256×256 on the CPU, ratios of medians, and the peak memory of a
step. The bounds are 1.35 for inference and 1.5 for a step. A step is forward, backward and Adam; "with distillation"
adds the frozen reconstruction branch's encoder and the relation loss. The `harmonize` command keeps freed memory
(`harmonize.memory`): what that gains is measured first, since it cannot be taken back, and the rest with it. Where
a CUDA device is, also pictures a second in bfloat16 and the share of a measured matrix product's rate.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import click
import torch
from torch import Tensor

from benchmarks import complexity
from benchmarks.timing import medians, peak_megabytes
from harmonize import memory
from harmonize.models import giftnet
from harmonize.models.network import Network
from harmonize.models.settings import ISSAM, NetworkSettings
from harmonize.models.unet import UNet
from harmonize.table3 import TABLE_3
from harmonize.training import losses, reconstruction

ROW_8, RELATION = TABLE_3[8]
BASIC, PLAIN, TAUGHT = "iSSAM", "GiftNet", "GiftNet with distillation"
NETWORKS = {BASIC: ISSAM, PLAIN: ROW_8, TAUGHT: ROW_8}
BOUNDS = {"inference": 1.35, "training step": 1.5}


T = TypeVar("T", Tensor, UNet, Network)


@dataclass(frozen=True)
class Load:
    """What is put through a network."""

    batch: int
    size: int
    device: str = "cpu"
    dtype: torch.dtype = torch.float32

    def pictures(self) -> tuple[Tensor, Tensor, Tensor]:
        """Composite and real picture, normalized, and a mask of 15 % of the picture; channels last."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.batch, 3, self.size, self.size)
        composite, real = (torch.randn(shape, generator=generator) for _ in range(2))
        mask = torch.zeros(self.batch, 1, self.size, self.size)
        mask[..., : int(0.39 * self.size), : int(0.39 * self.size)] = 1
        return self.move(composite), self.move(mask), self.move(real)

    def move(self, thing: T) -> T:
        """Bring a tensor or a network to the device, channels last: on the CPU too the faster format."""
        return thing.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def autocast(self) -> torch.autocast:
        """Context in which the forward pass runs."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.dtype != torch.float32)


def inference(settings: NetworkSettings, load: Load) -> Callable[[], object]:
    """Return a call that harmonizes the load once."""
    net, (composite, mask, _) = load.move(giftnet.build(settings)).eval(), load.pictures()

    def run() -> None:
        with torch.inference_mode(), load.autocast():
            net(composite, mask)

    return run


def training_step(name: str, load: Load) -> Callable[[], object]:
    """Return a call that makes one step of Adam on the load."""
    settings = NETWORKS[name]
    net, (composite, mask, real) = load.move(giftnet.build(settings)).train(), load.pictures()
    branch = reconstruction.freeze(load.move(reconstruction.build(settings)))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def run() -> None:
        with load.autocast():
            features = net(composite, mask, features=True)
            loss = losses.l1(features.image, real)
            if name == TAUGHT:
                teacher = reconstruction.reference(branch, real, mask, RELATION.sites)
                students = features.maps(RELATION.sites)
                loss = loss + losses.distillation(students, teacher, features.mask, RELATION)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return run


def peak_of_a_step(name: str, load: Load) -> float:
    """Megabytes that one step adds to a process that has just built it."""
    return peak_megabytes(training_step(name, load))


@click.command()
@click.option("--smoke", is_flag=True, help="Small pictures, one repeat: shows that it runs; the ratios mean nothing.")
@click.option("--batch", default=4, show_default=True, help="Pictures a training step.")
@click.option("--repeats", default=7, show_default=True, help="Runs that the medians are over.")
@click.option("--threads", default=torch.get_num_threads(), show_default=True, help="Threads on the CPU.")
def main(smoke: bool, batch: int, repeats: int, threads: int) -> None:
    """Print the ratios."""
    torch.set_num_threads(threads)
    size, batch, repeats = (64, 2, 1) if smoke else (256, batch, repeats)
    one, many = Load(1, size), Load(batch, size)
    click.echo(f"{size}×{size}, {threads} thread(s), median of {repeats}")
    _compare_allocators({"inference": inference(ROW_8, one), "training step": training_step(PLAIN, many)}, repeats)
    _compare("inference", {name: inference(NETWORKS[name], one) for name in (BASIC, PLAIN)}, repeats)
    _compare("training step", {name: training_step(name, many) for name in NETWORKS}, repeats)
    _compare_memory(many)
    if torch.cuda.is_available():
        _measure_device(Load(4 if smoke else 64, size, "cuda", torch.bfloat16), repeats)


def _compare(what: str, candidates: dict[str, Callable[[], object]], repeats: int) -> None:
    """Warm up, measure in turns, print seconds and the ratio to the basic network."""
    medians(candidates, 1)
    seconds = medians(candidates, repeats)
    for name, value in seconds.items():
        ratio = value / seconds[BASIC]
        bound = f"  (at most {BOUNDS[what]} wanted)" if name == PLAIN else ""
        click.echo(f"  {what:14s} {name:26s} {value:7.3f} s  {ratio:5.2f}x{bound}")


def _compare_memory(load: Load) -> None:
    """Measure each step's peak in a process of its own: memory that an earlier step left would hide it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        peaks = {name: pool.submit(peak_of_a_step, name, load).result() for name in NETWORKS}
    for name, value in peaks.items():
        click.echo(f"  {'peak of a step':14s} {name:26s} {value:7.0f} MB {value / peaks[BASIC]:5.2f}x")


def _compare_allocators(candidates: dict[str, Callable[[], object]], repeats: int) -> None:
    """Measure each candidate as the C library has it, then with freed memory kept."""
    medians(candidates, 1)
    before = medians(candidates, repeats)
    if not memory.keep_freed_memory():
        click.echo("  freed memory kept: not possible with this C library")
        return
    medians(candidates, 2)  # takes the memory that it will keep
    for what, seconds in medians(candidates, repeats).items():
        name = f"{PLAIN}, memory kept"
        click.echo(f"  {what:14s} {name:26s} {seconds:7.3f} s  {seconds / before[what]:5.2f}x without")


def _measure_device(load: Load, repeats: int) -> None:
    """Pictures a second on the accelerator, and the share of what a large matrix product reaches there."""
    ceiling = matrix_rate(load)
    click.echo(f"{torch.cuda.get_device_name()}, {load.dtype}, batch {load.batch}, median of {repeats}")
    click.echo(f"  matrix product {ceiling / 1e12:.0f} TFLOP/s")
    for name, settings in NETWORKS.items():
        flops = complexity.count(settings, load.size).flops * load.batch
        runs = {"training": (training_step(name, load), 3 * flops)}  # the backward pass costs twice the forward pass
        if name != TAUGHT:
            runs["inference"] = (inference(settings, load), flops)
        for what, (run, work) in runs.items():
            seconds = seconds_on_device(run, repeats)
            share = work / seconds / ceiling
            click.echo(f"  {what:14s} {name:26s} {load.batch / seconds:7.0f} pictures/s  {share:6.1%} of that rate")


def matrix_rate(load: Load, side: int = 8192) -> float:
    """Additions and multiplications a second of a square matrix product in the load's type."""
    left, right = (torch.randn(side, side, device=load.device, dtype=load.dtype) for _ in range(2))
    return 2 * side**3 / seconds_on_device(lambda: left @ right, 20)


def seconds_on_device(run: Callable[[], object], repeats: int) -> float:
    """Median seconds until the device has finished, after three runs that choose its algorithms."""

    def finished() -> None:
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    medians({"": finished}, 3)
    return medians({"": finished}, repeats)[""]


if __name__ == "__main__":
    main()
