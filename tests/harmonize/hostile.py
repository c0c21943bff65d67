"""Small valid files of every kind that harmonize reads, and what reads them; `tests.ccharmony.fuzz` damages them."""

from __future__ import annotations

import contextlib
import copy
import io
import random
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from harmonize.evaluation import compare, methods
from harmonize.evaluation.report import COLUMNS
from harmonize.exported import export, protobuf
from harmonize.inference import adjustment, onnx_network, parametric
from harmonize.models import registry
from harmonize.models.pih import curves
from harmonize.models.settings import NetworkSettings, PihSettings
from harmonize.training import options, progress, run_folder
from harmonize.training.data_paths import DataPaths
from harmonize.training.pace import Pace
from harmonize.training.settings import TrainSettings
from harmonize.training.stage import PARTS
from harmonize.training.state import RunState
from harmonize.weights import checkpoint

from ..ccharmony.fields import VALUES
from ..ccharmony.hostile import Target
from . import hostile_inputs, hostile_pages

SMALL = NetworkSettings(width=4, mlp_width=8)

EXCUSED = {
    "commands.shared.read_model": "reads an option",
    "commands.shared.read_size": "reads an option",
    "data.batches.read_ahead": "reads no file by itself",
    "exported.opencv.open_bundled": "reads files of the package alone",
    "inference.onnx_network.load_bundled": "reads files of the package alone",
    "weights.bundled.read_arrays": "reads files of the package alone",
    "weights.bundled.read_notes": "reads files of the package alone",
    "evaluation.methods.open_predictions": "reached by open_method",
    "evaluation.report.open_images": "writes",
    "evaluation.ring.read_ring": "reads an option",
    "training.named_settings.read_texts": "reads the source of the package",
    "video.writing.open_sink": "writes",
    "weights.cards.read": "reads a file of the package",
}
"""Functions of harmonize that read by their names, and why no damaged file is made for them."""


def targets(root: Path) -> list[Target]:
    """Write the folders that the files are parts of, and return what there is to damage."""
    return [
        *_weights(root / "weights"),
        *_run(root / "run"),
        *_tables(root / "tables"),
        *_exported(root / "exported"),
        *hostile_pages.targets(root / "study"),
        *hostile_inputs.targets(root / "inputs"),
    ]


def _weights(root: Path) -> Iterator[Target]:
    root.mkdir()
    torch.manual_seed(0)
    files = []
    for name, settings in (("gift", SMALL), ("pih", PihSettings(side=64, width=2))):
        net = registry.build_network(settings)
        checkpoint.save_weights(root / f"{name}.safetensors", net, settings, metadata={"steps": 3, "data": ["a"]})
        files.append((root / f"{name}.safetensors").read_bytes())
    path = root / "x.safetensors"

    def both() -> None:
        checkpoint.read_notes(path)
        checkpoint.load(path)
        methods.open_method(path, "cpu")
        run_folder.read_network(path, checkpoint.load(path).settings)

    def parameters() -> None:
        parametric.load(path, "cpu")

    yield Target("weights", path, tuple(files), both)
    yield Target("weights of curves", path, (files[1],), parameters)
    weights = registry.build_network(NetworkSettings(width=4)).state_dict()
    bare, wrapped = save(weights), io.BytesIO()
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in weights.items()}}, wrapped)
    foreign = root / "y.pth"
    yield Target(
        "checkpoint", foreign, (wrapped.getvalue(), bare), lambda: checkpoint.load(foreign), change=_change_torch
    )


def _run(root: Path) -> Iterator[Target]:
    root.mkdir()
    folder = run_folder.RunFolder(root)
    settings = TrainSettings(network=SMALL, size=32, batch=4)
    folder.begin(settings)
    net = registry.build_network(SMALL)
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = RunState(
        settings=settings.to_dict(),
        stage="harmonize",
        step=1,
        epoch=0,
        done=1,
        pictures=4,
        seconds=1.5,
        best=12.5,
        window=[0.0] * (len(PARTS) + 1),
        network=net.state_dict(),
        average={},
        optimizer=optimizer.state_dict(),
        scaler={},
        random=torch.get_rng_state(),
    )
    state.write(folder.state)
    yield Target("state.pt", folder.state, (folder.state.read_bytes(),), folder.read_state, change=_change_torch)
    path = root / "settings.json"
    yield Target("settings.json", path, (path.read_bytes(),), lambda: run_folder.read_settings(path))
    options.RunOptions(DataPaths(photos=(root,), lights=path), Pace()).write(root)
    given = root / options.FILE
    yield Target(options.FILE, given, (given.read_bytes(),), lambda: options.read_options(root, {}))
    for name, columns in (("log.csv", progress.LOG), ("scores.csv", progress.SCORES)):
        rows = [["harmonize", str(step), *["0.5"] * (len(columns) - 2)] for step in (2, 4)]
        data = "".join(",".join(row) + "\n" for row in [columns, *rows]).encode()
        yield Target(name, root / name, (data,), lambda: _begin(root))


def _begin(root: Path) -> None:
    progress.Reporter(root, tensorboard=False).begin("harmonize", 3)


def _tables(root: Path) -> Iterator[Target]:
    root.mkdir()
    found = adjustment.Adjustment(np.tile(curves.centers(8), (3, 1)), np.zeros((4, 4)))
    adjustment.write_json(root / "params.json", found)
    path = root / "params.json"
    yield Target("params", path, (path.read_bytes(),), lambda: _apply(path))
    rows = [["dovenet", "set", f"p_{n}_a_1.png", f"p_{n}", *["3.5"] * (len(COLUMNS) - 4)] for n in range(7)]
    data = ("\n".join(",".join(row) for row in [list(COLUMNS), *rows]) + "\n").encode()
    table = root / "images.csv"
    (root / "other.csv").write_bytes(data)
    yield Target("images.csv", table, (data,), lambda: compare.compare(table, root / "other.csv", resamples=10))


def _exported(root: Path) -> Iterator[Target]:
    """A network as an ONNX file, where onnx can write it."""
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        return
    root.mkdir()
    path = root / "net.onnx"
    checkpoint.save_weights(root / "net.safetensors", registry.build_network(SMALL), SMALL)
    with contextlib.redirect_stdout(sys.stderr):  # of torch's exporter
        export.export_onnx(path, root / "net.safetensors")

    def run() -> None:
        opened = onnx_network.load(path).session
        opened.run(np.ones((1, 3, 16, 16), np.float32), np.ones((1, 1, 16, 16), np.float32))

    yield Target("ONNX", path, (path.read_bytes(),), run, change=_change_onnx)


def _change_onnx(draw: random.Random, data: bytes) -> bytes:
    """Change a byte of the graph and make its checksum fit."""
    changed = bytearray(data[: -len(protobuf.seal(b""))])
    changed[draw.randrange(len(changed))] = draw.choice((0, 1, 8, 0x7F, 0x80, 0xFF))
    return protobuf.seal(bytes(changed))


def _apply(path: Path) -> None:
    found = adjustment.read_json(path)
    image, mask = np.full((8, 8, 3), 100, np.uint8), np.ones((8, 8), np.float32)
    adjustment.apply(found, image, mask)
    adjustment.mean_gain(found, mask)


def _change_torch(draw: random.Random, data: bytes) -> bytes:
    """Change one value of what `torch.save` wrote, or of a state dictionary in it."""
    try:
        content = torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # a seed of another format
        return data[: draw.randrange(len(data))]
    holder: Any = content
    for _ in range(draw.choice((0, 0, 1, 2))):
        inner = [value for value in holder.values() if isinstance(value, dict) and value]
        holder = draw.choice(inner) if inner else holder
    key = draw.choice(sorted(holder, key=str))
    fault = draw.choice(("value", "tensor", "remove", "shape", "step"))
    if fault == "remove":
        del holder[key]
    elif fault == "shape" and isinstance(holder[key], torch.Tensor):
        holder[key] = draw.choice((holder[key].flatten()[:1], torch.ones(()).expand(10**9), holder[key][None]))
    elif fault == "tensor":
        holder[key] = draw.choice(
            (torch.zeros(3), torch.full((2,), float("nan")), torch.zeros(0), torch.ones(2).bool())
        )
    else:
        holder[key] = copy.deepcopy(draw.choice(VALUES))
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
