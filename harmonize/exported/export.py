"""Networks written as ONNX files, and checked against torch."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ccharmony import __version__, files
from ccharmony.errors import SettingsError
from ccharmony.files import StrPath
from harmonize.exported import protobuf, session
from harmonize.exported.graph import ParameterGraph, PictureGraph
from harmonize.models.network import ParametricNetwork
from harmonize.weights import checkpoint

OPSET = 17
"""Of onnxruntime 1.13, 2022, and later."""

LARGEST_DIFFERENCE = 1e-4
"""Between torch and onnxruntime, in units of [0, 1]: a fortieth of a level."""

SIZES = ((1, 256, 256), (2, 250, 230), (1, 64, 64), (3, 97, 130), (1, 33, 256))
"""Batches, heights and widths at which a file is checked."""

_TRACED = (2, 250, 230)
"""No multiples of 32: the graph holds the padding that other sizes need."""


class Exported(NamedTuple):
    """What was written: the network's name and its largest difference from torch, over all checked sizes."""

    model: str
    difference: float


def export_onnx(path: Path, weights: StrPath) -> Exported:
    """Write a network as an ONNX file of dynamic batch, height and width, once it agrees with torch.

    Parameters
    ----------
    path
        File to write; :mod:`harmonize.exported.session` says what the graph takes and gives.
    weights
        Name of bundled weights, or a file.

    Returns
    -------
    Exported
        The network, and how far it is from torch.

    Raises
    ------
    WeightsError
        Weights that cannot be loaded.
    SettingsError
        A network that ONNX cannot hold or that differs from torch by more than `LARGEST_DIFFERENCE`, or onnxruntime,
        which checks it, is not installed.
    OutputError
        The file cannot be written.
    """
    loaded = checkpoint.load(weights)
    net = loaded.net.requires_grad_(False)
    graph: PictureGraph | ParameterGraph = PictureGraph(net)
    if isinstance(net, ParametricNetwork):
        graph = ParameterGraph(net, net.side)
    notes = {
        "harmonize_format": str(session.FORMAT),
        "version": __version__,
        "opset": str(OPSET),
        "settings": json.dumps(loaded.settings.to_dict()),
    }
    outputs = session.PARAMETERS if isinstance(graph, ParameterGraph) else session.PICTURE
    data = protobuf.seal(trace(graph.eval(), outputs, str(weights), {}) + protobuf.metadata(notes))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"checked{session.SUFFIX}"
        files.write_bytes(copy, data)
        difference = _compare(graph, session.open_session(copy))
    if not difference <= LARGEST_DIFFERENCE:
        raise SettingsError(f"{weights}: as ONNX it differs by {difference:.2g}, at most {LARGEST_DIFFERENCE} wanted")
    files.write_bytes(path, data)
    return Exported(loaded.settings.model, difference)


def trace(graph: nn.Module, outputs: Sequence[str], name: str, weights: Mapping[str, torch.Tensor]) -> bytes:
    """Return a graph as ONNX, by torch's older exporter: the newer one needs two more libraries.

    Parameters
    ----------
    graph
        Takes composites, masks, and one tensor for each of `weights`.
    outputs
        Names of what it gives: `PICTURE` or `PARAMETERS` of :mod:`harmonize.exported.session`.
    name
        What an error names.
    weights
        Tensors that are inputs of the model instead of values inside it, by name; mostly none.

    Returns
    -------
    bytes
        The model, of dynamic batch, height and width.

    Raises
    ------
    SettingsError
        ONNX cannot hold it, or the library onnx is not installed.
    """
    sides = {0: "batch", 2: "height", 3: "width"}
    moving = dict.fromkeys(session.INPUTS, sides)
    moving |= {output: sides if outputs == session.PICTURE else {0: "batch"} for output in outputs}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of sizes that are constants: they are multiples by construction
        file = Path(folder) / f"traced{session.SUFFIX}"
        try:
            torch.onnx.export(
                graph,
                (*_pictures(*_TRACED), *weights.values()),
                file,
                dynamo=False,
                opset_version=OPSET,
                input_names=[*session.INPUTS, *weights],
                output_names=list(outputs),
                dynamic_axes=moving,
            )
        except Exception as error:  # a network of one's own may hold anything
            if importlib.util.find_spec("onnx") is None:
                raise SettingsError("onnx is not installed, wanted: pip install 'ccharmony[export]'") from error
            reason = str(error).splitlines()[0]
            raise SettingsError(f"{name}: ONNX cannot hold this network ({reason})") from error
        return file.read_bytes()


def _pictures(count: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return noise and masks of an ellipse, softened, always the same."""
    random = torch.Generator().manual_seed(height)
    rows, columns = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    mask = (2 - 3 * torch.hypot(rows, columns)).clamp(0, 1).expand(count, 1, height, width)
    return torch.rand(count, 3, height, width, generator=random), mask.contiguous()


@torch.inference_mode()
def _compare(graph: PictureGraph | ParameterGraph, file: session.Session) -> float:
    """Return the largest difference of any output over all sizes."""
    largest = 0.0
    for shape in SIZES:
        composite, mask = _pictures(*shape)
        pairs = zip(file.run(composite.numpy(), mask.numpy()), graph.reference(composite, mask), strict=True)
        largest = max(largest, *(float(np.abs(one - other.numpy()).max()) for one, other in pairs))
    return largest
