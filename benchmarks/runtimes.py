"""What runs a network fastest on a CPU, and what fewer bits cost: torch, onnxruntime, OpenCV; float32, float16, int8.

    python -m benchmarks.runtimes --data DIR [--pairs 80] [--weights NAME] [--threads 2] [--repeats 5]
    python -m benchmarks.runtimes --smoke

A row is a way: seconds of the processor and of the clock for a picture at 256×256, alone and in a batch of eight, and
the mean fMSE over the pairs. The first 16 pairs calibrate the static quantization and are not scored. The table's last
column is the error over torch's. Wall seconds mean something on an idle machine alone; start it with
OMP_WAIT_POLICY=passive, as commands run torch.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import onnxruntime
import torch
from onnxruntime import quantization
from onnxruntime.transformers import float16

from benchmarks import scene
from benchmarks.timing import medians
from ccharmony.arrays import Float32
from ccharmony.dataset.find_pairs import find_pairs
from harmonize import memory, processors
from harmonize.data import stored_pairs
from harmonize.evaluation import metrics
from harmonize.exported import export, session
from harmonize.exported.opencv import OpencvSession
from harmonize.inference import network
from harmonize.inference.image import shrink, shrink_mask
from harmonize.inference.onnx_network import OnnxNetwork
from harmonize.inference.torch_network import TorchNetwork
from harmonize.markdown import make_table
from harmonize.models.settings import SIDE
from harmonize.weights.cards import default_weights

_CALIBRATED = 16
_BATCHES = (1, 8)

Infer = Callable[[Float32, Float32], Float32]


class Pairs(NamedTuple):
    """Composites and real pictures (N, S, S, 3), in levels, and masks (N, S, S)."""

    composites: Float32
    masks: Float32
    real: Float32


class _Calibration(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Gives the pairs one by one."""

    def __init__(self, pairs: Pairs) -> None:
        self._rest = iter(zip(pairs.composites, pairs.masks, strict=True))

    def get_next(self) -> dict[str, Float32] | None:
        """Return the inputs of the next pair, or None."""
        found = next(self._rest, None)
        return found and _inputs(found[0][None], found[1][None])


def _inputs(composites: Float32, masks: Float32) -> dict[str, Float32]:
    pictures = np.ascontiguousarray(composites.transpose(0, 3, 1, 2)) / np.float32(255)
    return dict(zip(session.INPUTS, (pictures, masks[:, None]), strict=True))


def read(data: Path, count: int) -> Pairs:
    """Read the first pairs of a dataset's test split, shrunk as networks see them."""
    found = [stored_pairs.read_pair(pair) for pair in find_pairs(data, "test")[0][:count]]
    composites, masks, real = zip(*found, strict=True)
    before, after = (np.stack([shrink(one, SIDE) for one in some]).astype(np.float32) for some in (composites, real))
    return Pairs(before, np.stack([shrink_mask(mask, SIDE) for mask in masks]), after)


def render(count: int) -> Pairs:
    """Render pairs of one scene whose foreground is under another light."""
    real, mask = scene.photo(SIDE, SIDE), scene.mask(SIDE, SIDE, 0.2)
    composites = [np.where(mask[..., None] > 0, scene.recolor(seed)(real), real) for seed in range(count)]
    return Pairs(
        np.stack(composites).astype(np.float32), np.stack([mask] * count), np.stack([real] * count).astype(np.float32)
    )


def list_ways(weights: str, folder: Path, calibration: Pairs) -> dict[str, Infer]:
    """Return how each way gives levels for a batch."""
    plain = folder / "plain.onnx"
    export.export_onnx(plain, weights)
    ways: dict[str, Infer] = {"torch": TorchNetwork(network.load_network(weights, "cpu")).infer}
    ways["onnxruntime"] = OnnxNetwork(session.open_session(plain)).infer
    ways["OpenCV"] = OnnxNetwork(OpencvSession(weights, plain.read_bytes())).infer
    for name, write in {"float16": _write_float16, "int8, dynamic": _write_dynamic}.items():
        ways[f"onnxruntime, {name}"] = _open(write(plain, folder / f"{name}.onnx"))
    static = _write_static(plain, folder / "static.onnx", calibration)
    return {**ways, "onnxruntime, int8, static": _open(static)}


def _write_float16(plain: Path, path: Path) -> Path:
    import onnx

    onnx.save(float16.convert_float_to_float16(onnx.load(plain), keep_io_types=True), path)
    return path


def _write_dynamic(plain: Path, path: Path) -> Path:
    quantization.quantize_dynamic(plain, path, weight_type=quantization.QuantType.QUInt8)
    return path


def _write_static(plain: Path, path: Path, calibration: Pairs) -> Path:
    prepared = path.with_name("prepared.onnx")
    quantization.quant_pre_process(plain, prepared, skip_symbolic_shape=True)
    reader = _Calibration(calibration)
    quantization.quantize_static(prepared, path, reader, per_channel=True, op_types_to_quantize=["Conv"])
    return path


def _open(path: Path) -> Infer:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = processors.threads(), 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    runner = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return partial(_run, runner)


def _run(runner: Any, composites: Float32, masks: Float32) -> Float32:
    found = runner.run(None, _inputs(composites, masks))[0]
    return np.asarray(found.transpose(0, 2, 3, 1) * 255, np.float32)


def score(infer: Infer, pairs: Pairs) -> float:
    """Return the mean fMSE of a way's results, rounded and with the composite's background."""
    errors = []
    for composite, mask, real in zip(*pairs, strict=True):
        share = mask[..., None]
        result = np.rint(composite + share * (infer(composite[None], mask[None])[0] - composite))
        errors.append(metrics.fmse(result, real, mask))
    return float(np.mean(errors))


def _measure(ways: dict[str, Infer], pairs: Pairs, repeats: int) -> list[Sequence[str]]:
    """Return a row for each way."""
    clocks = {"processor": time.process_time, "wall": time.perf_counter}
    seconds: dict[tuple[str, int], dict[str, float]] = {}
    for count in _BATCHES:
        some = [np.concatenate([part] * count)[:count] for part in (pairs.composites, pairs.masks)]
        calls = {way: partial(infer, *some) for way, infer in ways.items()}
        for call in calls.values():
            call()
        for name, clock in clocks.items():
            seconds[name, count] = medians(calls, repeats, clock)
    errors = {way: score(infer, pairs) for way, infer in ways.items()}
    first = errors["torch"]
    return [
        [
            way,
            *(f"{seconds[name, count][way] / count:.3f}" for count in _BATCHES for name in clocks),
            f"{error:.1f}",
            f"{error / first - 1:+.1%}",
        ]
        for way, error in errors.items()
    ]


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Pairs in iHarmony4's layout; the test split.")
@click.option("--pairs", "count", default=80, show_default=True, help="How many are scored.")
@click.option("--weights", help="Bundled weights.  [the default]")
@click.option("--threads", default=2, show_default=True, help="For all ways.")
@click.option("--repeats", default=5, show_default=True, help="Runs that the medians are over.")
@click.option("--smoke", is_flag=True, help="Rendered pairs: shows that it runs; the numbers mean little.")
def main(data: Path | None, count: int, weights: str | None, threads: int, repeats: int, smoke: bool) -> None:
    """Print the table."""
    memory.keep_freed_memory()
    logging.disable(logging.WARNING)  # of quantization, which would rather have its own preparations
    torch.set_num_threads(threads)
    calibrated, count, repeats = (2, 2, 1) if smoke else (_CALIBRATED, count, repeats)
    if data is None and not smoke:
        raise click.UsageError("wanted --data or --smoke")
    pairs = render(calibrated + count) if data is None else read(data, calibrated + count)
    calibration, rest = (Pairs(*(part[n:m] for part in pairs)) for n, m in ((0, calibrated), (calibrated, None)))
    with tempfile.TemporaryDirectory() as folder:
        ways = list_ways(weights or default_weights(), Path(folder), calibration)
        rows = _measure(ways, rest, repeats)
    heads = [f"{name} s, batch of {count}" for count in _BATCHES for name in ("processor", "wall")]
    click.echo(make_table([f"{threads} threads", *heads, "fMSE", "over torch's"], rows))


if __name__ == "__main__":
    main()
