"""The operations of the bundled networks without their weights, for OpenCV: harmonize/exported/graphs/.

    python -m benchmarks.graphs [--out DIR]

Needed when bundled weights have settings that no bundled ones had, or a network's operations changed; weights may
change without it. Networks that predict curves are left out, since OpenCV 5.0 lacks operations on whole numbers that
they need. Files that are not written any more are removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import onnx
import torch
from torch import Tensor, nn

from ccharmony import files
from harmonize.exported import export, opencv, session
from harmonize.exported.graph import PictureGraph
from harmonize.models.network import Network, ParametricNetwork
from harmonize.weights import bundled, checkpoint


class WithoutWeights(nn.Module):
    """A graph whose weights are arguments, so that constants are folded when it is traced and weights are not."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        floats = {name: tensor for name, tensor in inner.state_dict().items() if tensor.is_floating_point()}
        self.weights = {name: tensor.clone() for name, tensor in floats.items()}
        self._inner = [inner]  # in a list: a module's own parts bring their weights along

    def forward(self, composite: Tensor, mask: Tensor, *weights: Tensor) -> Tensor:
        """Harmonize with these weights."""
        for name, weight in zip(self.weights, weights, strict=True):
            _put(self._inner[0], name, weight)
        result: Tensor = self._inner[0](composite, mask)
        return result


def _put(net: nn.Module, name: str, weight: Tensor) -> None:
    """Let a traced tensor take the place of a parameter or buffer."""
    owner, _, last = name.rpartition(".")
    part = net.get_submodule(owner)
    part._parameters.pop(last, None)
    part._buffers.pop(last, None)
    part.__dict__[last] = weight


def to_graph(net: Network, name: str) -> bytes:
    """Return a network's operations, between pictures in [0, 1], as an ONNX model that lacks its weights."""
    graph = WithoutWeights(PictureGraph(net.eval().requires_grad_(False)))
    model = onnx.load_from_string(export.trace(graph, session.PICTURE, name, graph.weights))
    pictures = [value for value in model.graph.input if value.name in session.INPUTS]
    del model.graph.input[:]
    model.graph.input.extend(pictures)
    written: bytes = model.SerializeToString()
    return written


def list_graphs() -> Iterator[tuple[Path, bytes]]:
    """Yield the file and its content for every kind of bundled network that OpenCV runs."""
    for name in bundled.list_weights():
        net = checkpoint.load(name).net
        if not isinstance(net, ParametricNetwork):
            yield opencv.graph_of(bundled.read_notes(name)[0]), to_graph(net, name)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=opencv.GRAPHS, help="Folder.  [the package's]")
def main(out: Path) -> None:
    """Write the files."""
    found = {path.name: data for path, data in list_graphs()}
    for name, data in found.items():
        files.write_bytes(files.make_folder(out) / name, data)
        click.echo(f"{out / name}: {len(data) / 1e3:.0f} kB")
    for path in out.glob("*.onnx"):
        if path.name not in found:
            path.unlink()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
