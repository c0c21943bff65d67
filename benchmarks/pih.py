"""What the parametric harmonizer costs compared with the basic network.

    python -m benchmarks.pih [--smoke] [--threads N]

Pictures a second in a training step at 256×256 (forward, backward, Adam; the bound is 60 on two cores), and the
seconds in which curves and map that are already predicted are applied to a 24 MP photo (the bound is 0.5). Printed are
the time on the clock and that of the processors, which other work on the machine hardly changes: with --threads 1 it
is what one free core would need.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import click
import cv2
import numpy as np
import torch

from benchmarks import scene
from benchmarks.network import Load
from benchmarks.timing import medians
from ccharmony.arrays import Float32, UInt8
from harmonize.inference import adjustment
from harmonize.inference.adjustment import Adjustment
from harmonize.models import registry
from harmonize.models.pih import curves
from harmonize.models.registry import AnySettings
from harmonize.models.settings import ISSAM, PihSettings
from harmonize.training import losses

SHARE = 0.30
PIH, PIH_HALF, BASIC = "PIH, float32", "PIH, bf16", "basic network, float32"


@click.command()
@click.option("--smoke", is_flag=True, help="Small pictures, one repeat: shows that it runs.")
@click.option("--threads", type=int, default=2, show_default=True)
def main(smoke: bool, threads: int) -> None:
    """Print the figures."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    size, batch, repeats = (64, 2, 1) if smoke else (256, 16, 3)
    _measure_steps(size, batch, repeats)
    _measure_application(*((600, 900) if smoke else (4000, 6000)), repeats=max(repeats, 2))


def _measure_steps(size: int, batch: int, repeats: int) -> None:
    few = max(batch // 4, 2)  # the basic network takes a second a picture
    steps = {
        PIH: (_step(PihSettings(), Load(batch, size)), batch),
        PIH_HALF: (_step(PihSettings(), Load(batch, size, dtype=torch.bfloat16)), batch),
        BASIC: (_step(ISSAM, Load(few, size)), few),
    }
    for run, _ in steps.values():
        run()  # the first step also plans and allocates
    seconds = medians({name: run for name, (run, _) in steps.items()}, repeats)
    busy = {name: _processor_seconds(run) for name, (run, _) in steps.items()}
    click.echo(f"a training step at {size}x{size}, {torch.get_num_threads()} threads, median of {repeats}:")
    for name, (_, count) in steps.items():
        times = (busy[BASIC] / steps[BASIC][1]) / (busy[name] / count)
        pace = f"{count / seconds[name]:7.1f} pictures a second, {count / busy[name]:7.1f} a processor's second"
        click.echo(f"  {name:24s} {pace}, {times:5.1f}x the basic network")


def _step(settings: AnySettings, load: Load) -> Callable[[], None]:
    """Return a call that makes one step of Adam on random pictures."""
    net, (composite, mask, real) = load.move(registry.build_network(settings)).train(), load.pictures()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with load.autocast():
            output = net.forward_features(composite, mask)
        torch.autograd.backward(losses.foreground_mse(output.image, real, mask))
        optimizer.step()

    return run


def _measure_application(height: int, width: int, *, repeats: int) -> None:
    image, mask = scene.photo(height, width), scene.mask(height, width, SHARE)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 3), np.float32)
    knots = curves.centers(32).double().numpy() ** np.array([[0.8], [1.0], [1.2]])
    found = Adjustment(knots, np.random.default_rng(0).normal(0, 0.2, (16, 16)))
    cases = {"hard edges": mask, "soft edges": soft, "whole picture": np.ones_like(mask)}
    runs = {name: _application(found, image, foreground) for name, foreground in cases.items()}
    seconds = medians(runs, repeats)
    click.echo(f"curves and map applied to {height * width / 1e6:.1f} MP, foreground {SHARE:.0%}, median of {repeats}:")
    for name, value in seconds.items():
        click.echo(f"  {name:24s} {value:7.3f} s, {_processor_seconds(runs[name]):7.3f} s of the processors")


def _processor_seconds(run: Callable[[], object]) -> float:
    """Return the seconds that all threads of this process together spend on a run."""
    before = time.process_time()
    run()
    return time.process_time() - before


def _application(found: Adjustment, image: UInt8, mask: Float32) -> Callable[[], object]:
    return lambda: adjustment.apply(found, image, mask)


if __name__ == "__main__":
    main()
