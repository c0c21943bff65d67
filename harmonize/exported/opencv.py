"""Bundled weights, run by OpenCV's own networks: neither torch nor onnxruntime is needed.

A network's operations lie in ``graphs/``, in a file named after its settings, without weights; these come from the
bundled file. So weights may be replaced by others of the same settings. ``python -m benchmarks.graphs`` writes the
files.

On one thread a picture of 256x256 takes 0.20 s of the processor, in torch 0.12 s; but the import of torch takes 1.9 s.
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ccharmony import inputs
from ccharmony.arrays import Float32
from ccharmony.errors import WeightsError
from harmonize.exported import protobuf
from harmonize.exported.session import INPUTS, SUFFIX
from harmonize.weights import bundled

GRAPHS = Path(__file__).parent / "graphs"

_MOST_BYTES = 2**20
"""Of a graph without its weights; GiftNet's has 56 kB."""


class OpencvSession:
    """Bundled weights that are open; threads may share them.

    Attributes
    ----------
    name
        Of the weights.
    parametric
        Whether they give curves and map: OpenCV runs no such network.
    """

    parametric = False

    def __init__(self, name: str, model: bytes) -> None:
        self.name = name
        self._model = np.frombuffer(model, np.uint8)
        self._threads = threading.local()

    def run(self, composites: Float32, masks: Float32) -> list[Float32]:
        """Run the network, as :meth:`harmonize.exported.session.Session.run` does; raises WeightsError."""
        try:
            net = self._net()
            for name, values in zip(INPUTS, (composites, masks), strict=True):
                net.setInput(values, name)
            return [net.forward()]
        except cv2.error as error:
            raise WeightsError(f"{self.name}: OpenCV cannot run it ({error.err})") from error

    def _net(self) -> Any:
        """Return this thread's network, since one holds the values of one picture."""
        if not hasattr(self._threads, "net"):
            self._threads.net = cv2.dnn.readNetFromONNX(self._model)
        return self._threads.net


def graph_of(settings: Mapping[str, Any]) -> Path:
    """Return where the operations of a network of these settings would lie; there is no file where OpenCV has none."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return GRAPHS / f"{settings.get('model')}-{digest[:8]}{SUFFIX}"


def open_bundled(name: str) -> OpencvSession | None:
    """Open bundled weights, once for several calls; None where OpenCV cannot run them.

    Parameters
    ----------
    name
        Of bundled weights.

    Returns
    -------
    OpencvSession or None
        It runs on the CPU, with as many threads as OpenCV is told to use.

    Raises
    ------
    WeightsError
        The file of the weights is damaged.
    """
    graph = graph_of(bundled.read_notes(name)[0])
    if not graph.is_file():
        return None
    return _open(name, graph, (bundled.WEIGHTS / f"{name}.safetensors").stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _open(name: str, graph: Path, _time: int) -> OpencvSession:
    """Open weights; the time of their file is an argument so that they are opened again when it changes."""
    weights = {
        f"net.{key}": value for key, value in bundled.read_arrays(name).items()
    }  # as `graph.PictureGraph` has it
    return OpencvSession(name, inputs.read_bytes(graph, _MOST_BYTES) + protobuf.initializers(weights))
